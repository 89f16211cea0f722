/**
 * A message as the body of a request. One that fits the memory is sent when it is complete, with its
 * length and its digest; a larger one as it comes. Nothing that could end it leaves before `finish`: a
 * request that is given up is broken off, in HTTP/1.1 without the last chunk (RFC 9112 §8), in HTTP/2
 * by RST_STREAM, and is not complete to whoever receives it.
 *
 * @module
 */

import { concat } from "../../bytes.ts";
import { type Clock, TimeoutError, within } from "../../clock.ts";
import { type Deferred, deferred } from "../../deferred.ts";
import { messageOf } from "../../errors.ts";
import type { Reply } from "../../rfc5321/reply.ts";
import { type UpstreamBody, UpstreamFailure } from "../../session/upstream.ts";
import { type UpstreamTimeouts, waitFor } from "../smtp/timeouts.ts";
import { EARLY, replyOf } from "./answer.ts";
import { digestOf, maxHeld, sign } from "./signature.ts";

/** What a request is given besides method, headers and body. */
export interface RequestOptions extends RequestInit {
  /** The answer may come before the end of the body, which is sent as it comes. */
  readonly duplex?: "half";
}

/** Sends a request. */
export type Fetch = (url: string, init: RequestOptions) => Promise<Response>;

/** Where messages go, and how. */
export interface HttpTarget {
  /** For logs and errors: without a query, which may hold a secret. */
  readonly name: string;
  readonly url: string;
  readonly fetch: Fetch;
  /** Signs requests, where there is one. */
  readonly secret: string | undefined;
  readonly timeouts: UpstreamTimeouts;
  readonly clock: Clock;
}

/** See the module. */
export class HttpBody implements UpstreamBody {
  readonly form = "content";
  readonly #abort = new AbortController();
  /** Pieces of a message that may still turn out to fit. */
  #held: Uint8Array[] = [];
  #length = 0;
  /** Where the rest goes, while somebody reads there. */
  #sink: ReadableStreamDefaultController<Uint8Array> | undefined;
  /** Resolves when the next piece is wanted, or when there is no use in one. */
  #wanted: Deferred<void> = deferred();
  #answer: Promise<Reply> | undefined;
  #answered = false;
  #complete = false;
  #refusal: Reply | undefined;

  /** @param headers The envelope's. */
  constructor(readonly target: HttpTarget, readonly headers: Headers) {}

  get refusal(): Reply | undefined {
    return this.#refusal;
  }

  async write(octets: Uint8Array): Promise<void> {
    if (this.#refusal !== undefined) return;
    // They are the caller's, and only for this call.
    const own = octets.slice();
    if (this.#answer === undefined && this.#length + own.length <= maxHeld) {
      this.#held.push(own);
      this.#length += own.length;
      return;
    }
    const before = this.#answer === undefined ? await this.#begin() : [];
    for (const piece of [...before, own]) await this.#pass(piece);
  }

  async finish(): Promise<Reply> {
    if (this.#refusal !== undefined) return this.#refusal;
    this.#complete = true;
    if (this.#answer === undefined) {
      const whole = concat(this.#held);
      this.#held = [];
      this.headers.set("content-digest", await digestOf(whole));
      await this.#post(whole as Uint8Array<ArrayBuffer>);
    } else {
      this.#sink?.close();
      this.#sink = undefined;
    }
    return await this.#within("dataTermination", this.#answer!);
  }

  cancel(): Promise<void> {
    this.#held = [];
    this.#breakOff(new UpstreamFailure("aborted", "Mail data called off"));
    return Promise.resolve();
  }

  /** @returns What has been held. */
  async #begin(): Promise<Uint8Array[]> {
    const held = this.#held;
    this.#held = [];
    await this.#post(
      new ReadableStream<Uint8Array<ArrayBuffer>>({
        start: (sink) => void (this.#sink = sink as ReadableStreamDefaultController<Uint8Array>),
        pull: () => this.#wanted.resolve(),
        cancel: () => void (this.#sink = undefined),
      }, { highWaterMark: 0 }),
    );
    return held;
  }

  async #pass(octets: Uint8Array): Promise<void> {
    await this.#within("dataBlock", this.#wanted.promise);
    if (this.#refusal !== undefined || octets.length === 0) return;
    // It has failed before its end, or the message has been called off.
    if (this.#answered) return void await this.#answer;
    this.#wanted = deferred();
    this.#sink?.enqueue(octets);
  }

  async #post(body: BodyInit): Promise<void> {
    const { target, headers } = this;
    if (target.secret !== undefined) await sign(this.#signed, target.secret, target.clock.now());
    const streamed = body instanceof ReadableStream;
    this.#answer = this.#request({
      ...{ method: "POST", headers, body, redirect: "manual", signal: this.#abort.signal } as const,
      ...streamed && { duplex: "half" },
    });
    // Whoever needs it awaits it; until then a lost connection is no unhandled rejection.
    this.#answer.catch(() => {}).then(() => this.#wanted.resolve());
  }

  get #signed(): { readonly url: string; readonly headers: Headers } {
    return { url: this.target.url, headers: this.headers };
  }

  async #request(init: RequestOptions): Promise<Reply> {
    const { name, url, fetch, clock } = this.target;
    try {
      const response = await fetch(url, init);
      if (this.#complete) return await replyOf(response, clock);
      // Nothing more goes there, and no end: the client may come to its own meanwhile.
      const sink = this.#sink;
      this.#sink = undefined;
      const reply = await replyOf(response, clock);
      this.#sink = sink;
      this.#breakOff(new UpstreamFailure("aborted", "Answered before the end"));
      return this.#refusal = reply.positive ? EARLY : reply;
    } catch (cause) {
      // However the runtime puts it: this is why.
      if (this.#abort.signal.aborted) throw this.#abort.signal.reason;
      const why = messageOf(cause).replaceAll(url, name);
      throw new UpstreamFailure("lost", `Cannot post to ${name}: ${why}`, { cause });
    } finally {
      this.#answered = true;
    }
  }

  #breakOff(failure: UpstreamFailure): void {
    // Deno's fetch hears no signal once there is an answer: the body has to say it by itself.
    this.#sink?.error(failure);
    this.#sink = undefined;
    this.#abort.abort(failure);
  }

  async #within<T>(wait: "dataBlock" | "dataTermination", promise: Promise<T>): Promise<T> {
    const { milliseconds, waitedFor } = waitFor(this.target.timeouts, wait);
    try {
      return await within(this.target.clock, milliseconds, waitedFor, promise);
    } catch (cause) {
      if (!(cause instanceof TimeoutError)) throw cause;
      const failure = new UpstreamFailure("timeout", cause.message, { cause });
      this.#breakOff(failure);
      throw failure;
    }
  }
}
