/**
 * Standard output for lines of which there may be many.
 *
 * @module
 */

import { encode } from "../bytes.ts";

/** Waits for whoever reads: the caller has a bound of its own, and mail does not wait for it. */
export async function toStandardOutput(text: string): Promise<void> {
  const octets = encode(text);
  for (let at = 0; at < octets.length;) at += await Deno.stdout.write(octets.subarray(at));
}
