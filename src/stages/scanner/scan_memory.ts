/**
 * Read buffers whose octets are scanned where they lie, lent to connections while mail data comes.
 *
 * @module
 */

import { currentScanner } from "./scanner.ts";

/** Octets of a lease. */
export const LEASE_OCTETS = 262_144;
/** Leases at a time. */
const MOST_LEASES = 64;
/** What has been given back and waits for the next lease: more than this is freed. */
const MOST_FREE = 16;

/** The right to a buffer; it belongs to whoever has asked for it. */
export class ScanLease implements Disposable {
  readonly #end: (octets: Uint8Array | undefined) => void;
  #ended = false;

  /** Is made by {@linkcode ScanMemory}. `end` is told what may be used again. */
  constructor(
    /** The buffer. */
    readonly octets: Uint8Array,
    end: (octets: Uint8Array | undefined) => void,
  ) {
    this.#end = end;
  }

  /** Ends the lease for the next one: only when nobody reads or writes the buffer any more. */
  giveBack(): void {
    if (!this.#ended) this.#end(this.octets);
    this.#ended = true;
  }

  /**
   * Ends the lease where somebody may still use the buffer, such as a write under way: nobody else
   * ever gets it, and the garbage collector frees it. Nothing happens after `giveBack`.
   */
  [Symbol.dispose](): void {
    if (!this.#ended) this.#end(undefined);
    this.#ended = true;
  }
}

/**
 * Lends buffers, each a memory of its own.
 *
 * Parts of one memory would be simpler, but a part could never be used again after a connection
 * had been closed at a moment when its octets were being written to an upstream: nothing says when
 * a runtime has done with them, and another client's mail must not lie there by then. A memory of
 * its own lives as long as anybody uses it.
 */
export class ScanMemory {
  readonly #make: () => Uint8Array | undefined;
  readonly #free: Uint8Array[] = [];
  #leases = 0;

  /** @param make Makes a buffer of `LEASE_OCTETS`. */
  constructor(make: () => Uint8Array | undefined) {
    this.#make = make;
  }

  /** Leases that have not ended. */
  get leases(): number {
    return this.#leases;
  }

  /** A buffer, or `undefined` while there are 64 leases or where the scanner has no memory. */
  lease(): ScanLease | undefined {
    if (this.#leases === MOST_LEASES) return undefined;
    // The one used last is the one that is in the processor's caches.
    const octets = this.#free.pop() ?? this.#make();
    if (octets === undefined) return undefined;
    this.#leases++;
    return new ScanLease(octets, (reusable) => {
      this.#leases--;
      if (reusable !== undefined && this.#free.length < MOST_FREE) this.#free.push(reusable);
    });
  }
}

/** The buffers of this process. */
export const scanMemory: ScanMemory = new ScanMemory(() => currentScanner().memory());
