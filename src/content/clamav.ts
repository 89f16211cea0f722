/**
 * ClamAV: asks clamd about every message, by INSTREAM (clamd(8)).
 *
 * @module
 */

import type { Dialer, Target } from "../channel.ts";
import { encode, NUL } from "../bytes.ts";
import { TooMuch } from "../message/feed.ts";
import { definePolicy, type Policy } from "../policy/policy.ts";
import { discard, edit, quarantine, reject, removeHeader } from "../policy/verdicts.ts";
import { Reply } from "../rfc5321/reply.ts";
import type { Verdict } from "../session/phases.ts";
import { type Answer, converse, type Protocol } from "./conversation.ts";
import { commonOptions, type FilterOptions, oneOf, refusalOption, text } from "./filter_options.ts";

/** What becomes of a message in which clamd has found something. */
export type InfectedReaction = "reject" | "discard" | "quarantine" | "header";

const reactions: readonly InfectedReaction[] = ["reject", "discard", "quarantine", "header"];

/** Where clamd is, and what its word counts for. Only `target` and `dialer` must be given. */
export interface ClamavOptions extends FilterOptions {
  /** Where clamd listens: its `TCPSocket` or `LocalSocket`. */
  readonly target: Target;
  /** Opens the connections, one for each message; of the runtime's adapter. */
  readonly dialer: Dialer;
  /**
   * What becomes of a message in which something was found. With `header` it goes on, and every message
   * is given the field `X-Virus-Status`, in place of any that it came with; one that is infected and
   * too large for that is refused, and so is one whose header section does not fit into the window.
   *
   * @default "reject"
   */
  readonly infected?: InfectedReaction;
  /**
   * The reply to a message that is refused; `{name}` stands for what was found.
   *
   * @default "550 5.7.1 Message contains {name}"
   */
  readonly reply?: string;
}

/** What every message is marked with where none is refused. */
const STATUS = "X-Virus-Status";

/** Behind the window it could bring along a mark that nobody takes away. */
const UNMARKED = "552 5.3.4 Too large a header section to be marked";

/** Octets that clamd takes at most, as Debian sets it up (`StreamMaxLength`). */
const STREAM_MAX_LENGTH = 26_214_400;

const LONGEST_NAME = 100;

/** `zINSTREAM`: pieces behind their length, a piece of no length, an answer that ends with NUL. */
const protocol: Protocol = {
  opening: encode("zINSTREAM\0"),
  lengths: true,
  closing: new Uint8Array(4),
  until: NUL,
  most: 1_024,
};

/**
 * ClamAV. A message that is larger than `reading.octets` (default 25 MiB), or than clamd itself takes,
 * is answered as `reading.larger` says. clamd says of no message that it has looked at all of it: its
 * own limits (`MaxFileSize`, `MaxScanSize`) pass for clean unless it has `AlertExceedsMax`.
 *
 * @example
 * ```ts
 * import { clamav } from "@sluice/sluice/content";
 * import { denoDialer } from "@sluice/sluice/deno";
 *
 * export default clamav({
 *   target: { transport: "unix", path: "/run/clamav/clamd.ctl" },
 *   dialer: denoDialer,
 *   reading: { concurrency: 10, larger: "accept" },
 * });
 * ```
 *
 * @throws {OptionError} If an option cannot be used.
 */
export function clamav(options: ClamavOptions): Policy {
  const { target, dialer, infected = "reject" } = options;
  const { reply = "550 5.7.1 Message contains {name}" } = options;
  const common = commonOptions("clamav", options);
  const { reading } = common;
  oneOf("clamav.infected", infected, reactions);
  refusalOption("clamav.reply", text("clamav.reply", reply, "a reply"));
  // With the longest name, so that none is too long for it later.
  refusalOption("clamav.reply", naming(reply, "x".repeat(LONGEST_NAME)));
  return definePolicy({
    ...common,
    needs: infected === "quarantine" ? ["filter", "quarantine"] : ["filter"],
    reading: { ...reading, octets: reading?.octets ?? STREAM_MAX_LENGTH },
    // Also where the message is too large to be marked: whoever reads the field believes it.
    ...infected === "header" && {
      headers: ({ headers, complete }) => {
        if (!complete) return reject(UNMARKED);
        return headers.has(STATUS) ? removeHeader(STATUS) : undefined;
      },
    },
    async filter({ message }): Promise<Verdict<"filter"> | undefined> {
      const name = foundIn(await converse({ target, dialer }, message, protocol));
      if (infected === "header") return mark(name, reply);
      return name === undefined ? undefined : refusals[infected](naming(reply, name));
    },
  });
}

const refusals: Readonly<
  Record<Exclude<InfectedReaction, "header">, (reply: string) => Verdict<"filter">>
> = { reject, discard, quarantine };

function mark(name: string | undefined, reply: string): Verdict<"filter"> {
  const value = name === undefined ? "Clean" : `Infected (${name})`;
  return {
    ...edit([{ kind: "add", name: STATUS, value, at: "top" }]),
    ...name !== undefined && { beyond: Reply.parse(naming(reply, name)) },
  };
}

function naming(reply: string, name: string): string {
  return reply.replaceAll("{name}", () => name);
}

const latin1 = new TextDecoder("latin1");

/** What clamd has found: the name of it, `undefined` where it has looked at everything and found nothing. */
function foundIn({ octets, given, complete }: Answer): string | undefined {
  const said = printable(latin1.decode(octets));
  if (said === "stream: OK" && complete) return undefined;
  const name = /^stream: (.+) FOUND$/.exec(said)?.[1];
  if (name !== undefined) return name.slice(0, LONGEST_NAME);
  // Where its limit is it does not say, only that this was beyond it.
  if (said === "INSTREAM size limit exceeded. ERROR") throw new TooMuch(Math.max(given - 1, 0));
  const when = complete ? "" : ` after ${given} octets of a message that has more`;
  throw new Error(`Cannot use clamd's answer: found "${said}"${when}`);
}

/** Whoever writes signatures names them; a reply and a header field take no other characters. */
function printable(text: string): string {
  return text.replace(/[^ -~]/g, "?");
}
