import { assertEquals, assertStringIncludes } from "@std/assert";
import {
  aliases,
  catchAll,
  discard,
  domains,
  masquerade,
  quarantine,
  routing,
  subaddress,
} from "../../../src/policy/checks/mod.ts";
import type { Policy } from "../../../src/policy/policy.ts";
import { parseTable } from "../../../src/policy/rules/table.ts";
import { onStage } from "../../_dialogue.ts";
import { Asker } from "./_ask.ts";

type Row = readonly [policy: Policy, at: "mail" | "rcpt", address: string, expected: string];

async function assertRows(rows: readonly Row[]): Promise<void> {
  for (const [nth, [policy, at, address, expected]] of rows.entries()) {
    const asker = new Asker(policy);
    if (at === "rcpt") await asker.mail("from@sender.example");
    assertEquals(await asker[at](address), expected, `row ${nth}: ${at} ${address}`);
    assertEquals(asker.troubles, [], `row ${nth}`);
  }
}

const long = "x".repeat(64);

Deno.test("aliases: one to several, and their own aliases in turn", async () => {
  const map = {
    "staff@a.example": ["jane@a.example", "joe", "list@a.example"],
    "list@a.example": "x@b.example, jane@a.example,list@a.example",
    "loop@a.example": ["back@a.example", "out@c.example"],
    "back@a.example": "loop@a.example",
    "@d.example": "info@d.example",
    "quoted@a.example": '"a,b"@c.example, "a@b", c@c.example',
    postmaster: "root@a.example",
  };
  const table = parseTable("staff@a.example  jane@a.example, joe\n", "aliases");
  const policy = aliases({ map });
  await assertRows([
    [policy, "rcpt", "other@a.example", "-"],
    [
      policy,
      "rcpt",
      "Staff@A.example",
      "jane@a.example joe@a.example list@a.example x@b.example",
    ],
    [policy, "rcpt", "loop@a.example", "out@c.example"],
    [policy, "rcpt", "any@d.example", "info@d.example"],
    [policy, "rcpt", "info@d.example", "info@d.example"],
    [policy, "rcpt", "quoted@a.example", '"a,b"@c.example "a@b"@a.example c@c.example'],
    [aliases({ map: table }), "rcpt", "staff@a.example", "jane@a.example joe@a.example"],
  ]);
});

Deno.test("aliases: a map without an end fails the check, and the operator hears of it", async () => {
  const grow = {
    get: ({ path }: { path?: { localPart: string } }) =>
      `a${path!.localPart.length}${path!.localPart.slice(0, 20)}, b${path!.localPart.slice(0, 40)}`,
  };
  const rows = [
    [aliases({ map: { "a@x.example": "b@x.example", "b@x.example": "a@x.example" } }), "a circle"],
    [aliases({ map: grow as never }), "1000 addresses"],
    [aliases({ map: parseTable("a@x.example\n", "t") }), "at least one"],
    [aliases({ map: parseTable("a@x.example  a b c\n", "t") }), "Cannot make a path"],
  ] as const;
  for (const [policy, trouble] of rows) {
    const asker = new Asker(policy);
    await asker.mail("s@x.example");
    assertEquals(await asker.rcpt("a@x.example"), "451 4.3.0 Failed");
    assertStringIncludes(asker.troubles.join(), trouble);
  }
});

Deno.test("catch-all, domains, masquerade, subaddress: addresses and what becomes of them", async () => {
  const caught = catchAll({ to: "inbox@our.example", recipients: "our.example", except: "jane@*" });
  const moved = domains({ map: { "old.example": "new.example", ".sub.example": "new.example" } });
  const both = domains({ map: { "old.example": "[192.0.2.1]" }, of: "both" });
  const hidden = masquerade({ domains: ["example.org", "eu.example.org"], except: "root@*" });
  const cutOff = subaddress({ separators: "+-", recipients: "our.example" });
  await assertRows([
    [caught, "rcpt", "any@our.example", "inbox@our.example"],
    [caught, "rcpt", "inbox@our.example", "-"],
    [caught, "rcpt", "JANE@our.example", "-"],
    [caught, "rcpt", "any@other.example", "-"],
    [caught, "mail", "any@our.example", "-"],
    [catchAll({ to: "a@b.example" }), "rcpt", "Postmaster", "a@b.example"],
    [moved, "rcpt", '"A b"@OLD.example', '"A b"@new.example'],
    [moved, "rcpt", "a@x.y.sub.example", "a@new.example"],
    [moved, "rcpt", "a@sub.example", "-"],
    [moved, "rcpt", "Postmaster", "-"],
    [moved, "mail", "a@old.example", "-"],
    [both, "mail", "a@old.example", "a@[192.0.2.1]"],
    [both, "mail", "<>", "-"],
    [both, "rcpt", "a@old.example", "a@[192.0.2.1]"],
    [hidden, "mail", "a@Host.Example.org", "a@example.org"],
    [hidden, "mail", "a@b.c.eu.example.org", "a@eu.example.org"],
    [hidden, "mail", "a@example.org", "-"],
    [hidden, "mail", "a@eu.example.org", "-"],
    [hidden, "mail", "a@notexample.org", "-"],
    [hidden, "mail", "root@host.example.org", "-"],
    [hidden, "mail", "<>", "-"],
    [hidden, "rcpt", "a@host.example.org", "-"],
    [masquerade({ domains: "x.org", of: "recipients" }), "rcpt", "a@h.X.org", "a@x.org"],
    [cutOff, "rcpt", "user+detail-more@our.example", "user@our.example"],
    [cutOff, "rcpt", "user-@our.example", "user@our.example"],
    [cutOff, "rcpt", "+detail@our.example", "-"],
    [cutOff, "rcpt", "user+detail@other.example", "-"],
    [cutOff, "rcpt", '"a b+c"@our.example', '"a b"@our.example'],
    [cutOff, "rcpt", "Postmaster", "-"],
    [subaddress(), "rcpt", "jäne+x@any.example", "jäne@any.example"],
  ]);
});

