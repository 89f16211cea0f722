/**
 * What does a reply of the upstream cost?
 *
 * One iteration reads a thousand lines of replies in chunks of 4 KiB: 1 ms is 1 µs for each line.
 *
 *     deno bench --allow-read bench/reply_parser_bench.ts
 *
 * @module
 */

import { TextLineStream } from "@std/streams";
import { fuse, LineSplitter, ReplyParser } from "../src/stages/mod.ts";
import { encode } from "../src/bytes.ts";
import { check, chunksOf, dialogues } from "./_corpora.ts";

const LINES = 1_000;
const LIMIT = 1_000;
const CHUNK = 4_096;

/** Lines, and how many replies they are. */
const corpora = {
  "replies of one line": { line: dialogues.replies, replies: LINES },
  "replies to EHLO": { line: dialogues.offers, replies: LINES / 8 },
};

for (const [group, { line, replies }] of Object.entries(corpora)) {
  const text = Array.from({ length: LINES }, (_, nth) => `${line(nth)}\r\n`).join("");
  const chunks = chunksOf(encode(text), CHUNK);
  Deno.bench({
    name: `${LINES} lines: octets to replies`,
    group,
    baseline: true,
    fn() {
      const stage = fuse(new LineSplitter({ limit: LIMIT }), new ReplyParser());
      let count = 0;
      const out = { enqueue: () => count++ };
      for (const chunk of chunks) stage.transform(chunk, out);
      check(count, replies);
    },
  });
  Deno.bench({
    name: `${LINES} lines: octets to lines`,
    group,
    fn() {
      const stage = new LineSplitter({ limit: LIMIT });
      let count = 0;
      const out = { enqueue: () => count++ };
      for (const chunk of chunks) stage.transform(chunk, out);
      check(count, LINES);
    },
  });
  Deno.bench({
    name: `${LINES} lines: @std/streams TextLineStream`,
    group,
    async fn() {
      const lines = ReadableStream.from(chunks)
        .pipeThrough(new TextDecoderStream())
        .pipeThrough(new TextLineStream());
      let count = 0;
      for await (const _ of lines) count++;
      check(count, LINES);
    },
  });
}
