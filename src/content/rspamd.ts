/**
 * Rspamd as a filter, over its own HTTP protocol: `POST /checkv2`.
 *
 * @module
 */

import * as z from "zod";
import { encode } from "../bytes.ts";
import { OptionError } from "../errors.ts";
import type { HeaderEdit } from "../message/header_section.ts";
import { type Answer, definePolicy, type OnFailure, type Policy } from "../policy/policy.ts";
import { addHeader, discard, edit, quarantine, reject, score } from "../policy/verdicts.ts";
import { maxReplyText } from "../rfc5321/limits.ts";
import type { Path } from "../rfc5321/path.ts";
import { Reply } from "../rfc5321/reply.ts";
import type { TransactionFacts } from "../session/facts.ts";
import type { Verdicts } from "../session/phases.ts";
import type { Fetch } from "../upstream/http/body.ts";
import {
  beyondReply,
  commonOptions,
  type FilterOptions,
  httpUrl,
  oneOf,
  refusalOption,
  text,
} from "./filter_options.ts";
import { fieldValue, post } from "./post.ts";

/** What Rspamd says is to be done with a message, in its words. */
export type RspamdAction =
  | ("no action" | "greylist" | "soft reject" | "add header" | "rewrite subject")
  | ("quarantine" | "discard" | "reject");

/** All of them. */
export const rspamdActions: readonly RspamdAction[] = [
  ...["no action", "greylist", "soft reject", "add header", "rewrite subject"] as const,
  ...["quarantine", "discard", "reject"] as const,
];

/**
 * What is done then: let it pass; let it pass with a mark in its header; let it pass with the subject
 * that Rspamd gives it; keep it aside; answer 451, or with a refusal; accept it and let it come to
 * nothing.
 */
export type RspamdReaction =
  | ("accept" | "header" | "subject" | "quarantine")
  | ("defer" | "reject" | "discard");

const rspamdReactions: readonly RspamdReaction[] = [
  ...["accept", "header", "subject", "quarantine", "defer", "reject", "discard"] as const,
];

/** What Rspamd has found. */
export interface RspamdResult {
  /** What it says is to be done. */
  readonly action: RspamdAction;
  /** The sum of all that it has found. */
  readonly score: number;
  /** Its rules that have met, by name. */
  readonly symbols: ReadonlyMap<string, RspamdSymbol>;
}

/** One of Rspamd's rules that has met. */
export interface RspamdSymbol {
  /** Its part in the sum. */
  readonly score: number;
  /** What it has found, where it says so. */
  readonly options: readonly string[];
}

/** Options of {@linkcode rspamd}; only `url` must be given. */
export interface RspamdOptions extends FilterOptions {
  /** Where a worker of it listens: `http://127.0.0.1:11333`. */
  readonly url: string;
  /** What the worker asks for, where it asks for one. @default none */
  readonly password?: string;
  /** Our name, as Rspamd shows it in header fields of its own. @default "" none is told */
  readonly hostname?: string;
  /**
   * What becomes of its actions.
   *
   * @default greylist and soft reject are deferred, add header is `header`, rewrite subject is
   * `subject`, quarantine and reject are rejected, discard is discarded
   */
  readonly actions?: Partial<Readonly<Record<RspamdAction, RspamdReaction>>>;
  /** To what is rejected, where Rspamd has no text of its own. @default "550 5.7.1 Refused as spam" */
  readonly reply?: string;
  /** The field that marks what is `header`, with the value `Yes`. @default "X-Spam" */
  readonly mark?: string;
  /** Whether fields are added and removed as Rspamd says, its DKIM signatures too. @default true */
  readonly headers?: boolean;
  /** What becomes of a message whose header section it is too late to change. @default "accept" */
  readonly beyond?: OnFailure;
  /** More to say about what has been found; the first refusal counts. @default nothing */
  readonly decide?: (result: RspamdResult, facts: TransactionFacts) => Answer<"filter">;
  /** Sends the requests. @default The runtime's. */
  readonly fetch?: Fetch;
}

const standardReactions: Readonly<Record<RspamdAction, RspamdReaction>> = {
  "no action": "accept",
  "greylist": "defer",
  "soft reject": "defer",
  "add header": "header",
  "rewrite subject": "subject",
  "quarantine": "reject",
  "discard": "discard",
  "reject": "reject",
};

/** Octets of an answer. */
const MAX_ANSWER = 1_048_576;
/** Header fields that an answer may add and remove. */
const MAX_EDITS = 200;

const LATER = new Reply(451, "4.7.1 Try again later");

// What a stranger has left out or made of another kind is as if it were not there.
const ifThere = <T extends z.ZodType>(piece: T) => piece.optional().catch(undefined);

const addedField = z.union([
  z.string().transform((value) => ({ value, order: -1 })),
  z.object({ value: z.string(), order: z.int().catch(-1) }),
]);

