/**
 * SpamAssassin: asks spamd about every message, in its protocol SPAMC/1.5.
 *
 * @module
 */

import { concat, decodeStrict, encode } from "../bytes.ts";
import type { Dialer, Target } from "../channel.ts";
import { type Clock, systemClock } from "../clock.ts";
import { OptionError } from "../errors.ts";
import type { Field } from "../message/field.ts";
import { type HeaderEdit, HeaderSection } from "../message/header_section.ts";
import {
  type Answer as Decision,
  definePolicy,
  type OnFailure,
  type Policy,
} from "../policy/policy.ts";
import { edit, reject, score } from "../policy/verdicts.ts";
import type { TransactionFacts } from "../session/facts.ts";
import type { Verdict } from "../session/phases.ts";
import { dateTime, fromDomain, withProtocol } from "../session/trace.ts";
import { converse } from "./conversation.ts";
import {
  beyondReply,
  commonOptions,
  type FilterOptions,
  oneOf,
  refusalOption,
  text,
} from "./filter_options.ts";
import { readSpamdAnswer, type SpamdResult, type SpamdVerb } from "./spamd_answer.ts";

/** Where spamd is, and what its word counts for. Only `target` and `dialer` must be given. */
export interface SpamassassinOptions extends FilterOptions {
  /** Where spamd listens: its `--port` or `--socketpath`. */
  readonly target: Target;
  /** Opens the connections, one for each message; of the runtime's adapter. */
  readonly dialer: Dialer;
  /**
   * What spamd is asked for: the points alone (`check`), or with the names of the rules that have met
   * (`symbols`), both of which are put into header fields here; or the fields that it would put into
   * the message itself (`headers`), the subject that it would write among them.
   *
   * @default "symbols"
   */
  readonly mode?: SpamdVerb;
  /** A message with more points than that is refused. @default none is */
  readonly rejectAbove?: number;
  /** What a message that is refused is told. @default "550 5.7.1 Refused as spam" */
  readonly reply?: string;
  /**
   * Whether a message is given `X-Spam-Flag` and `X-Spam-Status`, or with the mode `headers` all that
   * spamd gives it. Fields of these names that it came with are removed.
   *
   * @default true
   */
  readonly headers?: boolean;
  /** What becomes of a message whose header section it is too late to change. @default "accept" */
  readonly beyond?: OnFailure;
  /** Whose preferences hold for a client that has not logged in. @default spamd's own */
  readonly user?: string;
  /** More to say about what has been found; the first refusal counts. @default nothing */
  readonly decide?: (result: SpamdResult, facts: TransactionFacts) => Decision<"filter">;
  /** Dates the trace header that spamd is shown. @default The runtime's clock. */
  readonly clock?: Clock;
}

/** Octets of a message, as `spamc` has it by itself: spamd takes its time with more. */
const MAX_SIZE = 524_288;

/** Octets of an answer, beside what it repeats of the message: in the mode `headers` its header section. */
const MAX_ANSWER = 65_536;

/** Names of rules in one header field, and fields that spamd may add. */
const MAX_SYMBOLS = 200;
const MAX_FIELDS = 100;

/**
 * SpamAssassin. Its points are given on, so that a rule at `content` can see them. A message that is
 * larger than `reading.octets` (default 512 KiB) is answered as `reading.larger` says (default
 * `accept`).
 *
 * spamd is shown a trace header on top, as the upstream is, and learns from it who the client is and
 * what the reverse-path.
 *
 * @example
 * ```ts
 * import { spamassassin } from "@sluice/sluice/content";
 * import { denoDialer } from "@sluice/sluice/deno";
 *
 * export default spamassassin({
 *   target: { transport: "tcp", host: "127.0.0.1", port: 783 },
 *   dialer: denoDialer,
 *   rejectAbove: 15,
 * });
 * ```
 *
 * @throws {OptionError} If an option cannot be used.
 */
