import { assertEquals, assertThrows } from "@std/assert";
import type { MailParameters } from "../../src/rfc5321/parameter.ts";
import { Path } from "../../src/rfc5321/path.ts";
import type { ClientFacts } from "../../src/session/facts.ts";
import { printEnvelope, printRecipient, readEnvelope } from "../../src/upstream/http/envelope.ts";

const client: ClientFacts = {
  address: "192.0.2.1",
  port: 4321,
  hello: "client.example",
  extended: true,
  trusted: false,
};

Deno.test("http envelope: what is said is what is read", () => {
  const parameters: MailParameters = { body: "8BITMIME", smtputf8: true, envid: "a+2Bb" };
  const recipients = [
    { forwardPath: Path.from("jürgen@bücher.example"), parameters: {} },
    {
      forwardPath: Path.from('"a, <b>%41"@y.example'),
      parameters: {
        notify: ["FAILURE", "DELAY"],
        orcpt: { addressType: "rfc822", address: "c@y.example" },
      } as const,
    },
    { forwardPath: Path.from("user%host@y.example"), parameters: {} },
    { forwardPath: Path.from("Postmaster"), parameters: {} },
  ];
  const printed = recipients.map((one) => printRecipient(one.forwardPath, one.parameters));
  const origin = { id: "k3f9-1", client: { ...client, login: "günter, 100%" } };
  const headers = printEnvelope({ reversePath: Path.null, parameters }, printed, origin);
  assertEquals([...headers], [
    ["client-address", "192.0.2.1"],
    ["client-hello", "client.example"],
    ["client-login", "g%C3%BCnter%2C 100%25"],
    ["client-protocol", "ESMTP"],
    ["mail-from", "<> BODY=8BITMIME SMTPUTF8 ENVID=a+2Bb"],
    ["mail-transaction", "k3f9-1"],
    [
      "rcpt-to",
      "<j%C3%BCrgen@b%C3%BCcher.example>, " +
      '<"a%2C <b>%2541"@y.example> NOTIFY=FAILURE%2CDELAY ORCPT=rfc822;c@y.example, ' +
      "<user%25host@y.example>, <Postmaster>",
    ],
  ]);
  assertEquals(readEnvelope(headers), {
    reversePath: Path.null,
    parameters,
    recipients,
    transaction: "k3f9-1",
    client: {
      address: "192.0.2.1",
      hello: "client.example",
      protocol: "ESMTP",
      login: "günter, 100%",
    },
  });
});

Deno.test("http envelope: what a trusted peer has told goes before the client, but for its login", () => {
  const origin = { id: "1", client, forwarded: { address: "203.0.113.9", name: "far.example" } };
  const envelope = { reversePath: Path.from("a@x.example"), parameters: {} };
  const fields = Object.fromEntries(printEnvelope(envelope, ["<b@y.example>"], origin));
  assertEquals(fields["client-address"], "203.0.113.9");
  assertEquals(fields["client-name"], "far.example");
  assertEquals(fields["client-hello"], undefined);
  const lmtp = printEnvelope(envelope, [], { id: "1", client, protocol: "lmtp" });
  assertEquals(lmtp.get("client-protocol"), "LMTP");
});

Deno.test("http envelope: what is none is named", () => {
  const good = {
    "mail-from": "<a@x.example>",
    "rcpt-to": "<b@y.example>",
    "mail-transaction": "1",
  };
  const rows: readonly [Record<string, string | undefined>, message: string][] = [
    [{ "mail-from": undefined }, "the field mail-from: found none"],
    [{ "rcpt-to": undefined }, "the field rcpt-to: found none"],
    [{ "mail-transaction": undefined }, "the field mail-transaction: found none"],
    [{ "mail-from": "a@x.example" }, 'mail-from: found "a@x.example"'],
    [{ "mail-from": "<a@x.example> NOTIFY=NEVER" }, "mail-from"],
    [{ "mail-from": "<a%0D%0A@x.example>" }, "mail-from"],
    [{ "rcpt-to": "" }, 'rcpt-to: found ""'],
    [{ "rcpt-to": "<b@y.example>, " }, 'rcpt-to: found ""'],
    [{ "rcpt-to": "<%FF@y.example>" }, "rcpt-to"],
    [{ "rcpt-to": "<b@y.example>;x" }, "rcpt-to"],
    [{ "client-hello": "%" }, 'client-hello: found "%"'],
  ];
  for (const [change, message] of rows) {
    const fields = Object.entries({ ...good, ...change }).filter(([, value]) =>
      value !== undefined
    );
    assertThrows(
      () => readEnvelope(new Headers(fields as [string, string][])),
      RangeError,
      message,
      JSON.stringify(change),
    );
  }
});
