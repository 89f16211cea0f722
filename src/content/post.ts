/**
 * A message on its way to a program that judges it over HTTP, and the program's answer.
 *
 * @module
 */

import { encode } from "../bytes.ts";
import { messageOf } from "../errors.ts";
import type { Message } from "../message/message.ts";
import type { Fetch } from "../upstream/http/body.ts";

/** What is asked, and how. */
export interface Inquiry {
  readonly fetch: Fetch;
  readonly url: URL;
  readonly headers: Headers;
  readonly message: Message;
  /** Octets of an answer. */
  readonly most: number;
}

/**
 * Sends a message as it comes, and reads the answer, for which the program need not wait until it has
 * all of the message.
 *
 * @returns The answer's text, of a status of 200 to 299.
 * @throws {Error} If there is none, or a longer one.
 */
export async function post({ fetch, url, headers, message, most }: Inquiry): Promise<string> {
  const over = new AbortController();
  const abort = (): void => over.abort(message.signal.reason);
  if (message.signal.aborted) abort();
  message.signal.addEventListener("abort", abort);
  const reader = message.stream().getReader();
  try {
    const response = await fetch(url.href, {
      method: "POST",
      headers,
      body: bodyOf(reader),
      // A message does not go where nobody has sent it.
      redirect: "manual",
      signal: over.signal,
      duplex: "half",
    }).catch((error) => {
      throw over.signal.aborted ? error : unanswered(url, error);
    });
    return await textOf(nameOf(url), response, most);
  } finally {
    message.signal.removeEventListener("abort", abort);
    // Where the answer has come early, nobody reads the rest, and the message must not wait.
    over.abort(new Error("The answer is there"));
    await reader.cancel().catch(() => {});
  }
}

/** Without what may be a secret. */
function nameOf({ origin, pathname }: URL): string {
  return `${origin}${pathname}`;
}

/** The runtime's own errors, and what has caused them, may name the whole URL. */
function unanswered(url: URL, error: unknown): Error {
  const cause = error instanceof Error ? error.cause : undefined;
  const why = [error, ...cause === undefined ? [] : [cause]].map(messageOf).join(": ");
  return new Error(`Cannot ask ${nameOf(url)}: ${why.replaceAll(url.href, nameOf(url))}`);
}

function bodyOf(
  reader: ReadableStreamDefaultReader<Uint8Array>,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      const { done, value } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value as Uint8Array<ArrayBuffer>);
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: 0 });
}

async function textOf(name: string, response: Response, most: number): Promise<string> {
  const { status, ok, body } = response;
  if (!ok) {
    body?.cancel().catch(() => {});
    throw new Error(`Cannot ask ${name}: found status ${status}, allowed is 200`);
  }
  const decoder = new TextDecoder();
  let octets = 0;
  let text = "";
  for await (const chunk of body ?? []) {
    octets += chunk.length;
    if (octets > most) {
      throw new Error(`Cannot ask ${name}: found an answer of more than ${most} octets`);
    }
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/**
 * A text as the value of a field of HTTP: in UTF-8, each octet of which is a character there, and
 * without what cannot stand in one (RFC 9110 §5.5).
 */
export function fieldValue(text: string): string {
  const octets = encode(text.replace(/[^ -~\u0080-\u{10ffff}]/gu, "?"));
  let value = "";
  for (const octet of octets) value += String.fromCharCode(octet);
  return value;
}
