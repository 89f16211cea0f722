/**
 * A stage as a WHATWG stream.
 *
 * @module
 */

import type { Stage } from "./stage.ts";

/** How much each side queues; the platform's own defaults where nothing is said. */
export interface Strategies<I, O> {
  /** Of the side that chunks are written to. @default One chunk. */
  readonly writable?: QueuingStrategy<I>;
  /** Of the side that is read from. @default Nothing: a chunk is made when it is asked for. */
  readonly readable?: QueuingStrategy<O>;
}

/**
 * Makes the stream that runs `stage`; the stage belongs to it from then on.
 *
 * Views are queued, so whoever writes into the stream must not use the memory of a chunk again.
 *
 * @example Lines of a stream of octets
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { LineSplitter, toTransformStream } from "@sluice/sluice/stages";
 *
 * const octets = new Blob(["NOOP\r\nQUIT\r\n"]).stream();
 * const lines = octets.pipeThrough(toTransformStream(new LineSplitter({ limit: 512 })));
 * const texts = await Array.fromAsync(lines, ({ octets }) => new TextDecoder().decode(octets));
 * assertEquals(texts, ["NOOP", "QUIT"]);
 * ```
 */
export function toTransformStream<I, O>(
  stage: Stage<I, O>,
  strategies: Strategies<I, O> = {},
): TransformStream<I, O> {
  return new TransformStream<I, O>(stage, strategies.writable, strategies.readable);
}
