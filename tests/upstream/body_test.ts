import { assertEquals } from "@std/assert";
import { memoryPair } from "../../src/adapters/memory.ts";
import { encode } from "../../src/bytes.ts";
import { Extensions } from "../../src/rfc5321/extension.ts";
import { Reply } from "../../src/rfc5321/reply.ts";
import { Dialogue } from "../../src/upstream/smtp/dialogue.ts";
import { SmtpLink } from "../../src/upstream/smtp/link.ts";
import { defaultTimeouts } from "../../src/upstream/smtp/timeouts.ts";
import { FakeClock } from "../_clock.ts";
import { Peer, rest } from "../_peer.ts";

const OK = "250 2.0.0 Ok\r\n";

Deno.test("BdatBody: what waits for a sign of life is not sent once it is taken back", async () => {
  const [near, far] = memoryPair();
  const server = new Peer("server", far);
  const dialogue = new Dialogue(near, new FakeClock(), 10_000);
  const link = new SmtpLink(
    dialogue,
    Extensions.parse(new Reply(250, ["server.example", "CHUNKING"])),
    undefined,
    {
      protocol: "smtp",
      timeouts: defaultTimeouts,
      chunking: "always",
      chunkSize: 8,
      xforward: false,
      keepSourceRoutes: false,
    },
  );
  const opened = await link.data("content", {});
  if (opened instanceof Reply) throw new Error(opened.text);
  const { body } = opened;
  body.keepAlive!();
  await server.expect("NOOP");
  const written = body.write(encode("0123456789\r\n"));
  const taken = body.cancel();
  await server.send(OK);
  await rest();
  assertEquals(server.take(), "RSET\r\n");
  await server.send(OK);
  await Promise.all([written, taken]);
  link.abort();
  await dialogue.done;
  server.close();
});
