import { assertEquals, assertThrows } from "@std/assert";
import { fieldsOf, readEnvelope } from "../../src/gateway/envelope.ts";
import { RequestFault } from "../../src/gateway/request_fault.ts";

const at = (query: string) => `http://localhost/messages${query}`;

function envelopeOf(query: string, headers: Record<string, string> = {}) {
  const { reversePath, parameters, recipients } = readEnvelope(
    fieldsOf(at(query), new Headers(headers)),
  );
  return {
    from: [String(reversePath), parameters],
    to: recipients.map((one) => [String(one.forwardPath), one.parameters]),
  };
}

Deno.test("an envelope in the query, in the header, and in both", () => {
  const expected = {
    from: ["<a@x.example>", {}],
    to: [["<b@y.example>", {}], ["<c@y.example>", {}]],
  };
  for (
    const [query, headers] of [
      ["?from=a@x.example&to=b@y.example&to=c@y.example", {}],
      ["?from=<a@x.example>&to=<b@y.example>&to=c%40y.example", {}],
      ["", { "mail-from": "<a@x.example>", "rcpt-to": "<b@y.example>, <c@y.example>" }],
      ["?from=a@x.example&to=b@y.example", { "rcpt-to": "<c@y.example>" }],
    ] as const
  ) assertEquals(envelopeOf(query, headers), expected);
});

Deno.test("the null reverse-path", () => {
  for (const from of ["", "<>"]) {
    assertEquals(envelopeOf(`?from=${from}&to=b@y.example`).from, ["<>", {}]);
  }
});

Deno.test("parameters, as behind MAIL and RCPT", () => {
  assertEquals(
    envelopeOf("", {
      "mail-from": "<a@x.example> RET=HDRS ENVID=1+2B1",
      "rcpt-to": `<b@y.example> NOTIFY=SUCCESS%2CFAILURE, <"c%2C d"@y.example> NOTIFY=NEVER`,
    }),
    {
      from: ["<a@x.example>", { ret: "HDRS", envid: "1+2B1" }],
      to: [
        ["<b@y.example>", { notify: ["SUCCESS", "FAILURE"] }],
        [`<"c, d"@y.example>`, { notify: ["NEVER"] }],
      ],
    },
  );
});

Deno.test("an address beyond ASCII asks for SMTPUTF8", () => {
  for (const query of ["?from=jörg@x.example&to=b@y.example", "?from=&to=b@bücher.example"]) {
    assertEquals(envelopeOf(query).from[1], { smtputf8: true });
  }
});

Deno.test("in the header, %XX for %, commas and what is not ASCII", () => {
  const { from, to } = envelopeOf("", {
    "mail-from": "j%C3%B6rg@x.example",
    "rcpt-to": "user%25host@y.example,<b%C3%A4r@y.example>",
  });
  assertEquals(from, ["<jörg@x.example>", { smtputf8: true }]);
  assertEquals(to.map(([path]) => path), ["<user%host@y.example>", "<bär@y.example>"]);
  // A query has been decoded when it is read.
  assertEquals(envelopeOf("?from=&to=user%2525host@y.example").to[0][0], "<user%25host@y.example>");
});

Deno.test("what is no envelope", () => {
  for (
    const [query, words] of [
      ["?to=b@y.example", `found 0 times "from"`],
      ["?from=&from=&to=b@y.example", `found 2 times "from"`],
      ["?from=a@x.example", `found no "to"`],
      ["?from=a&to=b@y.example", `found "a" as "from" (no mailbox)`],
      ["?from=&to=", `found "" as "to" (no mailbox)`],
      ["?from=&to=<>", `found "<>" as "to"`],
      ["?from=&to=b@y.example%0D%0ADATA", "no mailbox"],
      ["?from=&to=b@y.example>%0D%0ARCPT TO:<c@y.example", "no mailbox"],
      ["?from=&to=b@y.example> X=1", "unknown-parameter X"],
      ["?from=<> X=1&to=b@y.example", "unknown-parameter X"],
      ["?from=<> BODY=9BIT&to=b@y.example", "parameter-syntax BODY"],
      ["?from=postmaster&to=b@y.example", "no mailbox"],
    ]
  ) {
    const error = assertThrows(() => envelopeOf(query), RequestFault, words, query);
    assertEquals([error.status, error.code], [400, "bad-envelope"]);
  }
});

Deno.test("a header field that is not in this form", () => {
  for (const [field, text] of [["mail-from", "%"], ["rcpt-to", "<b@y.example>, <%FF@y.example>"]]) {
    const headers = { "mail-from": "<>", "rcpt-to": "<b@y.example>", [field]: text };
    const error = assertThrows(() => envelopeOf("", headers), RequestFault, "%XX of UTF-8");
    assertEquals([error.status, error.code], [400, "bad-envelope"]);
  }
});
