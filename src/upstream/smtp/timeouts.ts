/**
 * How long we wait for an upstream, each wait by name (RFC 5321 §4.5.3.2).
 *
 * @module
 */

import { timeouts } from "../../rfc5321/limits.ts";
import type { Expectation } from "./dialogue.ts";

/** Longest waits for an upstream, each in milliseconds. */
export interface UpstreamTimeouts {
  /** Connection and TLS handshake, each. @default 30000 */
  readonly connect: number;
  /** Greeting and the replies to EHLO, STARTTLS and XCLIENT, each. @default 60000 */
  readonly greeting: number;
  /** Reply to MAIL (RFC 5321 §4.5.3.2.2). @default 300000 */
  readonly mail: number;
  /** Reply to each RCPT (RFC 5321 §4.5.3.2.3). @default 300000 */
  readonly rcpt: number;
  /** The 354 to DATA (RFC 5321 §4.5.3.2.4). @default 120000 */
  readonly dataInitiation: number;
  /** One write of mail data (RFC 5321 §4.5.3.2.5). @default 180000 */
  readonly dataBlock: number;
  /** Reply to the end of mail data (RFC 5321 §4.5.3.2.6). @default 600000 */
  readonly dataTermination: number;
  /** Reply to each line of an AUTH exchange. @default 300000 */
  readonly auth: number;
  /** Reply to VRFY, EXPN and HELP. @default 300000 */
  readonly query: number;
  /** Reply to RSET. @default 60000 */
  readonly reset: number;
  /** Reply to QUIT; nothing depends on it. @default 5000 */
  readonly quit: number;
}

/**
 * The defaults. Those before a message are shorter than the RFC's: behind the proxy a client is
 * waiting whose own five minutes have begun, and nothing is lost by an early 451.
 */
export const defaultTimeouts: UpstreamTimeouts = {
  connect: 30_000,
  greeting: 60_000,
  mail: timeouts.mail,
  rcpt: timeouts.rcpt,
  dataInitiation: timeouts.dataInitiation,
  dataBlock: timeouts.dataBlock,
  dataTermination: timeouts.dataTermination,
  auth: timeouts.mail,
  query: timeouts.mail,
  reset: 60_000,
  quit: 5_000,
};

const waits: Readonly<Record<keyof UpstreamTimeouts, string>> = {
  connect: "a connection to the upstream",
  greeting: "the upstream's greeting",
  mail: "the upstream's reply to MAIL",
  rcpt: "the upstream's reply to RCPT",
  dataInitiation: "the upstream's reply to DATA",
  dataBlock: "the upstream to read mail data",
  dataTermination: "the upstream's reply to mail data",
  auth: "the upstream's reply to AUTH",
  query: "the upstream's reply",
  reset: "the upstream's reply to RSET",
  quit: "the upstream's reply to QUIT",
};

/** The wait of that name, as a dialogue takes it. */
export function waitFor(
  limits: UpstreamTimeouts,
  wait: keyof UpstreamTimeouts,
): Expectation {
  return { milliseconds: limits[wait], waitedFor: waits[wait] };
}
