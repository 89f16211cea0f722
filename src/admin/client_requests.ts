/**
 * Requests to an admin over HTTP, from wherever there is `fetch`.
 *
 * @module
 */

import { type Clock, systemClock } from "../clock.ts";
import { OptionError } from "../errors.ts";
import { parseUrl } from "../parse_url.ts";
import { AdminError, foreignAnswer, refusalOf } from "./admin_error.ts";
import { EventStreamError, followEvents } from "./event_reader.ts";
import { readBearer } from "../http/tokens.ts";

/** What a client can be told. */
export interface AdminClientOptions {
  /** Bearer token. @default none */
  readonly token?: string;
  /** Sends a request. @default the runtime's `fetch` */
  readonly fetch?: (request: Request) => Response | Promise<Response>;
  /** Times pauses between connections, and silence of live streams. @default the runtime's clock */
  readonly clock?: Clock;
}

/** What every call can be told. */
export interface CallOptions {
  /** Gives it up; the call then throws the signal's reason. */
  readonly signal?: AbortSignal;
}

/** What a live stream can be told. */
export interface StreamOptions {
  /** Ends it, without an error. @default never */
  readonly signal?: AbortSignal;
  /**
   * Told why a connection was lost or not had, `undefined` where the admin has ended it in order,
   * and of the milliseconds until the next attempt.
   */
  readonly lost?: (error: unknown, pause: number) => void;
}

/** Values of a query; those that are absent are left out. */
export type Query = { readonly [name: string]: string | number | undefined };

/** What is asked. */
export interface Question {
  readonly method: "GET" | "POST" | "DELETE";
  /** Below the admin's own place. */
  readonly path: string;
  readonly query?: Query;
  /** Sent as JSON. */
  readonly body?: object;
  /** Statuses whose body is an answer. Default 200 alone. */
  readonly answers?: readonly number[];
}

const never = new AbortController().signal;

/** Asks the admin at one place. */
export class Requests {
  readonly #base: URL;
  readonly #token: string | undefined;
  readonly #fetch: (request: Request) => Response | Promise<Response>;
  readonly #clock: Clock;

  /** @throws {OptionError} For a URL or a token that cannot be used; tells nothing of the token. */
  constructor(url: string | URL, options: AdminClientOptions) {
    this.#base = baseOf(url);
    this.#token = options.token;
    // As a function by itself: browsers refuse to call it as a method of something else.
    this.#fetch = options.fetch ?? ((request) => fetch(request));
    this.#clock = options.clock ?? systemClock;
    if (options.token !== undefined && readBearer(`Bearer ${options.token}`) === undefined) {
      throw new OptionError(
        "token",
        "other characters",
        "one or more of A-Z a-z 0-9 . _ ~ + / -, then perhaps =",
      );
    }
  }

  /** The answer in JSON. @throws {AdminError} */
  async json<Answer>(question: Question, { signal = never }: CallOptions = {}): Promise<Answer> {
    const response = await this.#answer(question, signal);
    const text = await this.#reached(response.text(), signal);
    try {
      return JSON.parse(text);
    } catch (error) {
      throw foreignAnswer(response, error);
    }
  }

  /** The answer as it is. @throws {AdminError} */
  async text(question: Question, { signal = never }: CallOptions = {}): Promise<string> {
    const response = await this.#answer(question, signal);
    return await this.#reached(response.text(), signal);
  }

  /**
   * The data of events of one type, over as many connections as it takes.
   *
   * @throws {AdminError} If the admin refuses, or what is there is none.
   */
  async *follow<Data>(
    path: string,
    query: Query,
    type: string,
    { signal = never, lost }: StreamOptions,
  ): AsyncGenerator<Data> {
    let refusal: AdminError | undefined;
    const open = async (lastEventId: string | undefined, signal: AbortSignal) => {
      refusal = undefined;
      const headers = new Headers({ accept: "text/event-stream" });
      if (lastEventId !== undefined) headers.set("last-event-id", lastEventId);
      const response = await this.#ask({ method: "GET", path, query }, signal, headers);
      if (response.ok) return response;
      refusal = await refusalOf(response);
      return new Response(null, response);
    };
    const events = followEvents({
      open,
      clock: this.#clock,
      signal,
      lost: (error, pause) => lost?.(refusal ?? error, pause),
    });
    try {
      for await (const { event, data } of events) {
        if (event === type) yield JSON.parse(data);
      }
    } catch (error) {
      if (error instanceof EventStreamError) {
        throw refusal ?? new AdminError(error.status ?? 200, "no-admin", error.message);
      }
      if (!(error instanceof SyntaxError)) throw error;
      throw new AdminError(200, "no-admin", `Cannot read an event: ${error.message}`);
    }
  }

  async #answer(question: Question, signal: AbortSignal): Promise<Response> {
    const { answers = [200] } = question;
    const response = await this.#ask(question, signal, new Headers());
    if (answers.includes(response.status)) return response;
    if (!response.ok) throw await refusalOf(response);
    await response.body?.cancel();
    throw foreignAnswer(response);
  }

  async #ask(
    { method, path, query = {}, body }: Question,
    signal: AbortSignal,
    headers: Headers,
  ): Promise<Response> {
    const url = new URL(path, this.#base);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    if (this.#token !== undefined) headers.set("authorization", `Bearer ${this.#token}`);
    // What changes something has to say that it is JSON, with a body or without.
    if (method !== "GET") headers.set("content-type", "application/json");
    const request = new Request(url, {
      method,
      headers,
      body: body && JSON.stringify(body),
      signal,
      // Another place is not the admin that was named, and must not get its token.
      redirect: "manual",
    });
    return await this.#reached(this.#fetch(request), signal);
  }

  /** Waits for what comes over the network. @throws {AdminError} */
  async #reached<T>(coming: T | Promise<T>, signal: AbortSignal): Promise<T> {
    try {
      return await coming;
    } catch (cause) {
      signal.throwIfAborted();
      const why = cause instanceof Error ? cause.message : String(cause);
      const message = `Cannot reach the admin at ${this.#base}: ${why}`;
      throw new AdminError(0, "unreachable", message, [], { cause });
    }
  }
}

/** With a slash at its end, so that paths go below it. */
function baseOf(url: string | URL): URL {
  const allowed = "an http: or https: URL without user, query and fragment";
  const base = parseUrl(url);
  if (base === null || !/^https?:$/.test(base.protocol)) {
    throw new OptionError("url", String(url), allowed);
  }
  const { username, password, search, hash } = base;
  // What stands there may be a secret.
  if (username + password !== "") throw new OptionError("url", "a user in it", allowed);
  if (search + hash !== "") throw new OptionError("url", String(url), allowed);
  if (!base.pathname.endsWith("/")) base.pathname += "/";
  return base;
}
