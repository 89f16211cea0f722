/**
 * Memory that is used again: to make it anew for each message or reply, and to collect it, costs more
 * than what is done with it.
 *
 * @module
 */

/** Octets of a piece: replies, commands and most messages fit into the first, most windows into the second. */
const SIZES: readonly number[] = [8_192, 65_536];
/** Pieces of each size that are kept while nobody needs them. */
const KEPT = 64;

const free: readonly Uint8Array[][] = SIZES.map(() => []);

/** Memory of at least so many octets; what lies in it is anybody's. */
export function memoryFor(octets: number): Uint8Array {
  const size = SIZES.findIndex((size) => size >= octets);
  return free[size]?.pop() ?? new Uint8Array(SIZES[size] ?? octets);
}

/** Nobody reads it any more. */
export function giveBack(memory: Uint8Array): void {
  const kept = free[SIZES.indexOf(memory.length)];
  if (kept !== undefined && kept.length < KEPT) kept.push(memory);
}
