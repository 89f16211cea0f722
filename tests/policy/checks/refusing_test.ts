import { assertEquals } from "@std/assert";
import { access, hello, senderLogin, sizes } from "../../../src/policy/checks/mod.ts";
import type { AccessOptions, HelloOptions } from "../../../src/policy/checks/mod.ts";
import { compose, definePolicy } from "../../../src/policy/policy.ts";
import { parseTable } from "../../../src/policy/rules/table.ts";
import { rewrite } from "../../../src/policy/verdicts.ts";
import type { ClientFacts } from "../../../src/session/facts.ts";
import { Asker, path } from "./_ask.ts";

const denied = "550 5.7.1 Access denied";
const deniedClient = "554 5.7.1 Access denied";

Deno.test("access: what each phase says of the lists", async () => {
  const table = parseTable("spam.example 550 5.7.1 Listed as spam\nham.example\n", "t");
  type Phase = "connect" | "ehlo" | "mail" | "rcpt";
  const rows: readonly [AccessOptions, Phase, string, string][] = [
    [{ denyClients: "192.0.2.0/24" }, "connect", "192.0.2.1", deniedClient],
    [{ denyClients: ["192.0.2.0/24"] }, "connect", "::ffff:192.0.2.1", deniedClient],
    [{ denyClients: ["192.0.2.0/24"] }, "connect", "192.0.3.1", "-"],
    [{ denyClients: "192.0.2.0/24", allowClients: "192.0.2.7" }, "connect", "192.0.2.7", "-"],
    [{ denyClients: "192.0.2.0/24", allowClients: "192.0.2.7" }, "connect", "192.0.3.7", "-"],
    [{ allowClients: "192.0.2.0/24" }, "connect", "192.0.3.1", deniedClient],
    [{ allowClients: [] }, "connect", "192.0.3.1", deniedClient],
    [{ denyClients: [] }, "connect", "", "-"],
    [{ denyClients: ".dyn.example" }, "connect", "name.dyn.example", deniedClient],
    [{ denyHellos: ["*.local", "[192.0.2.9]"] }, "ehlo", "PC.Local", denied],
    [{ denyHellos: ["*.local", "[192.0.2.9]"] }, "ehlo", "[192.0.2.9]", denied],
    [{ denyHellos: "*.local" }, "ehlo", "local", "-"],
    [{ denySenders: "spam.example" }, "mail", "Any@SPAM.example", denied],
    [{ denySenders: "Bob@spam.example" }, "mail", "bOB@spam.example", denied],
    [{ denySenders: "spam.example" }, "mail", "<>", "-"],
    [{ denySenders: "<>" }, "mail", "<>", denied],
    [
      { denySenders: [table, "more.example"] },
      "mail",
      "a@spam.example",
      "550 5.7.1 Listed as spam",
    ],
    [{ denySenders: [table, "more.example"] }, "mail", "a@ham.example", denied],
    [{ denySenders: [table, "more.example"] }, "mail", "a@more.example", denied],
    [{ allowRecipients: "our.example" }, "rcpt", "a@other.example", denied],
    [{ allowRecipients: "our.example" }, "rcpt", "a@our.example", "-"],
    [
      { denyRecipients: "a@x.example", reply: "450 4.2.1 Later" },
      "rcpt",
      "a@x.example",
      "450 4.2.1 Later",
    ],
  ];
  for (const [options, phase, subject, expected] of rows) {
    const client = phase !== "connect"
      ? {}
      : subject.startsWith("name")
      ? { name: subject }
      : { address: subject };
    const asker = new Asker(access(options), client);
    const found = phase === "connect" ? await asker.connect() : await asker[phase](subject);
    assertEquals(found, expected, `${JSON.stringify(options)} ${subject}`);
  }
});

Deno.test("sizes: declared, real, and the number of RCPT commands", async () => {
  const asker = new Asker(sizes({ messageSize: "1k", recipients: 2, senders: "limited.example" }));
  assertEquals(await asker.mail("a@limited.example", 1025), "552 5.3.4 Message too big");
  assertEquals(await asker.mail("a@free.example", 1025), "-");
  for (let nth = 0; nth < 3; nth++) assertEquals(await asker.rcpt("b@x.example"), "-");
  assertEquals(await asker.content(1025), "-");
  assertEquals(await asker.mail("a@limited.example", 1024), "-");
  const answers = [];
  for (let nth = 0; nth < 3; nth++) answers.push(await asker.rcpt("b@x.example"));
  assertEquals(answers, ["-", "-", "452 4.5.3 Too many recipients"]);
  assertEquals(await asker.content(1024), "-");
  assertEquals(await asker.content(1025), "552 5.3.4 Message too big");
});

Deno.test("sizes: one command counts once, whatever became of it", async () => {
  const two = [path("x@a.example"), path("y@a.example")];
  const fork = definePolicy({ rcpt: () => rewrite(two) });
  const asker = new Asker(compose(fork, sizes({ recipients: 2 })));
  await asker.mail("a@b.example");
  const answers = [];
  for (let nth = 0; nth < 3; nth++) answers.push(await asker.rcpt("b@x.example"));
  const both = "x@a.example y@a.example";
  assertEquals(answers, [both, both, "452 4.5.3 Too many recipients"]);
});

