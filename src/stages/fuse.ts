/**
 * Several stages as one.
 *
 * @module
 */

import type { Out, Stage } from "./stage.ts";

/**
 * Makes one stage of several: what one enqueues is transformed by the next within the same call,
 * without a queue or a promise between them. `flush` and `cancel` reach them in order, and what a
 * stage enqueues in its `flush` still passes through those behind it.
 *
 * Throws what the stages throw.
 *
 * @example A relay that changes what passes
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { BdatFramer, fuse, NewlineGuard, type Stage } from "@sluice/sluice/stages";
 *
 * const disclaimer: Stage<Uint8Array, Uint8Array> = {
 *   transform: (chunk, out) => out.enqueue(chunk),
 *   flush: (out) => out.enqueue(new TextEncoder().encode("Not legal advice.\r\n")),
 * };
 * const stage = fuse(new NewlineGuard(), disclaimer, new BdatFramer());
 *
 * let sent = "";
 * const out = { enqueue: (piece: Uint8Array) => sent += new TextDecoder().decode(piece) };
 * stage.transform(new TextEncoder().encode("\r\nSue them.\r\n"), out);
 * stage.flush?.(out);
 * assertEquals(sent, "BDAT 32 LAST\r\n\r\nSue them.\r\nNot legal advice.\r\n");
 * ```
 */
export function fuse<A, B, C>(a: Stage<A, B>, b: Stage<B, C>): Stage<A, C>;
/** Makes one stage of three. */
export function fuse<A, B, C, D>(a: Stage<A, B>, b: Stage<B, C>, c: Stage<C, D>): Stage<A, D>;
/** Makes one stage of four. */
export function fuse<A, B, C, D, E>(
  a: Stage<A, B>,
  b: Stage<B, C>,
  c: Stage<C, D>,
  d: Stage<D, E>,
): Stage<A, E>;
/** Makes one stage of five. */
export function fuse<A, B, C, D, E, F>(
  a: Stage<A, B>,
  b: Stage<B, C>,
  c: Stage<C, D>,
  d: Stage<D, E>,
  e: Stage<E, F>,
): Stage<A, F>;
/** Makes one stage of six. */
export function fuse<A, B, C, D, E, F, G>(
  a: Stage<A, B>,
  b: Stage<B, C>,
  c: Stage<C, D>,
  d: Stage<D, E>,
  e: Stage<E, F>,
  f: Stage<F, G>,
): Stage<A, G>;
export function fuse(
  first: Stage<unknown, unknown>,
  ...others: Stage<unknown, unknown>[]
): Stage<unknown, unknown> {
  return others.reduce((fused, next) => new Fused(fused, next), first);
}

class Fused<I, M, O> implements Stage<I, O> {
  readonly #first: Stage<I, M>;
  readonly #second: Stage<M, O>;
  /** Where the second stage writes during the present call. */
  #out: Out<O> | undefined;
  readonly #between: Out<M> = {
    enqueue: (value) => this.#second.transform(value, this.#out!),
  };

  constructor(first: Stage<I, M>, second: Stage<M, O>) {
    this.#first = first;
    this.#second = second;
  }

  transform(chunk: I, out: Out<O>): void {
    this.#out = out;
    this.#first.transform(chunk, this.#between);
  }

  flush(out: Out<O>): void {
    this.#out = out;
    this.#first.flush?.(this.#between);
    this.#second.flush?.(out);
  }

  cancel(reason?: unknown): void {
    this.#first.cancel?.(reason);
    this.#second.cancel?.(reason);
  }
}
