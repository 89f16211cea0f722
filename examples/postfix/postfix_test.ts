import { assertMatch } from "@std/assert";
import { listen } from "@sluice/sluice/deno";
import { Client } from "../../tests/interop/_client.ts";
import { assertArrived, SMALL } from "../../tests/interop/_messages.ts";
import { startPostfix } from "../../tests/interop/_postfix.ts";
import { interop } from "../../tests/interop/_tools.ts";
import { filterBefore } from "./filter.ts";

interop("postfix: what passes the filter is delivered", ["postfix"], async () => {
  await using postfix = await startPostfix();
  const filter = filterBefore(postfix.port);
  const listener = await listen({ transport: "tcp", host: "127.0.0.1", port: 0 });
  const served = filter.serve(listener, { xclientFrom: ["127.0.0.1"] });
  if (listener.address.transport !== "tcp") throw new Error("not at TCP");
  const { port } = listener.address;
  {
    using impostor = await Client.connect(port);
    assertMatch(await impostor.command("EHLO mx.test.example"), /^550 5\.7\.1 /);

    using client = await Client.connect(port);
    await client.commands("XCLIENT ADDR=192.0.2.9", "EHLO client.example.net");
    assertMatch(await client.command("MAIL FROM:<boss@test.example>"), /^550 5\.7\.1 Log in/);
    await client.commands("MAIL FROM:<a@client.example.net>");
    // Postfix's own word.
    assertMatch(await client.command("RCPT TO:<refused@test.example>"), /^550 5\.1\.1 /);
    await client.commands("RCPT TO:<box@test.example>", "DATA");
    await client.send(SMALL.octets);
    await client.commands(".", "QUIT");
  }
  const [{ file }] = await postfix.delivered(1);
  assertArrived(file, SMALL);
  await postfix.logged(/: client=\S*\[192\.0\.2\.9\]/);
  await filter.close();
  await served;
});
