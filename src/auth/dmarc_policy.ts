/**
 * What becomes of messages for which the domain of their author does not stand (RFC 7489 §6.6.2).
 *
 * @module
 */

import { OptionError } from "../errors.ts";
import { defer, reject, score } from "../policy/verdicts.ts";
import type { Verdicts } from "../session/phases.ts";
import { oneOf } from "../content/filter_options.ts";
import type { AuthenticationResults, DmarcWish } from "./results.ts";

/** Options of {@linkcode dmarcPolicy}; none must be given. */
export interface DmarcPolicyOptions {
  /**
   * Where the domain wants a failure to be rejected, or there are several authors' domains or From
   * fields: that, or what is done at `quarantine`.
   *
   * @default "reject"
   */
  readonly reject?: "reject" | "quarantine";
  /** Points for a failure that the domain wants to be treated with suspicion. @default 10 */
  readonly points?: number;
  /** Where it cannot be found out now: try again later, or let it pass. @default "defer" */
  readonly temporary?: "defer" | "accept";
  /**
   * Domains whose ARC seal is believed: what they have passed on, as mailing lists do, is not judged by
   * DMARC.
   *
   * @default none
   */
  readonly sealers?: readonly string[];
}

/** Says what becomes of a message. */
export type Decide = (results: AuthenticationResults) => Verdicts["filter"] | undefined;

// RFC 7372 §3.3
const REFUSAL = "550 5.7.26 The author's domain does not stand for this message (DMARC)";
const AMBIGUOUS = "550 5.7.26 The message has more than one author (DMARC)";
const LATER = "451 4.7.26 The message cannot be authenticated now (DMARC)";

/**
 * Obeys the domain of the author where DMARC fails. What may pass another time is never rejected.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { type AuthenticationResults, dmarcPolicy } from "@sluice/sluice/auth";
 *
 * const decide = dmarcPolicy({ points: 5 });
 * const results: AuthenticationResults = {
 *   spf: { result: "fail", domain: "x.example" },
 *   dkim: [],
 *   dmarc: { result: "fail", domain: "x.example", wish: "quarantine" },
 *   arc: { result: "none" },
 *   field: "mx.example; dmarc=fail",
 * };
 * assertEquals(decide(results), { kind: "score", points: 5 });
 * ```
 *
 * @throws {OptionError} If an option cannot be used.
 */
export function dmarcPolicy(options: DmarcPolicyOptions = {}): Decide {
  const { points = 10, sealers = [] } = options;
  const rejected = oneOf("dmarcPolicy.reject", options.reject ?? "reject", [
    "reject",
    "quarantine",
  ]);
  const temporary = oneOf("dmarcPolicy.temporary", options.temporary ?? "defer", [
    ...["defer", "accept"] as const,
  ]);
  if (!Number.isFinite(points)) throw new OptionError("dmarcPolicy.points", points, "a number");
  const believed = new Set(sealers.map((domain) => domain.toLowerCase()));
  const suspicious = score(points);
  const refused = (reply: string) => rejected === "reject" ? reject(reply) : suspicious;
  // Whoever could send a second author along would not need to ask the domain of the first.
  const ambiguous = refused(AMBIGUOUS);
  const wanted: Readonly<Record<DmarcWish, ReturnType<Decide>>> = {
    none: undefined,
    quarantine: suspicious,
    reject: refused(REFUSAL),
  };
  return ({ dmarc, arc }) => {
    if (arc.sealer !== undefined && believed.has(arc.sealer)) return undefined;
    // RFC 7489 §6.6.1
    if (dmarc.ambiguous) return ambiguous;
    if (dmarc.result === "temperror" && temporary === "defer") return defer(LATER);
    return dmarc.result === "fail" ? wanted[dmarc.wish ?? "none"] : undefined;
  };
}
