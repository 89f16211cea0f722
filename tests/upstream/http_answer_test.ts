import { assert, assertEquals } from "@std/assert";
import { systemClock } from "../../src/clock.ts";
import { replyOf } from "../../src/upstream/http/answer.ts";
import { FakeClock, settle } from "../_clock.ts";

const text = { "content-type": "text/plain; charset=UTF-8" };
const json = { "content-type": "Application/JSON" };

Deno.test("http answer: what each status and body means", async () => {
  const rows: readonly [
    status: number,
    headers: HeadersInit,
    body: string | null,
    reply: string,
  ][] = [
    [200, {}, null, "250 2.0.0 Ok"],
    [204, {}, null, "250 2.0.0 Ok"],
    [202, text, "queued as 17\nand more", "250 2.0.0 queued as 17"],
    [207, text, "some", "451 4.3.0 some"],
    [302, { location: "https://other.example/" }, null, "451 4.3.5 "],
    [400, {}, null, "554 5.0.0 Message refused"],
    [401, text, "who?", "451 4.3.5 who?"],
    [403, text, "5.7.26 No DMARC", "550 5.7.26 No DMARC"],
    [403, text, "2.0.0 fine", "550 5.7.1 2.0.0 fine"],
    [404, text, "\r\n No such\r\nlist", "554 5.0.0 No such"],
    [408, {}, null, "451 4.3.0 "],
    [413, {}, null, "552 5.3.4 "],
    [422, text, "a\x00\x1b[31mb\u2028ü\tc", "554 5.0.0 a??[31mb???c"],
    [422, text, "x".repeat(10_000), `554 5.0.0 ${"x".repeat(200)}\r`],
    [422, { "content-type": "text/html" }, "<html>", "554 5.0.0 Message refused"],
    [429, text, "slowly", "451 4.3.2 slowly"],
    [500, text, "", "451 4.3.0 "],
    [599, {}, null, "451 4.3.0 "],
    [200, json, '{"reply":"250 2.6.0 kept"}', "250 2.6.0 kept"],
    [200, json, '{"reply":"252 maybe"}', "250 2.0.0 maybe"],
    [200, json, '{"reply":"550 5.7.1 no"}', "250 2.0.0 Ok"],
    [403, json, '{"reply":"550 5.7.1 Spam"}', "550 5.7.1 Spam"],
    [403, json, '{"reply":"521 5.3.2 Never"}', "521 5.3.2 Never"],
    [403, json, '{"reply":"250 2.0.0 Ok"}', "550 5.7.1 Message refused"],
    [503, json, '{"reply":"421 4.7.0 Grey"}', "451 4.7.0 Grey"],
    [503, json, '{"reply":"550 no"}', "451 4.3.0 "],
    [403, json, '{"reply":"550 a\\r\\n250 b"}', "550 5.0.0 a??250 b"],
    [403, json, `{"reply":"550 ${"x".repeat(600)}"}`, "550 5.7.1 Message refused"],
    [403, json, '{"reply":5}', "550 5.7.1 Message refused"],
    [403, json, "null", "550 5.7.1 Message refused"],
    [403, json, '{"reply":', "550 5.7.1 Message refused"],
  ];
  for (const [status, headers, body, expected] of rows) {
    const reply = await replyOf(new Response(body, { status, headers }), systemClock);
    const found = reply.toString();
    assert(found.startsWith(expected), `${status} ${body}: found ${found}`);
    assertEquals(reply.lines.length, 1);
  }
});

Deno.test("http answer: a body that does not end, or does not come, holds nobody up", async () => {
  let cancelled = 0;
  const endless = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull: (sink) => sink.enqueue(new Uint8Array(1_000).fill(0x61)),
    cancel: () => void cancelled++,
  });
  const long = await replyOf(new Response(endless, { status: 422, headers: text }), systemClock);
  assertEquals(long.text, `5.0.0 ${"a".repeat(200)}`);

  const silent = new ReadableStream<Uint8Array<ArrayBuffer>>({ cancel: () => void cancelled++ });
  const clock = new FakeClock();
  const waiting = replyOf(new Response(silent, { status: 403, headers: text }), clock);
  await settle();
  await clock.advance(5_000);
  assertEquals((await waiting).toString(), "550 5.7.1 Message refused\r\n");
  assertEquals([cancelled, clock.timers], [2, 0]);
});
