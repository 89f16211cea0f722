/**
 * The ways of scanning mail data, for tests that must not be able to tell them apart.
 *
 * @module
 */

import { EMPTY } from "../../src/bytes.ts";
import {
  currentScanner,
  plainScanner,
  type Scanner,
  scannerOctets,
  setScanner,
  simdScanner,
} from "../../src/stages/scanner/scanner.ts";
import { allocateBy } from "../_chunking.ts";

const simd = simdScanner(new WebAssembly.Module(scannerOctets()));

/** A way of scanning, and where the chunks lie that it is given. */
export interface Way {
  readonly name: string;
  readonly scanner: Scanner;
  readonly allocate: (length: number) => Uint8Array;
}

/** All of them. */
export const ways: readonly Way[] = [
  { name: "plain", scanner: plainScanner, allocate: (length) => new Uint8Array(length) },
  { name: "SIMD, copied", scanner: simd, allocate: (length) => new Uint8Array(length) },
  { name: "SIMD, in place", scanner: simd, allocate: scanned() },
];

/** Hands out parts of the scanner's memory, one behind the other. */
function scanned(): (length: number) => Uint8Array {
  let memory: Uint8Array = EMPTY;
  let at = 0;
  return (length) => {
    if (at + length > memory.length) {
      memory = simd.memory()!;
      at = 0;
    }
    at += length;
    return memory.subarray(at - length, at);
  };
}

/** As `Deno.test`, once for each way of scanning. */
export function testEachWay(
  name: string,
  body: (t: Deno.TestContext) => void | Promise<void>,
): void {
  for (const way of ways) {
    Deno.test(`${name} [${way.name}]`, async (t) => {
      const scanner = currentScanner();
      const allocate = allocateBy(way.allocate);
      setScanner(way.scanner);
      try {
        await body(t);
      } finally {
        setScanner(scanner);
        allocateBy(allocate);
      }
    });
  }
}
