/**
 * Sizes and timeouts of RFC 5321 §4.5.3, and what service extensions add to a command line.
 *
 * @module
 */

/** Longest local-part in octets, quotes included (RFC 5321 §4.5.3.1.1). */
export const maxLocalPart = 64;

/** Longest domain in octets (RFC 5321 §4.5.3.1.2). */
export const maxDomain = 255;

/** Longest reverse-path or forward-path in octets, brackets included (RFC 5321 §4.5.3.1.3). */
export const maxPath = 256;

/** Longest command line in octets without extensions, CRLF included (RFC 5321 §4.5.3.1.4). */
export const baseCommandLine = 512;

/** Longest text of one reply line in octets: 512 without code, separator and CRLF (RFC 5321 §4.5.3.1.5). */
export const maxReplyText = 506;

/** Most lines of one reply. RFC 5321 sets no limit; an unbounded reply is an unbounded buffer. */
export const maxReplyLines = 100;

/** Longest line of a SASL exchange in octets, CRLF included (RFC 4954 §4). */
export const maxAuthLine = 12288;

/** Longest `ENVID` value in characters (RFC 3461 §4.4). */
export const maxEnvid = 100;

/** Longest `ORCPT` value in octets (RFC 3461 §4.2). */
export const maxOrcpt = 500;

/** What one service extension adds to the longest command line of one verb. */
export interface CommandLineIncrease {
  /** The extension's EHLO keyword. */
  readonly extension: string;
  /** The verb whose line grows. */
  readonly verb: "MAIL" | "RCPT";
  /** How much, in octets. */
  readonly octets: number;
  /** Where that is written. */
  readonly source: string;
}

/**
 * How far extensions lengthen a command line.
 *
 * `BODY` counts once: BINARYMIME's 16 octets (RFC 3030 §3) lie within 8BITMIME's 17.
 */
export const commandLineIncreases: readonly CommandLineIncrease[] = Object.freeze([
  { extension: "SIZE", verb: "MAIL", octets: 26, source: "RFC 1870 §3" },
  { extension: "8BITMIME", verb: "MAIL", octets: 17, source: "RFC 6152 §2" },
  { extension: "SMTPUTF8", verb: "MAIL", octets: 10, source: "RFC 6531 §3.1" },
  { extension: "AUTH", verb: "MAIL", octets: 500, source: "RFC 4954 §3" },
  // " RET=FULL" and " ENVID=" with 100 characters.
  { extension: "DSN", verb: "MAIL", octets: 9 + 7 + maxEnvid, source: "RFC 3461 §5.4" },
  { extension: "MT-PRIORITY", verb: "MAIL", octets: 15, source: "RFC 6710 §3" },
  { extension: "DELIVERBY", verb: "MAIL", octets: 17, source: "RFC 2852 §2" },
  { extension: "FUTURERELEASE", verb: "MAIL", octets: 34, source: "RFC 4865 §3" },
  { extension: "REQUIRETLS", verb: "MAIL", octets: 11, source: "RFC 8689 §2" },
  // " NOTIFY=SUCCESS,FAILURE,DELAY" and " ORCPT=" with 500 characters.
  { extension: "DSN", verb: "RCPT", octets: 29 + 7 + maxOrcpt, source: "RFC 3461 §5.4" },
  { extension: "RRVS", verb: "RCPT", octets: 33, source: "RFC 7293 §3.1" },
]);

function increaseOf(verb: "MAIL" | "RCPT"): number {
  return commandLineIncreases
    .filter((increase) => increase.verb === verb)
    .reduce((sum, increase) => sum + increase.octets, 0);
}

/** Longest command line in octets with every extension in use, CRLF included (RFC 5321 §4.5.3.1.4). */
export const maxCommandLine: number = baseCommandLine +
  Math.max(increaseOf("MAIL"), increaseOf("RCPT"));

const minutes = 60_000;

/** The least timeouts that RFC 5321 §4.5.3.2 asks for, in milliseconds. */
export interface Timeouts {
  /** Client: from the connection to the 220 greeting (RFC 5321 §4.5.3.2.1). */
  readonly greeting: number;
  /** Client: reply to MAIL (RFC 5321 §4.5.3.2.2). */
  readonly mail: number;
  /** Client: reply to RCPT (RFC 5321 §4.5.3.2.3). */
  readonly rcpt: number;
  /** Client: the 354 to DATA (RFC 5321 §4.5.3.2.4). */
  readonly dataInitiation: number;
  /** Client: each write of mail data (RFC 5321 §4.5.3.2.5). */
  readonly dataBlock: number;
  /** Client: reply to the end of mail data (RFC 5321 §4.5.3.2.6). */
  readonly dataTermination: number;
  /** Server: the next command of the client (RFC 5321 §4.5.3.2.7). */
  readonly server: number;
}

/** The least timeouts (RFC 5321 §4.5.3.2). */
export const timeouts: Timeouts = Object.freeze({
  greeting: 5 * minutes,
  mail: 5 * minutes,
  rcpt: 5 * minutes,
  dataInitiation: 2 * minutes,
  dataBlock: 3 * minutes,
  dataTermination: 10 * minutes,
  server: 5 * minutes,
});
