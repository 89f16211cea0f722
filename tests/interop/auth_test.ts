import { assert, assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import { serveAccounts } from "./_accounts.ts";
import { createAuthority } from "./_authority.ts";
import { Client } from "./_client.ts";
import { SMALL } from "./_messages.ts";
import { type PostfixInstance, startPostfix } from "./_postfix.ts";
import { startSluice } from "./_sluice.ts";
import { interop, run } from "./_tools.ts";

const USER = "ada";
const PASSWORD = "Lovelace 1815";
const TOKEN = btoa(`\0${USER}\0${PASSWORD}`);

const swaks = (port: number, password: string, ...args: string[]) =>
  run("swaks", [
    ...["--server", "127.0.0.1", "--port", `${port}`, "--auth-user", USER],
    ...["--auth-password", password, "--from", "sender@test.example", "--to", "box@test.example"],
    ...args,
  ]);

/** The line of Postfix's log about the client of the one message just delivered. */
async function clientOfDelivered(postfix: PostfixInstance): Promise<string> {
  const [{ file }] = await postfix.delivered(1);
  const queueId = /\(Postfix\) with \S+ id (\w+)/.exec(new TextDecoder().decode(file))?.[1];
  const [line] = await postfix.logged(new RegExp(`^.*smtpd.* ${queueId}: client=.*$`, "m"));
  return line;
}

interop("AUTH is Postfix's to decide", ["postfix", "swaks", "openssl"], async (t) => {
  await using accounts = serveAccounts({ [USER]: PASSWORD });
  await using postfix = await startPostfix({ authentication: accounts.address });
  await using authority = await createAuthority();
  const { cert, key } = await authority.issue("localhost");
  const serve = (...args: string[]) =>
    startSluice([
      ...["--listen", "127.0.0.1:0", "--upstream", `smtp://127.0.0.1:${postfix.port}?tls=none`],
      ...args,
    ]);

  for (const mechanism of ["PLAIN", "LOGIN"]) {
    await t.step(`${mechanism} is relayed`, async () => {
      await using sluice = await serve("--auth", "relay", "--insecure-auth");
      const { code, output } = await swaks(sluice.ports[0], PASSWORD, "--auth", mechanism);
      assertEquals(code, 0, output);
      const line = await clientOfDelivered(postfix);
      assertMatch(line, new RegExp(`sasl_method=${mechanism}, sasl_username=${USER}$`));
    });

    await t.step(`${mechanism} with a wrong password`, async () => {
      await using sluice = await serve("--auth", "relay", "--insecure-auth");
      const { code, output } = await swaks(sluice.ports[0], "wrong", "--auth", mechanism);
      assert(code !== 0 && /<\*\* 535 5\.7\.8 /.test(output), output);
    });
  }

  await t.step("a client without login does not inherit one", async () => {
    await using sluice = await serve("--auth", "relay", "--insecure-auth");
    using known = await Client.connect(sluice.ports[0]);
    await known.commands("EHLO known.example.net", `AUTH PLAIN ${TOKEN}`);
    assertMatch(await known.attempt(SMALL), /^250 /);
    assertMatch(await clientOfDelivered(postfix), /sasl_username=/);
    await known.commands("QUIT");
    using unknown = await Client.connect(sluice.ports[0]);
    assertMatch(await unknown.attempt(SMALL), /^250 /);
    assertNotMatch(await clientOfDelivered(postfix), /sasl_username=/);
  });

  await t.step("a cancelled exchange leaves the session usable", async () => {
    await using sluice = await serve("--auth", "relay", "--insecure-auth");
    using client = await Client.connect(sluice.ports[0]);
    await client.commands("EHLO client.example.net", "AUTH PLAIN");
    assertMatch(await client.command("*"), /^501 /);
    await client.commands(`AUTH PLAIN ${TOKEN}`);
    assertMatch(await client.attempt(SMALL), /^250 /);
    assertMatch(await clientOfDelivered(postfix), /sasl_username=/);
  });

  await t.step("not in the clear", async () => {
    await using sluice = await serve("--auth", "relay");
    using client = await Client.connect(sluice.ports[0]);
    assertNotMatch(await client.command("EHLO client.example.net"), /AUTH/);
    assertMatch(await client.command(`AUTH PLAIN ${TOKEN}`), /^538 /);
  });

  await t.step("under TLS", async () => {
    await using sluice = await serve("--auth", "relay", "--cert", cert, "--key", key);
    const { code, output } = await swaks(sluice.ports[0], PASSWORD, "--auth", "PLAIN", "--tls");
    assertEquals(code, 0, output);
    assertMatch(await clientOfDelivered(postfix), /sasl_username=/);
  });

  await t.step("off", async () => {
    await using sluice = await serve("--auth", "off", "--insecure-auth");
    using client = await Client.connect(sluice.ports[0]);
    assertNotMatch(await client.command("EHLO client.example.net"), /AUTH/);
    assertMatch(await client.command(`AUTH PLAIN ${TOKEN}`), /^502 /);
  });

  await t.step("required", async () => {
    await using sluice = await serve("--auth", "require", "--insecure-auth");
    using client = await Client.connect(sluice.ports[0]);
    assertMatch(await client.attempt(SMALL), /^530 5\.7\.0 /);
    await client.commands(`AUTH PLAIN ${TOKEN}`);
    assertMatch(await client.attempt(SMALL), /^250 /);
    assertMatch(await clientOfDelivered(postfix), /sasl_username=/);
  });
});
