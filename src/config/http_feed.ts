/**
 * The lines of a table from an HTTP endpoint.
 *
 * @module
 */

import type { Copy, TableFeed } from "./live_table.ts";

/** Most octets of one answer. */
const MAX_OCTETS = 67_108_864;

/**
 * Lines that an endpoint gives to GET. Where it sends an ETag it is asked with If-None-Match
 * (RFC 9110 §13.1.2) the next time, and may answer 304.
 *
 * @param url `http:` or `https:`.
 * @param refresh Milliseconds for which an answer is used.
 * @param request Default the runtime's `fetch`.
 */
export function httpFeed(
  url: string,
  refresh: number,
  request: (url: string, init: RequestInit) => Promise<Response> = fetch,
): TableFeed {
  return {
    name: url,
    refresh,
    async read(stamp, signal): Promise<Copy | undefined> {
      const headers: HeadersInit = stamp ? { "if-none-match": stamp } : {};
      const response = await request(url, { headers, signal });
      if (!response.ok) {
        await response.body?.cancel();
        if (response.status === 304 && stamp) return undefined;
        throw new Error(`Cannot read ${url}: found status ${response.status}, allowed is 200`);
      }
      return { text: await textOf(url, response), stamp: response.headers.get("etag") ?? "" };
    },
  };
}

async function textOf(url: string, { body }: Response): Promise<string> {
  const decoder = new TextDecoder();
  let octets = 0;
  let text = "";
  for await (const chunk of body ?? []) {
    octets += chunk.length;
    if (octets > MAX_OCTETS) {
      throw new Error(
        `Cannot read ${url}: found more than ${MAX_OCTETS} octets, allowed are so many`,
      );
    }
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
