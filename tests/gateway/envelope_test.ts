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
      "rcpt-to": `<b@y.example> NOTIFY=SUCCESS,FAILURE, <"c, d"@y.example> NOTIFY=NEVER`,
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
