/**
 * The honest EHLO: what is offered = (what the upstream offers) ∩ (what Sluice carries), plus what is
 * Sluice's own. An unknown keyword never crosses.
 *
 * @module
 */

import { Extensions } from "../rfc5321/extension.ts";
import { Reply } from "../rfc5321/reply.ts";
import type { UpstreamOffer } from "./upstream.ts";

/** Carried through where the upstream has them, parameters and all. */
const CARRIED = [
  "8BITMIME", // RFC 6152
  "DSN", // RFC 3461
  "MT-PRIORITY", // RFC 6710
  "DELIVERBY", // RFC 2852
  "FUTURERELEASE", // RFC 4865
  "RRVS", // RFC 7293
] as const;

/**
 * Mechanisms that cannot be relayed by somebody in the middle: EXTERNAL would log in with our own
 * TLS identity (RFC 4422 appendix A), -PLUS binds to one TLS channel (RFC 5802 §6).
 */
function relayable(mechanism: string): boolean {
  return mechanism !== "EXTERNAL" && !mechanism.endsWith("-PLUS");
}

/** What of the session and the options decides the offer. */
export interface OfferConditions {
  /** Octets; the smaller of this and the upstream's is offered. */
  readonly maxSize: number;
  readonly maxRecipients: number;
  /** STARTTLS can be done and has not been. */
  readonly startTls: boolean;
  readonly secure: boolean;
  /** AUTH may be offered now. */
  readonly auth: boolean;
  readonly xclient: boolean;
  readonly xforward: boolean;
}

/** The smaller of two limits of which either may be absent. */
function lesser(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined ? b : b === undefined ? a : Math.min(a, b);
}

/** Offers made so far: few differ, and thousands of sessions hold one. */
const made = new WeakMap<UpstreamOffer, Map<string, Extensions>>();

/** What EHLO offers; the same object for the same upstream offer under the same conditions. */
export function offer(upstream: UpstreamOffer, own: OfferConditions): Extensions {
  let offers = made.get(upstream);
  if (offers === undefined) made.set(upstream, offers = new Map());
  const key = Object.values(own).join();
  let extensions = offers.get(key);
  if (extensions === undefined) offers.set(key, extensions = compute(upstream, own));
  return extensions;
}

/** The last reply that was made of each offer: our name in it is nearly always the same. */
const replies = new WeakMap<Extensions, Reply>();

/** The reply to EHLO (RFC 5321 §4.1.1.1). */
export function ehloReply(hostname: string, extensions: Extensions): Reply {
  const last = replies.get(extensions);
  if (last?.lines[0] === hostname) return last;
  const reply = new Reply(250, [hostname, ...extensions.toLines()]);
  replies.set(extensions, reply);
  return reply;
}

function compute(upstream: UpstreamOffer, own: OfferConditions): Extensions {
  const theirs = upstream.extensions;
  const entries: [string, string[]][] = [
    ["PIPELINING", []],
    // RFC 1870 §4: Sluice counts, so SIZE is offered whatever the upstream does.
    ["SIZE", [String(lesser(own.maxSize, theirs.size))]],
    ["ENHANCEDSTATUSCODES", []],
    // Converted to DATA before an upstream that lacks it.
    ["CHUNKING", []],
  ];
  for (const keyword of CARRIED) {
    if (theirs.has(keyword)) entries.push([keyword, [...theirs.parameters(keyword)]]);
  }
  // RFC 6531 §3.1: SMTPUTF8 needs 8BITMIME.
  if (theirs.has("SMTPUTF8") && theirs.has("8BITMIME")) entries.push(["SMTPUTF8", []]);
  // RFC 3030 §3: BINARYMIME needs CHUNKING and cannot be converted.
  if (theirs.has("BINARYMIME") && theirs.has("CHUNKING")) entries.push(["BINARYMIME", []]);
  // RFC 8689 §2: only inside TLS, only where the promise can be kept on the way on.
  if (own.secure && upstream.verified && theirs.has("REQUIRETLS")) entries.push(["REQUIRETLS", []]);
  if (own.startTls) entries.push(["STARTTLS", []]);
  if (own.auth) {
    const mechanisms = theirs.mechanisms.filter(relayable);
    if (mechanisms.length > 0) entries.push(["AUTH", mechanisms]);
  }
  // RFC 9422 §3
  const limits = [`RCPTMAX=${lesser(own.maxRecipients, theirs.limit("RCPTMAX"))}`];
  for (const name of ["MAILMAX", "RCPTDOMAINMAX"] as const) {
    const limit = theirs.limit(name);
    if (limit !== undefined) limits.push(`${name}=${limit}`);
  }
  entries.push(["LIMITS", limits]);
  if (own.xclient) {
    entries.push(["XCLIENT", ["NAME", "ADDR", "PORT", "PROTO", "HELO", "LOGIN", "REVERSE_NAME"]]);
  }
  if (own.xforward) {
    entries.push(["XFORWARD", ["NAME", "ADDR", "PORT", "PROTO", "HELO", "IDENT", "SOURCE"]]);
  }
  return Extensions.of(entries);
}
