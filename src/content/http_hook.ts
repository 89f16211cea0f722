/**
 * A program of one's own as a filter: it gets each message by HTTP and answers with a decision.
 *
 * The request is a POST of `message/rfc822`, octet for octet as the client has sent it; the envelope
 * and the client stand in its header (see `readEnvelope`), signed where there is a secret (see
 * `verifyRequest`). The answer has a status of 200 and is JSON:
 *
 * | member    | what                                                                                |
 * | --------- | ----------------------------------------------------------------------------------- |
 * | `verdict` | `accept`, `reject`, `defer` or `discard`                                            |
 * | `reply`   | with `reject` or `defer`: the reply, as `550 5.7.1 Not for us`                      |
 * | `score`   | points for rules at `content`                                                       |
 * | `headers` | changes, one after the other: `{"add": name, "value": text, "at": "top" \| "bottom"}`, `{"replace": name, "value": text, "nth": 1}`, `{"remove": name, "nth": 1}`; `at` and `nth` may be left out |
 *
 * @module
 */

import * as z from "zod";
import { type Clock, systemClock } from "../clock.ts";
import { messageOf, OptionError } from "../errors.ts";
import type { HeaderEdit } from "../message/header_section.ts";
import { definePolicy, type OnFailure, type Policy } from "../policy/policy.ts";
import { defer, discard, edit, reject, score } from "../policy/verdicts.ts";
import type { TransactionFacts } from "../session/facts.ts";
import type { Verdicts } from "../session/phases.ts";
import type { Fetch } from "../upstream/http/body.ts";
import { printEnvelope, printRecipient } from "../upstream/http/envelope.ts";
import { sign } from "../upstream/http/signature.ts";
import { beyondReply, commonOptions, type FilterOptions, httpUrl } from "./filter_options.ts";
import { post } from "./post.ts";

/** Options of {@linkcode httpHook}; only `url` must be given. */
export interface HttpHookOptions extends FilterOptions {
  /** Where the program listens. Its query is kept. */
  readonly url: string;
  /** At least 16 characters; requests are then signed, but for the message. @default none */
  readonly secret?: string;
  /** What becomes of a message whose header section it is too late to change. @default "accept" */
  readonly beyond?: OnFailure;
  /** Sends the requests. @default The runtime's. */
  readonly fetch?: Fetch;
  /** Dates the signatures. @default The runtime's clock. */
  readonly clock?: Clock;
}

/** Octets of an answer. */
const MAX_ANSWER = 262_144;
/** Header fields that an answer may change. */
const MAX_EDITS = 200;
/** Characters of a secret. */
const MIN_SECRET = 16;

const name = z.string().min(1);
const nth = z.int().min(1);

const change = z.union([
  z.strictObject({ add: name, value: z.string(), at: z.enum(["top", "bottom"]).default("top") })
    .transform(({ add: name, ...rest }): HeaderEdit => ({ kind: "add", name, ...rest })),
  z.strictObject({ replace: name, value: z.string(), nth: nth.default(1) })
    .transform(({ replace: name, ...rest }): HeaderEdit => ({ kind: "replace", name, ...rest })),
  z.strictObject({ remove: name, nth: nth.optional() })
    .transform(({ remove: name, ...rest }): HeaderEdit => ({ kind: "remove", name, ...rest })),
], { error: "add and value, perhaps at; replace and value, perhaps nth; remove, perhaps nth" });

const common = {
  score: z.number().optional(),
  headers: z.array(change).max(MAX_EDITS).default([]),
};

const decisionSchema = z.discriminatedUnion("verdict", [
  z.strictObject({ verdict: z.enum(["accept", "discard"]), ...common }),
  z.strictObject({ verdict: z.enum(["reject", "defer"]), reply: z.string().optional(), ...common }),
], { error: "accept, reject, defer, discard" });

type Decision = z.output<typeof decisionSchema>;