Deno.test("sizes: clients and logins", async () => {
  const policy = sizes({ messageSize: 10, clients: "192.0.2.0/24", logins: "jane" });
  const rows: readonly [Partial<ClientFacts>, boolean][] = [
    [{ login: "jane" }, true],
    [{ login: "joe" }, false],
    [{}, false],
    [{ login: "jane", address: "198.51.100.1" }, false],
  ];
  for (const [client, refused] of rows) {
    const answer = await new Asker(policy, client).mail("a@x.example", 11);
    assertEquals(answer.startsWith("552"), refused, JSON.stringify(client));
  }
});

Deno.test("hello: names and literals", async () => {
  const other = "198.51.100.1";
  const good = "-";
  const fqdn = "550 5.7.1 HELO needs a fully qualified domain name or an address literal";
  const mismatch = "550 5.7.1 HELO with the address of another host";
  const own = "550 5.7.1 HELO with our own name";
  const none = "550 5.7.1 HELO with an address literal is not taken";
  const rows: readonly [HelloOptions, string, string, string][] = [
    [{}, "mail.client.example", other, good],
    [{}, "localhost", other, fqdn],
    [{}, "192.0.2.1", "192.0.2.1", fqdn],
    [{}, "a_b.example", other, fqdn],
    [{}, "-a.example", other, fqdn],
    [{}, `${"a".repeat(64)}.example`, other, fqdn],
    [{}, `${"a".repeat(63)}.example`, other, good],
    [{}, "xn--bcher-kva.xn--p1ai", other, good],
    [{}, `${"a.".repeat(200)}`, other, fqdn],
    [{ fqdn: false }, "localhost", other, good],
    [{}, "[198.51.100.1]", other, good],
    [{}, "[198.51.100.2]", other, mismatch],
    [{}, "[IPv6:2001:DB8:0::1]", "2001:db8::1", good],
    [{}, "[IPv6:::ffff:198.51.100.1]", other, good],
    [{}, "[tag:whatever]", other, mismatch],
    [{}, "[198.51.100.1]", "no address", mismatch],
    [{}, "[198.51.100.2]", "", good],
    [{ literal: "any" }, "[198.51.100.2]", other, good],
    [{ literal: "any" }, "[192.0.2.25]", other, own],
    [{ literal: "any" }, "[192.0.2.25]", "192.0.2.25", good],
    [{ literal: "refuse" }, "[198.51.100.1]", other, none],
    [{ own: "mx.our.example" }, "MX.our.example", other, own],
    [{ deny: ["*.dyn.example"] }, "a.b.dyn.example", other, "550 5.7.1 HELO name not welcome"],
  ];
  for (const [options, name, address, expected] of rows) {
    const answer = await new Asker(hello(options), { address }).ehlo(name);
    assertEquals(answer, expected, `${JSON.stringify(options)} ${name} ${address}`);
  }
  assertEquals(await new Asker(hello(), { trusted: true }).ehlo("localhost"), good);
});

Deno.test("hello: at MAIL a login excuses the name", async () => {
  const policy = hello({ at: "mail" });
  assertEquals(await new Asker(policy).ehlo("localhost"), "-");
  const asker = new Asker(policy, { hello: "localhost" });
  assertEquals((await asker.mail("a@x.example")).slice(0, 9), "550 5.7.1");
  asker.client = { hello: "localhost", login: "jane" };
  assertEquals(await asker.mail("a@x.example"), "-");
});

Deno.test("sender-login: who may send as whom", async () => {
  const refused = "553 5.7.1 Sender not owned by this login";
  const table = parseTable("bob bob@x.example, .team.example\nann@x.example <>\n", "logins");
  const written = { jane: ["j@x.example", "@y.example"], "DOM\\joe": "joe@x.example" };
  const map = senderLogin({ logins: written, protect: "x.example" });
  const kept = senderLogin({ logins: table, self: false });
  const rows: readonly [typeof map, string | undefined, string, string][] = [
    [map, "jane", "j@x.example", "-"],
    [map, "jane", "any@y.example", "-"],
    [map, "jane", "other@x.example", refused],
    [map, "Jane", "j@x.example", refused],
    [map, "DOM\\joe", "joe@x.example", "-"],
    [map, "nobody", "j@x.example", refused],
    [map, "nobody", "<>", "-"],
    [map, "me@z.example", "me@Z.example", "-"],
    [map, "me@z.example", "you@z.example", refused],
    [map, "constructor", "j@x.example", refused],
    [map, undefined, "j@x.example", "530 5.7.0 Authentication required for this sender"],
    [map, undefined, "j@elsewhere.example", "-"],
    [kept, "bob", "bob@x.example", "-"],
    [kept, "bob", "any@a.team.example", "-"],
    [kept, "ann@x.example", "ann@x.example", refused],
    [kept, undefined, "bob@x.example", "-"],
  ];
  for (const [policy, login, sender, expected] of rows) {
    assertEquals(await new Asker(policy, { login }).mail(sender), expected, `${login} ${sender}`);
  }
  assertEquals(await new Asker(map, { trusted: true }).mail("j@x.example"), "-");
});
