/**
 * The bodies of requests: read before anybody looks at them, and no more than may be.
 *
 * @module
 */

import type { MiddlewareHandler } from "hono";
import { type Clock, systemClock } from "../clock.ts";
import { refuse } from "../http/errors.ts";

/** What is to be in the context. */
export interface BodyVariables {
  /** Tells when a body takes too long. Default: the runtime's. */
  clock?: Clock;
}

/** Octets: room for a message to be explained. */
const LIMIT = 2 * 1024 * 1024;
/** Milliseconds for all of it to come. */
const PATIENCE = 30_000;

/**
 * Reads the body, or answers 413 once it turns out to be larger than 2 MiB, whatever length was
 * declared, and 408 where it has not come after 30 seconds. One that was left out is an empty object.
 *
 * Hono's own makes the new request of the old one, and Deno complains about whoever touches that
 * one's signal.
 */
export const bounded: MiddlewareHandler<{ Variables: BodyVariables }> = async (c, next) => {
  const { clock = systemClock } = c.var;
  const body = await readUpTo(LIMIT, c.req.raw.body, clock);
  if (body === "late") {
    return refuse(c, 408, "too-slow", `Cannot read the body: it did not come in ${PATIENCE} ms`);
  }
  if (body === "large") {
    return refuse(c, 413, "too-large", `Cannot read the body, allowed are ${LIMIT} octets`);
  }
  const { url, method, headers } = c.req.raw;
  c.req.raw = new Request(url, { method, headers, body: body.size === 0 ? "{}" : body });
  await next();
};

/** All of it, or what is wrong with it. */
async function readUpTo(
  limit: number,
  body: ReadableStream<Uint8Array<ArrayBuffer>> | null,
  clock: Clock,
): Promise<Blob | "large" | "late"> {
  if (body === null) return new Blob();
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  const reader = body.getReader();
  let late = false;
  const timer = clock.after(PATIENCE, () => {
    late = true;
    letGo(reader);
  });
  try {
    let size = 0;
    for (;;) {
      const { done, value } = await reader.read();
      if (late) return "late";
      if (done) return new Blob(pieces);
      size += value.length;
      if (size > limit) {
        letGo(reader);
        return "large";
      }
      pieces.push(value);
    }
  } finally {
    timer.cancel();
  }
}

/** Reads no more; whoever sends it may be gone. */
function letGo(reader: ReadableStreamDefaultReader): void {
  reader.cancel().catch(() => {});
}
