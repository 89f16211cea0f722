/**
 * Authentication-Results fields that claim to be ours (RFC 8601 §5).
 */

import { assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { authentication } from "../../src/auth/authentication.ts";
import { claims } from "../../src/auth/authserv_id.ts";
import { HeaderSection } from "../../src/message/header_section.ts";
import { addHeader, compose, definePolicy, reject } from "../../src/policy/mod.ts";
import { deliver } from "../content/_deliver.ts";
import { resolverOf } from "./_zone.ts";

const forged: readonly string[] = [
  "mx.example; dmarc=pass",
  "MX.Example; dmarc=pass",
  "mx.example",
  "mx.example 1; dmarc=pass",
  "mx.example(who else); dmarc=pass",
  "(a comment) mx.example; dmarc=pass",
  "(a (nested) one) (and another) mx.example; dmarc=pass",
  "(one that \\) goes on) mx.example; dmarc=pass",
  '"mx.example"; dmarc=pass',
  '"m\\x.exampl\\e"; dmarc=pass',
  "\r\n mx.example; dmarc=pass",
  "\r\n\tmx.example\r\n ; dmarc=pass",
  "mx.example.; dmarc=pass",
  "(a comment without an end mx.example; dmarc=pass",
  '"mx.example; dmarc=pass',
  "; dmarc=pass",
  "",
  "mx.example/3ecf47dc; dmarc=pass",
  "mx.example./1; dmarc=pass",
  '"mx.example "; dmarc=pass',
  "mx.example\f; dmarc=pass",
  "mx.example\u00a0; dmarc=pass",
  "mx.\u200bexample; dmarc=pass",
  "=?us-ascii?q?mx.example?=; dmarc=pass",
];

const others: readonly string[] = [
  "other.example; dmarc=pass",
  "mx.example.net; dmarc=pass",
  "not-mx.example; dmarc=pass",
  "(mx.example) other.example; dmarc=pass",
  '"other.example"; x="mx.example"',
  "other.example/mx.example; dmarc=pass",
  "m\u00fcnchen.example; dmarc=pass",
  "spf=pass smtp.mailfrom=x.example; dmarc=pass",
];

Deno.test("a forged field never survives, those of others do", async (t) => {
  const policy = authentication({ authservId: "Mx.Example", resolver: resolverOf({}) });
  for (const value of forged) {
    await t.step(JSON.stringify(value), async () => {
      const field = `AUTHENTICATION-results : ${value}\r\n`;
      const message = `X: 1\r\n${field}Y: 2\r\n\r\n${field}`;
      const { content } = await deliver(policy, message, { client: { login: "a" } });
      assertEquals(content, `X: 1\r\nY: 2\r\n\r\n${field}`);
    });
  }
  for (const value of others) {
    await t.step(`not ${JSON.stringify(value)}`, async () => {
      const message = `Authentication-Results: ${value}\r\nFrom: a@x.example\r\n\r\nHi\r\n`;
      const { content } = await deliver(policy, message, { client: { login: "a" } });
      assertEquals(content, message);
    });
  }
});

const FORGED = "Authentication-Results: mx.example; dmarc=pass\r\n";

Deno.test("nor in a message that is larger than the window", async () => {
  const policy = authentication({ authservId: "mx.example", resolver: resolverOf({}) });
  const rest = `From: a@x.example\r\n\r\n${"Hello\r\n".repeat(20_000)}`;
  const { content } = await deliver(policy, `${FORGED}${rest}${FORGED}`);
  assertEquals(content === `${rest}${FORGED}`, true);
});

Deno.test("nor by what a policy before it puts on top", async () => {
  const before = definePolicy({
    headers: () => addHeader("Authentication-Results", "other.example; none"),
  });
  const policy = compose(
    before,
    authentication({ authservId: "mx.example", resolver: resolverOf({}) }),
  );
  const kept = "Authentication-Results: third.example; none\r\n";
  const message = `${kept}${FORGED}${kept}${FORGED}From: a@x.example\r\n\r\nHi\r\n`;
  const { content } = await deliver(policy, message, { client: { login: "a" } });
  const added = "Authentication-Results: other.example; none\r\n";
  assertEquals(content, `${added}${kept}${kept}From: a@x.example\r\n\r\nHi\r\n`);
});

Deno.test("nor as the end of ours", async () => {
  const policy = authentication({ authservId: "mx.example", resolver: resolverOf({}) });
  const rest = "From: a@x.example\r\n\r\nHi\r\n";
  for (const before of ["", FORGED, `A: 1\r\n${FORGED}`, ` A: 1\r\n\tB: 2\r\n${FORGED}`]) {
    const { content = "" } = await deliver(policy, `${before} ; dmarc=pass\r\n${rest}`);
    const own = content.split(/\r\n(?![ \t])/).find((field) => field.startsWith("Auth"));
    assertEquals(own?.includes("dmarc=none"), true);
    assertEquals(own?.includes("dmarc=pass"), false);
  }
});

Deno.test("nobody who asks for the header section sees it", async () => {
  const believing = definePolicy({
    content: ({ headers }) =>
      headers.has("Authentication-Results") ? reject("550 Seen") : undefined,
    filter: ({ headers }) => headers.has("Authentication-Results") ? reject("550 Seen") : undefined,
  });
  const authenticating = authentication({ authservId: "mx.example", resolver: resolverOf({}) });
  const policy = compose(authenticating, believing);
  const { reply } = await deliver(policy, `${FORGED}From: a@x.example\r\n\r\nHi\r\n`);
  assertStringIncludes(reply, "250 2.0.0");
});

Deno.test("whatever stands around our name, it is found", () => {
  const comment = fc.letrec<{ comment: string; text: string }>((tie) => ({
    text: fc.stringMatching(/^[a-z.; ]{0,5}$/),
    comment: fc.oneof(
      { depthSize: "small" },
      tie("text").map((text) => `(${text})`),
      fc.tuple(tie("text"), tie("comment")).map(([text, inner]) => `(${text}${inner}\\))`),
    ),
  })).comment;
  const space = fc.array(fc.oneof(comment, fc.constantFrom(" ", "\t")), { maxLength: 4 })
    .map((pieces) => pieces.join(""));
  const name = fc.constantFrom("mx.example", "MX.EXAMPLE", '"mx.example"', "mx.example.");
  const value = fc.tuple(space, name, space).map((pieces) => pieces.join(""));
  fc.assert(fc.property(value, (value) => claims(`${value}; none`, "mx.example")));
});

Deno.test("thousands of forged fields go in one pass", () => {
  const fields = Array.from({ length: 20_000 }, (_, nth) => `A: mx.example; ${nth}\r\n`).join("");
  const section = HeaderSection.parse(new TextEncoder().encode(`${fields}A: other\r\n`));
  const values = section.all("A").filter((value) => claims(value, "mx.example"));
  const edited = section.edited([{ kind: "remove", name: "a", values }]);
  assertEquals(edited.all("A"), ["other"]);
});
