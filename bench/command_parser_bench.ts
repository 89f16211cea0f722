/**
 * What does a command cost, and how much of that is the grammar?
 *
 * One iteration reads a thousand commands: 1 ms is 1 µs for each. smtp-server's is the method that it
 * has for MAIL and RCPT alone; it takes apart what it is given and leaves the check of the values to
 * others.
 *
 *     deno bench --allow-read bench/command_parser_bench.ts
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { SMTPConnection } from "smtp-server/lib/smtp-connection";
import { encode } from "../src/bytes.ts";
import {
  CommandParser,
  fuse,
  type Line,
  LineSplitter,
  type ParsedLine,
} from "../src/stages/mod.ts";
import { check, chunksOf, dialogues } from "./_corpora.ts";

const TIMES = 1_000;
const LIMIT = 512;

/** Line `nth`, without CRLF. */
const commands: Readonly<Record<string, (nth: number) => string>> = {
  "EHLO": (nth) => `EHLO client${nth}.sub.example`,
  "MAIL with two parameters": (nth) => dialogues.commands(4 * nth),
  "RCPT": (nth) => dialogues.commands(4 * nth + 1),
  "RCPT with a quoted local-part": (nth) => `RCPT TO:<"first \\"${nth}\\" last"@domain.example>`,
  "DATA": () => "DATA",
  "unknown verb": (nth) => `TURN${nth} around`,
};

const parser = new CommandParser({ limit: LIMIT });

for (const [group, line] of Object.entries(commands)) {
  const octets = Array.from({ length: TIMES }, (_, nth) => encode(line(nth)));
  const lines: Line[] = octets.map((octets) => ({ octets }));
  const faulty = group === "unknown verb" ? TIMES : 0;
  Deno.bench({
    name: `${TIMES} × CommandParser`,
    group,
    baseline: true,
    fn() {
      let faults = 0;
      const out = { enqueue: (parsed: ParsedLine) => "fault" in parsed ? faults++ : 0 };
      for (const one of lines) parser.transform(one, out);
      check(faults, faulty);
    },
  });
  const [verb] = line(0).split(":");
  if (verb !== "MAIL FROM" && verb !== "RCPT TO" || group.includes("quoted")) continue;
  const buffers = octets.map((one) => Buffer.from(one.buffer, one.byteOffset, one.byteLength));
  // The method asks its connection for the server's options and its own helpers.
  const connection = Object.create(SMTPConnection.prototype, {
    _server: { value: { options: {} } },
  });
  Deno.bench({
    name: `${TIMES} × smtp-server's parser of addresses`,
    group,
    fn() {
      let faults = 0;
      for (const one of buffers) if (!connection._parseAddressCommand(verb, one)) faults++;
      check(faults, 0);
    },
  });
}

const group = "bursts of groups of four commands";
const bursts = chunksOf(
  encode(Array.from({ length: TIMES }, (_, nth) => `${dialogues.commands(nth)}\r\n`).join("")),
  4_096,
);
const forms = {
  "octets to commands": () => fuse(new LineSplitter({ limit: LIMIT }), parser),
  "octets to lines": () => new LineSplitter({ limit: LIMIT }),
};
for (const [name, make] of Object.entries(forms)) {
  Deno.bench({
    name: `${TIMES} × ${name}`,
    group,
    baseline: name === "octets to commands",
    fn() {
      const stage = make();
      let count = 0;
      const out = { enqueue: (one: Line | ParsedLine) => "fault" in one ? 0 : count++ };
      for (const chunk of bursts) stage.transform(chunk, out);
      check(count, TIMES);
    },
  });
}
