/**
 * The same input in every cutting must give the same output.
 *
 * Octets are written as strings of the characters U+0000 to U+00FF, one for each octet, so that a
 * failure shows what differs.
 */

import { assertEquals } from "@std/assert";
import type { Out, Stage } from "../src/stages/mod.ts";

const POISON = 0xee;
const TWO_WAY_LIMIT = 200;

let allocate = (length: number): Uint8Array => new Uint8Array(length);

/** Says where the memory of chunks comes from. @returns Where it came from before. */
export function allocateBy(next: (length: number) => Uint8Array): (length: number) => Uint8Array {
  const before = allocate;
  allocate = next;
  return before;
}

/** The octets of a string, one for each character up to U+00FF. */
export function octets(text: string): Uint8Array {
  const octets = allocate(text.length);
  for (let at = 0; at < text.length; at++) octets[at] = text.charCodeAt(at);
  return octets;
}

/** The string of octets, one character for each. */
export function text(octets: Uint8Array): string {
  return Array.from(octets, (octet) => String.fromCharCode(octet)).join("");
}

/** A seeded generator of numbers from 0 up to, and not including, 1 (mulberry32). */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Every way in which `input` is cut, with a name for the failure. */
export function* cuttings(input: string): Generator<[name: string, chunks: string[]]> {
  yield ["whole", [input]];
  yield ["octet by octet", [...input]];
  yield ["octet by octet, empty chunks between", [...input].flatMap((octet) => ["", octet, ""])];
  if (input.length <= TWO_WAY_LIMIT) {
    for (let at = 1; at < input.length; at++) {
      yield [`cut at ${at}`, [input.slice(0, at), input.slice(at)]];
    }
  }
  for (let seed = 1; seed <= 8; seed++) {
    const next = random(seed);
    const longest = 2 + Math.floor(next() * 12);
    const chunks: string[] = [];
    for (let at = 0; at < input.length;) {
      const length = Math.floor(next() * longest);
      chunks.push(input.slice(at, at + length));
      at += length;
    }
    yield [`random cuts, seed ${seed}`, chunks];
  }
}

/**
 * Runs a stage over chunks. Each chunk lies amid poison, and becomes poison as soon as `transform`
 * has returned: what was enqueued is copied before, and what the stage itself keeps must be its own.
 *
 * Octets come out as strings, neighbouring ones joined; everything else as it is.
 *
 * @param options.flush Whether the input ends; default true.
 */
export function run<O>(
  stage: Stage<Uint8Array, O>,
  chunks: Iterable<string>,
  options: { readonly flush?: boolean } = {},
): unknown[] {
  const results: unknown[] = [];
  const out: Out<O> = { enqueue: (value) => append(results, comparable(value)) };
  for (const chunk of chunks) {
    const around = allocate(chunk.length + 10).fill(POISON);
    const inside = around.subarray(3, 3 + chunk.length);
    inside.set(octets(chunk));
    stage.transform(inside, out);
    around.fill(POISON);
  }
  if (options.flush ?? true) stage.flush?.(out);
  return results;
}

/** Asserts that a new stage makes `expected` of `input`, however it is cut. */
export function assertEveryCutting<O>(
  input: string,
  make: () => Stage<Uint8Array, O>,
  expected: readonly unknown[],
  options: { readonly flush?: boolean; readonly message?: string } = {},
): void {
  for (const [name, chunks] of cuttings(input)) {
    const message = `${options.message ?? ""} ${JSON.stringify(input)} ${name}`;
    assertEquals(run(make(), chunks, options), [...expected], message);
  }
}

function comparable(value: unknown): unknown {
  if (value instanceof Uint8Array) return text(value);
  if (Array.isArray(value)) return value.map(comparable);
  if (value && typeof value === "object" && "octets" in value) {
    return { ...value, octets: comparable(value.octets) };
  }
  return value;
}

function append(results: unknown[], value: unknown): void {
  const last = results.at(-1);
  if (typeof value === "string" && typeof last === "string") {
    results[results.length - 1] = last + value;
  } else {
    results.push(value);
  }
}
