import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  type BareNewline,
  DotStuffer,
  DotUnstuffer,
  NewlineGuard,
  type Stage,
} from "../../src/stages/mod.ts";
import { octets, random, run, text } from "../_chunking.ts";
import { lenientSeesEnd, readWire } from "./_mail_data.ts";
import { testEachWay } from "./_scanners.ts";

const END = "\r\n.\r\n";
// A scanner goes faster the longer there is nothing to decide.
const lines = ["x".repeat(15), `${"y".repeat(60)}\r\n`, `${"z".repeat(76)}\r\n`.repeat(4)];
const awkward = fc.array(
  fc.constantFrom(
    ...["\r", "\n", ".", "\0", "a", " ", "\r\n", "\r\n.", "\n.", "\r\n\0"],
    ...lines,
  ),
  { maxLength: 24, size: "max" },
).map((parts) => parts.join(""));
const clean = fc.array(fc.constantFrom("\r\n", ".", "a", " ", "..", ...lines), {
  maxLength: 30,
  size: "max",
})
  .map((parts) => parts.join("") + "\r\n");
const cuts = fc.array(fc.oneof(fc.nat(40), fc.nat(1000)), { maxLength: 6 });
const parameters = { numRuns: 400, seed: 5321 };

function cut(input: string, at: readonly number[]): string[] {
  const places = [0, ...at.filter((place) => place < input.length), input.length].sort((a, b) =>
    a - b
  );
  return places.slice(1).map((place, index) => input.slice(places[index], place));
}

/** The octets that a stage made, and what else it made. */
function split(results: unknown[]): [octets: string, events: unknown[]] {
  const isOctets = (result: unknown) => typeof result === "string";
  return [results.filter(isOctets).join(""), results.filter((result) => !isOctets(result))];
}

function stuffed(content: string): string {
  return split(run(new DotStuffer(), [content]))[0];
}

testEachWay("property: unstuffing undoes stuffing", () => {
  fc.assert(
    fc.property(clean, cuts, (content, at) => {
      const results = run(new DotUnstuffer(), cut(stuffed(content), at));
      assertEquals(split(results), [content, [{ end: true, octets: content.length }]]);
    }),
    parameters,
  );
});

testEachWay("property: the fast path sends what unstuffing and stuffing would", () => {
  const modes = fc.constantFrom<BareNewline>("reject", "normalize");
  let compared = 0;
  fc.assert(
    fc.property(fc.oneof(clean, awkward), cuts, modes, (head, at, bareNewline) => {
      const wire = readWire(head + END).rest === "" ? head + END : END;
      const chunks = cut(wire, at);
      const [content, [end]] = split(run(new DotUnstuffer({ bareNewline }), chunks));
      const fast = new DotUnstuffer({ bareNewline, keepStuffing: true });
      const [kept, [sameEnd]] = split(run(fast, chunks));
      assertEquals(sameEnd, end);
      if ((end as { fault?: string }).fault) return;
      compared++;
      assertEquals(kept + ".\r\n", stuffed(content));
    }),
    parameters,
  );
  assert(compared > 100);
});

testEachWay("property: no lenient upstream sees an end in what was handed out, at any time", () => {
  const modes = fc.constantFrom<BareNewline>("reject", "normalize");
  fc.assert(
    fc.property(awkward, cuts, modes, (wire, at, bareNewline) => {
      const unstuffer = new DotUnstuffer({ bareNewline, keepStuffing: true });
      let sent = "";
      for (const chunk of cut(wire, at)) {
        unstuffer.transform(octets(chunk), {
          enqueue(event) {
            sent = event instanceof Uint8Array ? sent + text(event) : "";
            assert(!lenientSeesEnd(sent), JSON.stringify(sent));
          },
        });
      }
    }),
    { ...parameters, numRuns: 1000 },
  );
});

testEachWay("property: every cutting gives the same", () => {
  const stages: [name: string, make: () => Stage<Uint8Array, unknown>][] = [
    ["unstuffed", () => new DotUnstuffer()],
    ["kept", () => new DotUnstuffer({ keepStuffing: true })],
    ["normalised", () => new DotUnstuffer({ bareNewline: "normalize" })],
    ["kept, normalised", () => new DotUnstuffer({ keepStuffing: true, bareNewline: "normalize" })],
    ["stuffed", () => new DotStuffer()],
    ["guarded", () => new NewlineGuard()],
    ["guarded, normalised", () => new NewlineGuard({ bareNewline: "normalize" })],
  ];
  fc.assert(
    fc.property(awkward, cuts, (input, at) => {
      for (const [name, make] of stages) {
        const whole = run(make(), [input], { flush: false });
        for (const chunks of [cut(input, at), [...input]]) {
          assertEquals(run(make(), chunks, { flush: false }), whole, name);
        }
      }
    }),
    parameters,
  );
});

testEachWay("fuzz: the end of data and its fault are those of the plain reference", () => {
  const next = random(51764);
  const alphabet = ["\r", "\n", ".", "\0", "a", "\r\n", "\r\n.", "\r\n.\r\n", ...lines];
  let ended = 0;
  let faulty = 0;
  for (let round = 0; round < 200; round++) {
    let wire = "";
    // Every other input has only whole newlines up to its last octets, so that some are good.
    const letters = round % 2
      ? alphabet
      : ["..", "a", "\r\n", "\r\na", "a.", "\r\n..b", "\0", ...lines];
    for (let length = next() * 40; length > 0; length--) {
      wire += letters[Math.floor(next() * letters.length)];
    }
    if (round % 4 === 0) wire += END;
    const expected = readWire(wire);
    if (expected.end) ended++;
    if (expected.end?.fault) faulty++;
    for (const keepStuffing of [false, true]) {
      const stage = new DotUnstuffer({ keepStuffing });
      const events: unknown[] = [];
      let content = "";
      const taken = stage.take(octets(wire), 0, {
        enqueue: (event) => {
          if (event instanceof Uint8Array) content += text(event);
          else events.push(event);
        },
      });
      assertEquals(wire.slice(taken), expected.rest, JSON.stringify(wire));
      assertEquals(events, expected.end ? [expected.end] : [], JSON.stringify(wire));
      if (expected.end) {
        assertEquals(
          content,
          keepStuffing ? expected.wire : expected.content,
          JSON.stringify(wire),
        );
      }
    }
  }
  assert(ended > 50 && faulty > 10 && faulty < ended - 10, `${ended} ended, ${faulty} faulty`);
});