/** https://rspamd.com/doc/developers/protocol.html */
const answerSchema = z.object({
  action: z.enum(rspamdActions),
  score: z.number(),
  symbols: z.record(
    z.string(),
    z.object({
      score: z.number().catch(0),
      options: z.array(z.coerce.string()).catch([]),
    }),
  ).catch({}),
  subject: ifThere(z.string()),
  messages: ifThere(z.object({ smtp_message: ifThere(z.string()) })),
  milter: ifThere(z.object({
    add_headers: ifThere(z.record(z.string(), z.union([addedField, z.array(addedField)]))),
    remove_headers: ifThere(z.record(z.string(), z.int())),
  })),
  "dkim-signature": ifThere(z.union([z.string(), z.array(z.string())])),
});

type RspamdAnswer = z.output<typeof answerSchema>;

/**
 * Asks Rspamd about each message while it comes. Its score is given on, so that a rule at `content` can
 * see it, and its action is obeyed.
 *
 * @example A message that it does not like
 * ```ts
 * import { rspamd } from "@sluice/sluice/content";
 * import { openSession } from "@sluice/sluice/testing";
 *
 * const policy = rspamd({
 *   url: "http://127.0.0.1:11333",
 *   fetch: async (url, init) => {
 *     await new Request(url, init).arrayBuffer();
 *     return Response.json({ action: "reject", score: 17.5 });
 *   },
 * });
 * await using session = await openSession({ policy });
 * await session.cmd("MAIL FROM:<a@x.example>", "250");
 * await session.cmd("RCPT TO:<b@y.example>", "250");
 * await session.message("Subject: Hi\r\n\r\n", "550 5.7.1 Refused as spam");
 * ```
 *
 * @throws {OptionError} If an option cannot be used.
 */