Deno.test("domains: an address that does not fit any more is refused", async () => {
  const domain = `${"d".repeat(60)}.`.repeat(3) + "example";
  const asker = new Asker(domains({ map: { "a.example": domain } }));
  await asker.mail("s@x.example");
  assertEquals(
    await asker.rcpt(`${long}@a.example`),
    "553 5.1.0 Address does not fit once rewritten",
  );
  assertEquals(await asker.rcpt("x@a.example"), `x@${domain}`);
});

Deno.test("routing, discard, quarantine: where mail goes", async () => {
  const upstreams = { "a.example": "one", "b@b.example": "two" };
  const bySender = routing({ map: upstreams, by: "sender" });
  const aside = quarantine({
    upstream: "aside",
    recipients: "bad.example",
    senders: "sender.example",
  });
  await assertRows([
    [routing({ map: upstreams }), "rcpt", "x@a.example", "- to one"],
    [routing({ map: upstreams }), "rcpt", "b@b.example", "- to two"],
    [routing({ map: upstreams }), "rcpt", "c@b.example", "-"],
    [routing({ map: upstreams }), "mail", "x@a.example", "-"],
    [bySender, "mail", "x@a.example", "- to one"],
    [bySender, "mail", "<>", "-"],
    [bySender, "rcpt", "x@a.example", "-"],
    [discard(), "mail", "any@x.example", "discard"],
    [discard({ senders: "<>" }), "mail", "<>", "discard"],
    [discard({ senders: "<>" }), "mail", "any@x.example", "-"],
    [discard({ recipients: "a.example" }), "mail", "any@x.example", "-"],
    [discard({ recipients: "a.example" }), "rcpt", "any@a.example", "discard"],
    [discard({ recipients: "a.example" }), "rcpt", "any@b.example", "-"],
    [discard({ recipients: "a.example", senders: "no" }), "rcpt", "any@a.example", "-"],
    [quarantine({ upstream: "aside" }), "mail", "any@a.example", "- to aside"],
    [aside, "rcpt", "any@bad.example", "- to aside"],
    [aside, "rcpt", "any@good.example", "-"],
  ]);
  const byLogin = routing({ map: { "DOM\\joe": "one" }, by: "login" });
  for (
    const [login, expected] of [["DOM\\joe", "- to one"], ["x", "-"], [undefined, "-"]] as const
  ) {
    assertEquals(await new Asker(byLogin, { login }).mail("a@x.example"), expected);
  }
});

Deno.test("aliases in a session: the upstream has both, the client one reply", () => {
  const policy = aliases({ map: { "both@x.example": ["a@x.example", "b@x.example"] } });
  return onStage({ offers: ["PIPELINING"], proxy: { policy } }, async (stage) => {
    const client = await stage.ready();
    await client.send("MAIL FROM:<s@client.example>\r\n");
    const upstream = await stage.upstream.accept();
    await upstream.expect("MAIL FROM:<s@client.example>");
    await upstream.send("250 2.1.0 Ok\r\n");
    await client.expect("250 2.1.0 Ok");
    await client.send("RCPT TO:<both@x.example>\r\n");
    await upstream.expect("RCPT TO:<a@x.example>", "RCPT TO:<b@x.example>");
    await upstream.send("250 2.1.5 First\r\n250 2.1.5 Second\r\n");
    await client.expect("250 2.1.5 First");
    await client.expectNothing();
  });
});