export function spamassassin(options: SpamassassinOptions): Policy {
  const { target, dialer, mode = "symbols", headers = true, clock = systemClock } = options;
  const { rejectAbove = Infinity, user, decide } = options;
  const common = commonOptions("spamassassin", options);
  const { octets: limit = MAX_SIZE, larger = "accept", concurrency } = common.reading ?? {};
  oneOf("spamassassin.mode", mode, ["check", "symbols", "headers"]);
  const refusal = refusalOption("spamassassin.reply", options.reply ?? "550 5.7.1 Refused as spam");
  const beyond = beyondReply("spamassassin.beyond", options.beyond);
  if (typeof rejectAbove !== "number" || Number.isNaN(rejectAbove)) {
    throw new OptionError("spamassassin.rejectAbove", rejectAbove, "a number");
  }
  if (user !== undefined && userLine(text("spamassassin.user", user, "a name")) === "") {
    throw new OptionError("spamassassin.user", user, "a name without control characters");
  }
  return definePolicy({
    ...common,
    needs: ["filter"],
    reading: { octets: limit, larger, concurrency },
    // Also where the message is too large for new ones: whoever reads such a field believes it.
    ...headers && {
      headers: ({ headers, complete }) =>
        // Behind the window there may be some that nobody takes away.
        !complete && beyond !== undefined ? reject(beyond) : forged(headers),
    },
    async filter({ message, headers: section, ...facts }): Promise<readonly Verdict<"filter">[]> {
      const { login } = facts.session.client;
      const { octets, complete } = await converse({ target, dialer }, message, {
        opening: concat([
          encode(`${mode.toUpperCase()} SPAMC/1.5\r\n${userLine(login ?? user)}\r\n`),
          encode(traceOf(facts, clock)),
        ]),
        most: MAX_ANSWER + (mode === "headers" ? limit : 0),
      });
      const { result, header } = readSpamdAnswer(octets, mode);
      if (!complete) throw new Error("Cannot use spamd's answer: it had not read the message");
      const verdicts: Verdict<"filter">[] = [score(result.score)];
      if (result.score > rejectAbove) verdicts.push(reject(refusal));
      verdicts.push(...[decide?.(result, facts) ?? []].flat());
      if (headers) {
        const edits = mode === "headers" ? editsFrom(header, section, result) : fieldsFor(result);
        verdicts.push({ ...edit(edits), beyond });
      }
      return verdicts;
    },
  });
}

/** Without a length: it would have to be known before the message has come. Our side's end says it. */
function userLine(user: string | undefined): string {
  // deno-lint-ignore no-control-regex -- these are what is looked for
  const fit = user !== undefined && user.length <= 255 && /^[^\x00-\x1f\x7f]+$/.test(user);
  return fit ? `User: ${user}\r\n` : "";
}

/** What SpamAssassin reads of the way that a message has come: its first `Received`. */
function traceOf({ id, session, original }: TransactionFacts, clock: Clock): string {
  const { client, server } = session;
  if (client.address === "") return "";
  const { reversePath, parameters } = original;
  const by = server.transport === "tcp" ? server.host : "";
  const lines = [
    `Received: ${fromDomain(client)}`,
    `by ${by === "" ? "localhost" : `[${by.includes(":") ? "IPv6:" : ""}${by}]`}` +
    ` with ${withProtocol(client, parameters.smtputf8 === true)} id ${id}`,
  ];
  // What would end the comment is not worth the trouble: nobody is called that.
  const { address } = reversePath;
  if (!/[()\\\s]/.test(address)) lines.push(`(envelope-from <${address}>)`);
  return `${lines.join("\r\n\t")};\r\n\t${dateTime(clock.now())}\r\n`;
}

/** What SpamAssassin itself is set up to add, and whatever else it is told to begins so. */
const MARKS = ["Flag", "Status", "Level", "Score", "Report", "Checker-Version", "Prev-Subject"]
  .map((word) => `X-Spam-${word}`);
const OWN = /^x-spam-/i;

const removal = (name: string): HeaderEdit => ({ kind: "remove", name });

function forged(headers: HeaderSection): Verdict<"headers"> | undefined {
  const present = MARKS.filter((name) => headers.has(name));
  return present.length === 0 ? undefined : edit(present.map(removal));
}

const onTop = (name: string, value: string): HeaderEdit => ({
  kind: "add",
  name,
  value,
  at: "top",
});

function fieldsFor({ spam, score, required, symbols }: SpamdResult): HeaderEdit[] {
  const named = symbols?.slice(0, MAX_SYMBOLS).join(", ") || "none";
  const [points, limit] = [score, required].map((number) => number.toFixed(1));
  const status = `${spam ? "Yes" : "No"}, score=${points} required=${limit}` +
    (symbols === undefined ? "" : ` tests=${named}`);
  return [onTop("X-Spam-Status", status), ...spam ? [onTop("X-Spam-Flag", "YES")] : []];
}

/** What spamd itself has put on top, in its order, and what it has rewritten (`rewrite_header`). */
function editsFrom(header: Uint8Array, before: HeaderSection, { spam }: SpamdResult): HeaderEdit[] {
  const after = HeaderSection.parse(header);
  const added = after.fields.filter(({ name }) => OWN.test(name)).toReversed();
  if (added.length > MAX_FIELDS) {
    throw new Error(`Cannot use spamd's answer: found ${added.length} fields of its own`);
  }
  const edits = [
    ...added.map(({ name }) => removal(name)),
    ...added.map((field) => onTop(field.name, folded(field))),
  ];
  for (const name of spam ? ["Subject", "From", "To"] : []) {
    const value = after.get(name);
    if (value !== undefined && value !== before.get(name)) {
      edits.push({ kind: "replace", name, value, nth: 1 });
    }
  }
  return edits;
}

/** A report is a list of lines: it keeps them. */
function folded({ body, value }: Field): string {
  return decodeStrict(body)?.trim() ?? value;
}
