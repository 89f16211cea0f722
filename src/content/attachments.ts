/**
 * Rules about the files in a message: their names, types, sizes and number.
 *
 * @module
 */

import { OptionError } from "../errors.ts";
import { type Answer, definePolicy, type OnFailure, type Policy } from "../policy/policy.ts";
import { parsePattern, type TextPattern } from "../policy/rules/pattern.ts";
import { isVerdict, reject } from "../policy/verdicts.ts";
import { Reply } from "../rfc5321/reply.ts";
import type { Verdict } from "../session/phases.ts";
import { commonOptions, type FilterOptions, oneOf, wholeNumber } from "./filter_options.ts";
import { type MimePart, readParts, TooComplex } from "./mime_parts.ts";

/** Which messages are meant, any of these being enough, and what becomes of them. */
export interface AttachmentsOptions extends FilterOptions {
  /**
   * File names, `*` and `?` as wildcards and without the case of ASCII letters, or `/expression/`. They
   * are compared decoded (RFC 2231, RFC 2047), without a path and without what systems drop at the end:
   * `*.exe` is met by `photo.jpg.exe`. A part that has two names is met by either.
   *
   * @default none
   */
  readonly names?: string | readonly string[];
  /** Declared types of any parts, as `application/x-msdownload` or `application/*`. @default none */
  readonly types?: string | readonly string[];
  /** Octets of one attachment, decoded; one with more is meant. @default any number is good */
  readonly largerThan?: number;
  /** Attachments in one message; one with more is meant. @default any number is good */
  readonly moreThan?: number;
  /** Depth of parts within parts up to which a message is read, of attached ones too. @default 30 */
  readonly depth?: number;
  /** Parts up to which a message is read. @default 1000 */
  readonly parts?: number;
  /** What becomes of a message with more parts, or deeper ones: they are not looked at. @default "reject" */
  readonly complex?: OnFailure;
  /** What becomes of a message that is meant. @default reject("550 5.7.1 Attachment not accepted") */
  readonly then?: Answer<"filter">;
}

/** What a message comes to that nobody can look through. */
const COMPLEX: Readonly<Record<OnFailure, Verdict<"filter"> | undefined>> = {
  accept: undefined,
  defer: reject(new Reply(451, "4.6.0 Message is too complex")),
  reject: reject(new Reply(554, "5.6.0 Message is too complex")),
};

/**
 * Attachments. An attachment is a part with a file name or with the disposition `attachment` (RFC 2183),
 * wherever in the message, in messages within it too; archives are not opened. The first that is meant
 * decides, before the rest of the message has come.
 *
 * @example
 * ```ts
 * import { attachments } from "@sluice/sluice/content";
 * import { openSession } from "@sluice/sluice/testing";
 *
 * const policy = attachments({ names: ["*.exe", "*.js"], types: "application/x-msdownload" });
 * await using session = await openSession({ policy });
 * await session.cmd("MAIL FROM:<a@x.example>", "250");
 * await session.cmd("RCPT TO:<b@y.example>", "250");
 * await session.message(
 *   "Content-Disposition: attachment; filename*=UTF-8''photo.jpg%2Eexe\r\n\r\nMZ\r\n",
 *   "550 5.7.1 Attachment not accepted",
 * );
 * ```
 *
 * @throws {OptionError} If an option cannot be used, or nothing says what is meant.
 */
export function attachments(options: AttachmentsOptions): Policy {
  const { largerThan = Infinity, moreThan = Infinity, depth = 30, parts = 1000 } = options;
  const { complex = "reject", then = reject("550 5.7.1 Attachment not accepted") } = options;
  const common = commonOptions("attachments", options);
  const names = patterns("names", options.names);
  const types = patterns("types", options.types);
  if (largerThan !== Infinity) wholeNumber("attachments.largerThan", largerThan);
  if (moreThan !== Infinity) wholeNumber("attachments.moreThan", moreThan);
  if (names.length + types.length === 0 && Math.min(largerThan, moreThan) === Infinity) {
    const allowed = "at least one of names, types, largerThan, moreThan";
    throw new OptionError("attachments", "nothing that is meant", allowed);
  }
  const limits = {
    depth: wholeNumber("attachments.depth", depth, 100),
    parts: wholeNumber("attachments.parts", parts, 100_000),
  };
  const verdicts = verdictsOf(then);
  const beyond = COMPLEX[oneOf("attachments.complex", complex, ["accept", "defer", "reject"])];
  const meant = ({ names: own, type, size, attached }: MimePart): boolean =>
    own.some((name) => names.some((pattern) => pattern.matches(name))) ||
    types.some((pattern) => pattern.matches(type)) || (attached && size > largerThan);
  return definePolicy({
    ...common,
    needs: ["filter", ...verdicts.map(({ kind }) => kind).filter((kind) => kind !== "proceed")],
    async filter({ message }): Promise<Answer<"filter">> {
      let found = false;
      const attached = new Set<MimePart>();
      const look = (part: MimePart): boolean => {
        if (part.attached) attached.add(part);
        return found = meant(part) || attached.size > moreThan;
      };
      try {
        await readParts(message.stream(), limits, look);
      } catch (error) {
        if (error instanceof TooComplex) return beyond;
        throw error;
      }
      return found ? verdicts : undefined;
    },
  });
}

function patterns(option: string, texts: string | readonly string[] = []): readonly TextPattern[] {
  const list: readonly string[] = typeof texts === "string" ? [texts] : texts;
  return list.map((text) => {
    try {
      return parsePattern(text, "name", { ignoreCase: true });
    } catch {
      const allowed = "texts, with * and ? as wildcards, or /expression/";
      throw new OptionError(`attachments.${option}`, text, allowed);
    }
  });
}

function verdictsOf(then: Answer<"filter">): readonly Verdict<"filter">[] {
  const verdicts = then === undefined ? [] : Array.isArray(then) ? then : [then];
  if (verdicts.length > 0 && verdicts.every(isVerdict)) return verdicts;
  throw new OptionError("attachments.then", then, "a verdict, or several");
}
