import { assertEquals, assertRejects } from "@std/assert";
import { encode } from "../../src/bytes.ts";
import {
  digestOf,
  sign,
  SignatureError,
  verifyRequest,
} from "../../src/upstream/http/signature.ts";

const SECRET = "a-secret-that-is-long";
const NOW = Date.UTC(2026, 0, 1);
const URL_ = "https://hook.example/in?key=a";
const CONTENT = "Subject: Hi\r\n\r\n";

interface Change {
  readonly method?: string;
  readonly url?: string;
  /** A field that gets another value, or goes (`null`). */
  readonly field?: readonly [name: string, value: string | null];
  readonly body?: string;
  readonly now?: number;
  readonly secret?: string | readonly string[];
  readonly as?: string;
}

/** A signed request on which something has been changed on its way, or in how it is judged. */
async function judged(small: boolean, change: Change = {}): Promise<string> {
  const headers = new Headers({
    "content-type": "message/rfc822",
    "mail-from": "<a@x.example>",
    "rcpt-to": "<b@y.example>, <c@y.example>",
    "mail-transaction": "k3f9-1",
    "client-address": "192.0.2.1",
  });
  if (small) headers.set("content-digest", await digestOf(encode(CONTENT)));
  await sign({ url: URL_, headers }, SECRET, NOW);
  const { method = "POST", url = URL_, field, body = CONTENT, as } = change;
  if (field !== undefined) {
    const [name, value] = field;
    value === null ? headers.delete(name) : headers.set(name, value);
  }
  const request = new Request(url, { method, headers, body });
  const { now = NOW, secret = SECRET } = change;
  const { covered, content } = await verifyRequest(request, secret, { now, url: as });
  const text = await new Response(content as ReadableStream<Uint8Array<ArrayBuffer>>).text();
  return `${covered ? "covered" : "not covered"}: ${text}`;
}

Deno.test("http signature: what is good, and what it covers", async () => {
  const rows: readonly [change: Change, small: string, large: string][] = [
    [{}, `covered: ${CONTENT}`, `not covered: ${CONTENT}`],
    [{ now: NOW + 300_000 }, `covered: ${CONTENT}`, `not covered: ${CONTENT}`],
    [
      { secret: ["the-new-secret-is-long", SECRET] },
      `covered: ${CONTENT}`,
      `not covered: ${CONTENT}`,
    ],
    [
      { url: "http://10.0.0.1/below/in", as: URL_ },
      `covered: ${CONTENT}`,
      `not covered: ${CONTENT}`,
    ],
    // Neither the host, which a proxy on the way may change, nor fields that are not ours.
    [{ url: "http://inner/in?key=a" }, `covered: ${CONTENT}`, `not covered: ${CONTENT}`],
    [{ field: ["via", "1.1 proxy"] }, `covered: ${CONTENT}`, `not covered: ${CONTENT}`],
  ];
  for (const [change, small, large] of rows) {
    assertEquals(await judged(true, change), small, JSON.stringify(change));
    assertEquals(await judged(false, change), large, JSON.stringify(change));
  }
  assertEquals(await judged(false, { body: "another" }), "not covered: another");
});

Deno.test("http signature: what has been changed is noticed", async () => {
  const changes: readonly Change[] = [
    { method: "PUT" },
    { url: "https://hook.example/other?key=a" },
    { url: "https://hook.example/in?key=b" },
    { url: "https://hook.example/in" },
    { field: ["mail-from", "<eve@x.example>"] },
    { field: ["rcpt-to", "<b@y.example>"] },
    { field: ["rcpt-to", "<c@y.example>, <b@y.example>"] },
    { field: ["mail-transaction", null] },
    { field: ["client-login", "boss"] },
    { field: ["client-address", "127.0.0.1"] },
    { field: ["content-type", "text/html"] },
    { field: ["signature", null] },
    { field: ["signature", "sluice=:AAAA:"] },
    { field: ["signature", `sluice=:${"A".repeat(43)}=:`] },
    { field: ["signature-input", null] },
    { field: ["signature-input", 'sluice=("@method");created=1767225600;alg="hmac-sha256"'] },
    { now: NOW + 301_000 },
    { now: NOW - 301_000 },
    { secret: "another-secret-of-16" },
    { secret: [] },
  ];
  for (const change of changes) {
    for (const small of [true, false]) {
      await assertRejects(() => judged(small, change), SignatureError, "", JSON.stringify(change));
    }
  }
});

Deno.test("http signature: a digest cannot be taken away, and holds the message", async () => {
  const changes: readonly Change[] = [
    { field: ["content-digest", null] },
    { field: ["content-digest", await digestOf(encode("another"))], body: "another" },
    { body: "another" },
    { body: `${CONTENT}${"x".repeat(70_000)}` },
    { body: "" },
  ];
  for (const change of changes) {
    await assertRejects(() => judged(true, change), SignatureError, "", JSON.stringify(change));
  }
});
