/**
 * What a ruling comes to, in a form that can be compared, written down and read: who said it and in
 * which words does not count.
 *
 * @module
 */

import type { Reply } from "../rfc5321/reply.ts";
import type { Ruling } from "../session/phases.ts";

/** See the module. Nothing in it: proceed. */
export interface Decision {
  /** Code and enhanced status code of a refusal: `550 5.7.1`. */
  readonly refusal?: string;
  /** The connection is closed. */
  readonly close?: true;
  /** It comes to nothing. */
  readonly discard?: true;
  /** The addresses, without brackets, that stand for the one that was asked about. */
  readonly paths?: readonly string[];
  /** Name of the upstream. */
  readonly upstream?: string;
}

/** The decision in a ruling. */
export function decisionOf({ refusal, close, discard, paths, upstream }: Ruling): Decision {
  if (refusal !== undefined) {
    return { refusal: codesOf(refusal), ...close && { close } };
  }
  return {
    ...discard && { discard },
    ...paths !== undefined && { paths: paths.map(({ address }) => address) },
    ...upstream !== undefined && { upstream },
  };
}

/** A reply without its words: `550 5.7.1`, or `550`. */
export function codesOf(reply: Reply): string {
  const { enhanced } = reply;
  const codes = enhanced && ` ${enhanced.class}.${enhanced.subject}.${enhanced.detail}`;
  return `${reply.code}${codes ?? ""}`;
}

/** Whether two decisions come to the same. */
export function sameDecision(one: Decision, other: Decision): boolean {
  return printDecision(one) === printDecision(other);
}

/** In words: `refused 550 5.7.1`, `becomes <a@b>, goes to "archive"`, `proceeds`. */
export function printDecision({ refusal, close, discard, paths, upstream }: Decision): string {
  const words = [
    refusal === undefined ? "" : `refused ${refusal}`,
    close ? "connection closed" : "",
    discard ? "discarded" : "",
    paths === undefined
      ? ""
      : paths.length === 0
      ? "becomes nobody"
      : `becomes ${paths.map((address) => `<${address}>`).join(" ")}`,
    upstream === undefined ? "" : `goes to "${upstream}"`,
  ].filter((word) => word !== "");
  return words.length === 0 ? "proceeds" : words.join(", ");
}