/** What each verdict comes to. */
const given: {
  readonly [V in Decision["verdict"]]: (reply: string | undefined) => Verdicts["filter"][];
} = {
  accept: () => [],
  reject: (reply = "550 5.7.1 Message refused") => [reject(reply)],
  defer: (reply) => [defer(reply)],
  discard: () => [discard()],
};

/**
 * Asks a program about each message while it comes. What is no decision, and another status than 200 to
 * 299, is a failure, which `onFailure` answers.
 *
 * @example Whatever receives a POST
 * ```ts
 * import { httpHook } from "@sluice/sluice/content";
 * import { openSession } from "@sluice/sluice/testing";
 *
 * const policy = httpHook({
 *   url: "https://hook.example/judge",
 *   fetch: async (url, init) => {
 *     const text = await new Request(url, init).text();
 *     const wrong = text.includes("lottery");
 *     return Response.json({ verdict: wrong ? "reject" : "accept" });
 *   },
 * });
 * await using session = await openSession({ policy });
 * await session.cmd("MAIL FROM:<a@x.example>", "250");
 * await session.cmd("RCPT TO:<b@y.example>", "250");
 * await session.message("Subject: The lottery\r\n\r\n", "550 5.7.1 Message refused");
 * ```
 *
 * @throws {OptionError} If an option cannot be used.
 */
export function httpHook(options: HttpHookOptions): Policy {
  const { secret, clock = systemClock, fetch = globalThis.fetch } = options;
  const url = httpUrl("http.url", options.url);
  if (secret !== undefined && secret.length < MIN_SECRET) {
    const found = `a secret of ${secret.length} characters`;
    throw new OptionError("http.secret", found, `at least ${MIN_SECRET} of them`);
  }
  const beyond = beyondReply("http.beyond", options.beyond);
  return definePolicy({
    ...commonOptions("http", options),
    needs: ["filter"],
    async filter({ message, ...facts }): Promise<readonly Verdicts["filter"][]> {
      const headers = requestHeaders(facts);
      if (secret !== undefined) await sign({ url: url.href, headers }, secret, clock.now());
      const text = await post({ fetch, url, headers, message, most: MAX_ANSWER });
      const verdicts = attempt(() => verdictsOf(readDecision(text)));
      return verdicts.map((one) => one.kind === "edit" ? { ...one, beyond } : one);
    },
  });
}

/** Its form is the one in which messages go to an upstream that is an HTTP endpoint. */
function requestHeaders({ id, session: { client }, original }: TransactionFacts): Headers {
  const { address, name, hello } = client;
  const taken = original.recipients.filter(({ reply }) => reply?.positive ?? true)
    .map(({ forwardPath, parameters }) => printRecipient(forwardPath, parameters));
  const headers = printEnvelope(original, taken, {
    id,
    client,
    forwarded: { address, name, hello },
  });
  headers.set("content-type", "message/rfc822");
  headers.set("accept", "application/json");
  return headers;
}

/** @throws {Error} If it is none. */
function readDecision(text: string): Decision {
  const { data, error } = decisionSchema.safeParse(JSON.parse(text));
  if (data !== undefined) return data;
  const { path, message } = error.issues[0];
  throw new RangeError(`${path.length === 0 ? "" : `at ${path.join(".")}: `}${message}`);
}

/** @throws {RangeError} If a reply or a field cannot be sent. */
function verdictsOf(decision: Decision): Verdicts["filter"][] {
  const { verdict, score: points, headers } = decision;
  return [
    ...points === undefined ? [] : [score(points)],
    ...given[verdict]("reply" in decision ? decision.reply : undefined),
    ...headers.length === 0 ? [] : [edit(headers)],
  ];
}

function attempt<T>(make: () => T): T {
  try {
    return make();
  } catch (cause) {
    throw new Error(`Cannot obey the answer: ${messageOf(cause)}`, { cause });
  }
}
