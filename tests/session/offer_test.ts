import { assert, assertEquals } from "@std/assert";
import { Extensions, Reply } from "../../src/rfc5321/mod.ts";
import { offer, type OfferConditions } from "../../src/session/offer.ts";

const conditions: OfferConditions = {
  maxSize: 1000,
  maxRecipients: 100,
  startTls: false,
  secure: false,
  auth: false,
  xclient: false,
  xforward: false,
};

/** What is offered before an upstream with these EHLO lines. */
function lines(
  upstream: readonly string[],
  own: Partial<OfferConditions> = {},
  verified = false,
): string[] {
  const entries = upstream.map((line): [string, string[]] => {
    const [keyword, ...parameters] = line.split(" ");
    return [keyword, parameters];
  });
  return offer({ extensions: Extensions.of(entries), verified }, { ...conditions, ...own })
    .toLines();
}

const OWN = ["PIPELINING", "SIZE 1000", "ENHANCEDSTATUSCODES", "CHUNKING", "LIMITS RCPTMAX=100"];

Deno.test("offer: what is Sluice's own, before an upstream that offers nothing", () => {
  assertEquals(lines([]), OWN);
});

Deno.test("offer: an unknown keyword never crosses", () => {
  const unknown = ["XFOO", "BURL imap", "X-EXPS GSSAPI", "ETRN", "ATRN", "CHECKPOINT", "UTF8SMTP"];
  assertEquals(lines(unknown), OWN);
});

Deno.test("offer: each condition adds its keyword", () => {
  const upstream = ["AUTH PLAIN EXTERNAL SCRAM-SHA-1-PLUS SCRAM-SHA-1", "REQUIRETLS", "STARTTLS"];
  const rows: readonly [own: Partial<OfferConditions>, verified: boolean, line: string][] = [
    [{ startTls: true }, false, "STARTTLS"],
    [{ auth: true }, false, "AUTH PLAIN SCRAM-SHA-1"],
    [{ secure: true }, true, "REQUIRETLS"],
    [{ xclient: true }, false, "XCLIENT NAME ADDR PORT PROTO HELO LOGIN REVERSE_NAME"],
    [{ xforward: true }, false, "XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE"],
  ];
  for (const [own, verified, line] of rows) {
    assertEquals(lines(upstream, own, verified).filter((one) => !OWN.includes(one)), [line]);
  }
  assertEquals(lines(upstream, { secure: true }, false), OWN);
  assertEquals(lines(upstream, { secure: false }, true), OWN);
  assertEquals(lines(["AUTH EXTERNAL"], { auth: true }), OWN);
});

Deno.test("offer: the smaller size and the smaller limits", () => {
  const size = (line: string): string => lines([line]).find((one) => one.startsWith("SIZE"))!;
  assertEquals(size("SIZE 999"), "SIZE 999");
  assertEquals(size("SIZE 1001"), "SIZE 1000");
  assertEquals(size("SIZE 0"), "SIZE 1000");
  assertEquals(size("SIZE"), "SIZE 1000");
  assertEquals(size("SIZE 99999999999999999999"), "SIZE 1000");
  assertEquals(
    lines(["LIMITS RCPTMAX=7 MAILMAX=3 RCPTDOMAINMAX=2 XMAX=1"]).at(-1),
    "LIMITS RCPTMAX=7 MAILMAX=3 RCPTDOMAINMAX=2",
  );
});

Deno.test("offer: an upstream's two AUTH lines that do not fit into one are no failure", () => {
  const names = (letter: string): string =>
    Array.from({ length: 27 }, (_, n) => `${letter}${n}`.padEnd(17, "X")).join(" ");
  const reply = new Reply(250, ["x", `AUTH ${names("A")}`, `AUTH=${names("B")}`]);
  const upstream = { extensions: Extensions.parse(reply), verified: false };
  assertEquals(offer(upstream, { ...conditions, auth: true }).mechanisms.length, 27);
});

Deno.test("offer: the same object for the same upstream and the same conditions", () => {
  const upstream = { extensions: Extensions.of([["DSN"]]), verified: false };
  assert(offer(upstream, conditions) === offer(upstream, { ...conditions }));
  assert(offer(upstream, conditions) !== offer(upstream, { ...conditions, maxSize: 1 }));
});
