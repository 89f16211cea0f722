/**
 * What all filters can be told, and the door at which it is looked at.
 *
 * @module
 */

import { OptionError } from "../errors.ts";
import { parseUrl } from "../parse_url.ts";
import type { OnFailure, PolicyDefinition, Reading } from "../policy/policy.ts";
import { Reply } from "../rfc5321/reply.ts";

/** What every filter can be told beside its own options; see `PolicyDefinition`. */
export interface FilterOptions
  extends Pick<PolicyDefinition, "timeLimit" | "onFailure" | "reading" | "window"> {
  /** Shows up in logs, statistics and `explain`. @default the filter's own name */
  readonly name?: string;
}

const onFailures: readonly OnFailure[] = ["accept", "defer", "reject"];

/**
 * Looks at what all filters can be told.
 *
 * @param filter The filter's own name.
 * @param options May hold others.
 * @returns Those members, and a name.
 * @throws {OptionError} Naming the first that cannot be used.
 */
export function commonOptions(filter: string, options: FilterOptions): FilterOptions {
  const { name = filter, timeLimit, onFailure, reading, window } = options;
  text(`${filter}.name`, name, "a name");
  if (timeLimit !== undefined) wholeNumber(`${filter}.timeLimit`, timeLimit);
  if (window !== undefined) wholeNumber(`${filter}.window`, window);
  if (onFailure !== undefined) oneOf(`${filter}.onFailure`, onFailure, onFailures);
  if (reading !== undefined) lookAtReading(`${filter}.reading`, reading);
  return { name, timeLimit, onFailure, reading, window };
}

function lookAtReading(option: string, { octets, concurrency, larger }: Reading): void {
  if (octets !== undefined) wholeNumber(`${option}.octets`, octets);
  if (concurrency !== undefined) wholeNumber(`${option}.concurrency`, concurrency);
  if (larger !== undefined) oneOf(`${option}.larger`, larger, onFailures);
}

const BEYOND: Readonly<Record<OnFailure, Reply | undefined>> = {
  accept: undefined,
  defer: new Reply(451, "4.3.0 Too large to be changed, try again later"),
  reject: new Reply(552, "5.3.4 Too large to be changed"),
};

/** The answer where a header section is to be changed that is on its way already; see `Edit.beyond`. */
export function beyondReply(option: string, beyond: OnFailure = "accept"): Reply | undefined {
  return BEYOND[oneOf(option, beyond, onFailures)];
}

/** A whole number of at least 1. @throws {OptionError} */
export function wholeNumber(option: string, value: number, most: number = Infinity): number {
  if (Number.isSafeInteger(value) && value >= 1 && value <= most) return value;
  const allowed = most === Infinity
    ? "a whole number of at least 1"
    : `a whole number from 1 to ${most}`;
  throw new OptionError(option, value, allowed);
}

/** One of several words. @throws {OptionError} */
export function oneOf<T extends string>(option: string, value: T, allowed: readonly T[]): T {
  if (allowed.includes(value)) return value;
  throw new OptionError(option, value, allowed.join(", "));
}

/** A text that is not empty. @throws {OptionError} */
export function text(option: string, value: string, allowed: string): string {
  if (typeof value === "string" && value !== "") return value;
  throw new OptionError(option, value, allowed);
}

/** A 4xx or 5xx reply, as its author writes it. @throws {OptionError} */
export function refusalOption(option: string, value: string): Reply {
  const allowed = "a 4xx or 5xx reply such as 550 5.7.1 Text";
  try {
    const reply = Reply.parse(value);
    if (reply.transient || reply.permanent) return reply;
  } catch {
    // It is told below.
  }
  throw new OptionError(option, value, allowed);
}

/** The URL of an HTTP endpoint. @throws {OptionError} */
export function httpUrl(option: string, value: string): URL {
  const url = parseUrl(value);
  const http = url?.protocol === "http:" || url?.protocol === "https:";
  // What fetch refuses at the first message had better be refused here.
  if (url !== null && http && url.username === "" && url.password === "") return url;
  throw new OptionError(option, value, "an http or https URL without user and password");
}