export function rspamd(options: RspamdOptions): Policy {
  const { hostname = "", mark = "X-Spam", headers = true, fetch = globalThis.fetch } = options;
  const url = httpUrl("rspamd.url", options.url);
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/checkv2`;
  const reactions = { ...standardReactions, ...reactionsOf(options.actions) };
  const refusal = refusalOption("rspamd.reply", options.reply ?? "550 5.7.1 Refused as spam");
  const beyond = beyondReply("rspamd.beyond", options.beyond);
  const marking = attemptMark(mark);
  const password = options.password === undefined
    ? undefined
    : text("rspamd.password", options.password, "a password");
  return definePolicy({
    ...commonOptions("rspamd", options),
    needs: Object.values(reactions).includes("quarantine") ? ["filter", "quarantine"] : ["filter"],
    async filter({ message, headers: section, ...facts }): Promise<readonly Verdicts["filter"][]> {
      const asked = requestHeaders(facts, hostname, password);
      const text = await post({ fetch, url, headers: asked, message, most: MAX_ANSWER });
      const answer = readAnswer(text);
      const verdicts: Verdicts["filter"][] = [score(answer.score)];
      const marks: HeaderEdit[] = [];
      verdicts.push(...decided(options.decide?.(resultOf(answer), facts)));
      switch (reactions[answer.action]) {
        case "accept":
          break;
        case "header":
          marks.push(...marking);
          break;
        case "subject":
          if (answer.subject !== undefined) {
            const value = clean(answer.subject);
            marks.push({ kind: "replace", name: "Subject", value, nth: 1 });
          }
          break;
        case "defer":
          verdicts.push(reject(worded(LATER, answer)));
          break;
        case "reject":
          verdicts.push(reject(worded(refusal, answer)));
          break;
        case "discard":
          verdicts.push(discard());
          break;
        case "quarantine":
          verdicts.push(quarantine());
      }
      // What is refused is not changed, and a field that cannot be written must not let it pass.
      if (verdicts.some(({ kind }) => kind === "reject")) return verdicts;
      const edits = headers ? editsOf(answer, (name) => section.all(name).length) : [];
      edits.push(...marks);
      if (edits.length > 0) verdicts.push({ ...edit(edits), beyond });
      return verdicts;
    },
  });
}

function reactionsOf(actions: RspamdOptions["actions"] = {}): typeof actions {
  for (const [action, reaction] of Object.entries(actions)) {
    oneOf("rspamd.actions", action as RspamdAction, rspamdActions);
    oneOf(`rspamd.actions.${action}`, reaction, rspamdReactions);
  }
  return actions;
}

/** A message that brings the mark along is not marked by us. */
function attemptMark(mark: string): readonly HeaderEdit[] {
  try {
    return [{ kind: "remove", name: mark }, ...addHeader(mark, "Yes").edits];
  } catch {
    throw new OptionError("rspamd.mark", mark, "the name of a header field");
  }
}

function decided(answer: Answer<"filter">): readonly Verdicts["filter"][] {
  if (answer === undefined) return [];
  return Array.isArray(answer) ? answer : [answer as Verdicts["filter"]];
}

/** Who sends it, to whom and how, in the fields that Rspamd reads. */
function requestHeaders(
  { id, session: { client }, original }: TransactionFacts,
  hostname: string,
  password: string | undefined,
): Headers {
  const { address, name, hello, login, tls } = client;
  const headers = new Headers({ "content-type": "message/rfc822" });
  const fields: Readonly<Record<string, string | undefined>> = {
    "From": bracketed(original.reversePath),
    "Rcpt": original.recipients.filter(({ reply }) => reply?.positive ?? true)
      .map(({ forwardPath }) => bracketed(forwardPath)).join(", "),
    "IP": address,
    "Hostname": name,
    "Helo": hello,
    "User": login,
    "TLS-Version": tls?.version,
    "TLS-Cipher": tls?.cipher,
    "Queue-Id": id,
    "MTA-Name": hostname,
    "Password": password,
  };
  for (const [field, value] of Object.entries(fields)) {
    if (value !== undefined && value !== "") headers.set(field, fieldValue(value));
  }
  return headers;
}

/** Without a source route, which says nothing about who it is. */
function bracketed({ address }: Path): string {
  return `<${address}>`;
}

/** @throws {Error} If it is none. */
function readAnswer(text: string): RspamdAnswer {
  const wrong = (found: string): Error =>
    new Error(`Cannot read the answer of Rspamd: found ${found}`);
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    throw wrong("no JSON");
  }
  const { data, error } = answerSchema.safeParse(raw);
  if (data !== undefined) return data;
  const { path, message } = error.issues[0];
  throw wrong(`at "${path.join(".")}": ${message}`);
}

function resultOf({ action, score, symbols }: RspamdAnswer): RspamdResult {
  return { action, score, symbols: new Map(Object.entries(symbols)) };
}

/** A refusal in Rspamd's words, where it has any. */
function worded(standard: Reply, { messages }: RspamdAnswer): Reply {
  const said = messages?.smtp_message?.replace(/[^ -~]+/g, " ").trim() ?? "";
  if (said === "") return standard;
  const { subject, detail } = standard.enhanced ?? { subject: 7, detail: 1 };
  const reply = new Reply(standard.code, said.slice(0, MAX_WORDS));
  return reply.enhanced === undefined ? reply.withEnhanced(`${subject}.${detail}`) : reply;
}

/** Beside an enhanced status code. */
const MAX_WORDS = maxReplyText - "5.999.999 ".length;

/** What Rspamd wants changed: what goes before what comes, as its own milter does it. */
function editsOf(
  { milter, "dkim-signature": signatures = [] }: RspamdAnswer,
  countOf: (name: string) => number,
): HeaderEdit[] {
  const removed = Object.entries(milter?.remove_headers ?? {}).flatMap(([name, nth]) =>
    removal(name, nth, countOf(name))
  );
  const added = Object.entries(milter?.add_headers ?? {}).flatMap(([name, fields]) =>
    [fields].flat().map(({ value, order }): HeaderEdit => {
      return { kind: "add", name, value: clean(value), at: order < 0 ? "bottom" : "top" };
    })
  );
  const signed = [signatures].flat().map((value): HeaderEdit => {
    return { kind: "add", name: "DKIM-Signature", value: clean(value), at: "top" };
  });
  const edits = [...removed, ...added, ...signed];
  if (edits.length <= MAX_EDITS) return edits;
  throw new Error(`Cannot obey Rspamd: found ${edits.length} changes, allowed are ${MAX_EDITS}`);
}

/** @param nth From 1, or from the last one on, -1; 0 means all. */
function removal(name: string, nth: number, count: number): HeaderEdit[] {
  if (nth === 0) return [{ kind: "remove", name }];
  const place = nth > 0 ? nth : count + nth + 1;
  return place > 0 ? [{ kind: "remove", name, nth: place }] : [];
}

/**
 * A value that can stand in a field: a line break only where something follows behind white space, and
 * nothing that is too long for a line, which may be a stranger's words.
 */
function clean(value: string): string {
  const lines = value.replaceAll("\0", "").replace(/\r\n?/g, "\n").trim()
    .replace(/\n(?![ \t]+[^ \t\n])/g, " ").split("\n");
  return lines.every((line) => encode(line).length <= MAX_LINE)
    ? lines.join("\r\n")
    : lines.join("").replace(LONG_WORD, "$& ");
}

/** Octets that have room in a line beside the name of a field (RFC 5322 §2.1.1). */
const MAX_LINE = 900;
/** As many characters of UTF-8 have room there in any case. */
const LONG_WORD = /[^ \t]{200}(?=[^ \t])/gu;
