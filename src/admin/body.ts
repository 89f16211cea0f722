/**
 * The bodies of requests: read before anybody looks at them, and no more than may be.
 *
 * @module
 */

import type { MiddlewareHandler } from "hono";
import { refuse } from "./errors.ts";

/** Octets: room for a message to be explained. */
const LIMIT = 2 * 1024 * 1024;

/**
 * Reads the body, or answers 413 once it turns out to be larger than 2 MiB, whatever length was
 * declared. One that was left out is an empty object.
 *
 * Hono's own makes the new request of the old one, and Deno complains about whoever touches that
 * one's signal.
 */
export const bounded: MiddlewareHandler = async (c, next) => {
  const body = await readUpTo(LIMIT, c.req.raw.body);
  if (body === undefined) {
    return refuse(c, 413, "too-large", `Cannot read the body, allowed are ${LIMIT} octets`);
  }
  const { url, method, headers } = c.req.raw;
  c.req.raw = new Request(url, { method, headers, body: body.size === 0 ? "{}" : body });
  await next();
};

/** All of it; `undefined` for more than the limit. */
async function readUpTo(
  limit: number,
  body: ReadableStream<Uint8Array<ArrayBuffer>> | null,
): Promise<Blob | undefined> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for await (const piece of body ?? []) {
    size += piece.length;
    if (size > limit) return undefined;
    pieces.push(piece);
  }
  return new Blob(pieces);
}
