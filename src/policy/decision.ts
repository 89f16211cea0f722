/**
 * What a ruling comes to, in a form that can be compared, written down and read: who said it and in
 * which words does not count.
 *
 * @module
 */

import type { Reply } from "../rfc5321/reply.ts";
import type { HeaderEdit } from "../message/header_section.ts";
import type { Ruling, Verdict } from "../session/phases.ts";

/** See the module. Nothing in it: proceed. */
export interface Decision {
  /** Code and enhanced status code of a refusal: `550 5.7.1`. */
  readonly refusal?: string;
  /** The connection is closed. */
  readonly close?: true;
  /** It comes to nothing. */
  readonly discard?: true;
  /** It is kept aside. */
  readonly quarantine?: true;
  /** The addresses, without brackets, that stand for the one that was asked about. */
  readonly paths?: readonly string[];
  /** Name of the upstream. */
  readonly upstream?: string;
  /** What is done to the header section: `adds X-Spam`. */
  readonly edits?: readonly string[];
  /** Points. */
  readonly score?: number;
}

/** The decision in a ruling. */
export function decisionOf(
  { refusal, close, discard, quarantine, paths, upstream, edits, score }: Omit<Ruling, "steps">,
): Decision {
  if (refusal !== undefined) {
    return { refusal: codesOf(refusal), ...close && { close } };
  }
  return {
    ...discard && { discard },
    ...quarantine && { quarantine },
    ...paths !== undefined && { paths: paths.map(({ address }) => address) },
    ...upstream !== undefined && { upstream },
    ...edits !== undefined && { edits: edits.map(printEdit) },
    ...score !== undefined && { score },
  };
}

/** Without the value: it may be anything. */
function printEdit({ kind, name }: HeaderEdit): string {
  return `${{ add: "adds", replace: "replaces", remove: "removes" }[kind]} ${name}`;
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
export function printDecision(
  { refusal, close, discard, quarantine, paths, upstream, edits = [], score }: Decision,
): string {
  const words = [
    refusal === undefined ? "" : `refused ${refusal}`,
    close ? "connection closed" : "",
    discard ? "discarded" : "",
    quarantine ? "quarantined" : "",
    paths === undefined
      ? ""
      : paths.length === 0
      ? "becomes nobody"
      : `becomes ${paths.map((address) => `<${address}>`).join(" ")}`,
    upstream === undefined ? "" : `goes to "${upstream}"`,
    ...edits,
    score === undefined ? "" : `scores ${score}`,
  ].filter((word) => word !== "");
  return words.length === 0 ? "proceeds" : words.join(", ");
}

/** One verdict in words. */
export function printVerdict(verdict: Verdict): string {
  switch (verdict.kind) {
    case "reject":
      return printDecision(decisionOf({ refusal: verdict.reply }));
    case "disconnect":
      return printDecision(decisionOf({ refusal: verdict.reply, close: true }));
    case "discard":
      return printDecision({ discard: true });
    case "quarantine":
      return printDecision({ quarantine: true });
    case "proceed":
      return "proceeds, and nobody else is asked";
    case "score":
      return printDecision({ score: verdict.points });
    default:
      return printDecision(decisionOf(verdict));
  }
}
