/**
 * Which way of skipping is used in this process.
 *
 * @module
 */

import { SCANNER_WASM } from "./scanner_wasm.ts";
import { SimdScanner } from "./simd.ts";
import type { Skip } from "./skip.ts";
import { skipWords } from "./words.ts";

/** A way of skipping. */
export interface Scanner {
  /** Skips. */
  readonly skip: Skip;
  /**
   * Makes memory that it scans faster than any other.
   *
   * @returns Memory of one size, for all calls; `undefined` if there is none to be had.
   */
  memory(): Uint8Array | undefined;
}

/** Four octets at a time, in plain TypeScript. */
export const plainScanner: Scanner = { skip: skipWords, memory: () => undefined };

/**
 * Sixteen octets at a time.
 *
 * @param module What scanner.wat assembles to.
 * @throws {TypeError} If it is another one.
 */
export function simdScanner(module: WebAssembly.Module): Scanner {
  const scanner = new SimdScanner(module);
  return {
    skip: (chunk, from) => scanner.skip(chunk, from),
    memory() {
      try {
        return scanner.memory();
      } catch {
        // Each memory also takes address space, of which a process may have little.
        return undefined;
      }
    },
  };
}

/** The scanner's module in octets, for a runtime that compiles it beforehand. */
export function scannerOctets(): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(SCANNER_WASM), (character) => character.charCodeAt(0));
}

let scanner = best();

/** The best scanner that this runtime can make by itself. */
function best(): Scanner {
  try {
    return simdScanner(new WebAssembly.Module(scannerOctets()));
  } catch {
    // No WebAssembly, none with SIMD, or (workerd) none that is compiled while running.
    return plainScanner;
  }
}

/** The scanner in use. */
export function currentScanner(): Scanner {
  return scanner;
}

/** Uses another one, for every stage of this process and at once. */
export function setScanner(next: Scanner): void {
  scanner = next;
}

/**
 * Scans mail data by a module that the runtime has compiled itself: where code may not be compiled
 * while running, as in workerd. Elsewhere there is no need for it; without it, plain TypeScript
 * does the same at about a third of the speed.
 *
 * @param module What {@linkcode scannerOctets} compile to.
 * @throws {TypeError} If it is another one.
 *
 * @example With a module compiled beforehand
 * ```ts
 * import { scannerOctets, useScanner } from "@sluice/sluice/stages";
 *
 * const module = await WebAssembly.compile(scannerOctets()); // in workerd: an import of a file
 * useScanner(module);
 * ```
 */
export function useScanner(module: WebAssembly.Module): void {
  setScanner(simdScanner(module));
}

/** Skips by the scanner in use; see {@linkcode Skip}. */
export function skip(chunk: Uint8Array, from: number): number {
  return scanner.skip(chunk, from);
}
