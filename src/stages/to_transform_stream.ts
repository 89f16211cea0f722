/**
 * A stage as a WHATWG stream.
 *
 * @module
 */

import type { Stage } from "./stage.ts";

/** How much each side queues; the platform's own defaults where nothing is said. */
export interface Strategies<I, O> {
  readonly writable?: QueuingStrategy<I>;
  readonly readable?: QueuingStrategy<O>;
}

/**
 * Makes the stream that runs `stage`; the stage belongs to it from then on.
 *
 * Views are queued, so whoever writes into the stream must not use the memory of a chunk again.
 */
export function toTransformStream<I, O>(
  stage: Stage<I, O>,
  strategies: Strategies<I, O> = {},
): TransformStream<I, O> {
  return new TransformStream<I, O>(stage, strategies.writable, strategies.readable);
}
