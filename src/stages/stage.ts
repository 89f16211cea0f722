/**
 * What a stage is, and how several become one.
 *
 * A stage is a WHATWG `Transformer` under three rules: it is synchronous, it owns nothing that must
 * be released, and it throws nothing but the fault its own documentation names. So
 * `new TransformStream(stage)` works as it stands in every runtime, and so does calling it by hand.
 *
 * @module
 */

/** Where a stage puts what it makes. `TransformStreamDefaultController` is one. */
export interface Out<O> {
  /** Takes one value; it may pass it on at once, within this call. */
  enqueue(value: O): void;
}

/**
 * One step of the pipeline.
 *
 * A stage may pass on views of its chunk. They are valid as long as the chunk is; a stage never
 * writes into what it has passed on.
 */
export interface Stage<I, O> {
  /** Takes the next chunk and enqueues whatever can be made of it now: nothing, one or several. */
  transform(chunk: I, out: Out<O>): void;
  /** The input has ended: what is still held is enqueued, dropped or a fault, as the stage says. */
  flush?(out: Out<O>): void;
  /** Either side has gone away; forget what is held. */
  cancel?(reason?: unknown): void;
}

/**
 * A stage over octets that can stop after one item, so that its owner may change the mode between
 * two items: what follows DATA is not a command line.
 */
export interface Framer<O> extends Stage<Uint8Array, O> {
  /**
   * Takes octets from `chunk` at `from` up to the end of one item at the most.
   *
   * @returns The offset of the first octet not taken; `chunk.length` if it took all.
   */
  take(chunk: Uint8Array, from: number, out: Out<O>): number;
}
