/**
 * Signs messages (RFC 6376) when nothing in them changes any more.
 *
 * @module
 */

import { type Clock, systemClock } from "../clock.ts";
import { beyondReply, commonOptions, type FilterOptions } from "../content/filter_options.ts";
import { hostName } from "../dns/resolver.ts";
import { OptionError } from "../errors.ts";
import type { HeaderSection } from "../message/header_section.ts";
import { definePolicy, type OnFailure, type Policy } from "../policy/policy.ts";
import { addHeader, reject } from "../policy/verdicts.ts";
import type { SealFacts } from "../session/phases.ts";
import { signatureOf } from "./dkim/signature.ts";
import type { SigningKey } from "./dkim/signing_key.ts";

/** Options of {@linkcode dkimSigner}; `domain`, `selector` and `key` must be given. */
export interface DkimSignerOptions extends Omit<FilterOptions, "reading"> {
  /** Who signs, in ASCII: `example.org`. */
  readonly domain: string;
  /** Under which name in that domain the public key is: `2026` for `2026._domainkey.example.org`. */
  readonly selector: string;
  /** The private key; `signingKey` reads one. */
  readonly key: SigningKey;
  /**
   * Which messages are signed.
   *
   * @default those of clients that have logged in or are `trusted`, whose author is in `domain` or below
   */
  readonly when?: (facts: SealFacts) => boolean;
  /**
   * Names of the fields that are signed, where there are any; From always is.
   *
   * @default those that people and their programs read (RFC 6376 §5.4.1)
   */
  readonly fields?: readonly string[];
  /**
   * Octets of each message that are held: a message that is larger cannot be signed.
   *
   * @default 1048576
   */
  readonly window?: number;
  /** What becomes of one that cannot be signed, as it is too large or a stream changes it. @default "accept" */
  readonly beyond?: OnFailure;
  /** Dates the signatures. @default The runtime's clock. */
  readonly clock?: Clock;
}

const WINDOW = 1_048_576;

/** There is to be one of them, or none, and everybody reads them: another one must not be added. */
const SEALED = [
  ...["from", "reply-to", "subject", "date", "to", "cc", "message-id"],
  ...["mime-version", "content-type", "content-transfer-encoding"],
];

const FIELDS = [
  ...SEALED,
  ...[
    "sender",
    "in-reply-to",
    "references",
    "resent-date",
    "resent-from",
    "resent-to",
    "resent-cc",
  ],
  ...["list-id", "list-help", "list-unsubscribe", "list-unsubscribe-post", "list-subscribe"],
  ...["list-post", "list-owner", "list-archive"],
];

/** A text in quotes, also one whose end is missing: that is not to be looked for again and again. */
const QUOTED = /"(?:[^"\\]|\\[^])*\\?("|$)/g;

/** Characters of a field in which authors are looked for; in a longer one nobody can find them all. */
const MAX_AUTHORS = 10_000;

const FIELD_NAME = /^[!-9<-~]{1,76}$/;

/** RFC 6376 §3.1 */
const SELECTOR = /^[A-Za-z0-9](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9](?:[A-Za-z0-9_-]{0,62}))*$/;

/**
 * Signs messages with all edits that the policy makes: the trace header alone goes on top of the
 * signature. The signature covers the whole body, and no second From, Subject or the like can be added
 * to what it covers.
 *
 * @example
 * ```ts
 * import { assertMatch } from "@std/assert";
 * import { dkimSigner, signingKey } from "@sluice/sluice/auth";
 * import { openSession } from "@sluice/sluice/testing";
 *
 * const pair = await crypto.subtle.generateKey("Ed25519", true, ["sign"]) as CryptoKeyPair;
 * const der = new Uint8Array(await crypto.subtle.exportKey("pkcs8", pair.privateKey));
 * const pem = `-----BEGIN PRIVATE KEY-----\n${der.toBase64()}\n-----END PRIVATE KEY-----\n`;
 *
 * const key = await signingKey(pem);
 * const policy = dkimSigner({ domain: "x.example", selector: "2026", key });
 * await using session = await openSession({ policy, client: { login: "alice" } });
 * await session.cmd("MAIL FROM:<alice@x.example>", "250");
 * await session.cmd("RCPT TO:<b@y.example>", "250");
 * await session.message("From: alice@x.example\r\n\r\nHi\r\n", "250");
 * const { content } = session.captured[0];
 * assertMatch(new TextDecoder().decode(content), /^DKIM-Signature: v=1; a=ed25519-sha256;/);
 * ```
 *
 * @throws {OptionError} If an option cannot be used.
 */
export function dkimSigner(options: DkimSignerOptions): Policy {
  const { selector, key, clock = systemClock, window = WINDOW } = options;
  const domain = hostName(options.domain);
  if (domain === undefined) throw new OptionError("dkimSigner.domain", options.domain, "a domain");
  if (!SELECTOR.test(selector)) {
    throw new OptionError("dkimSigner.selector", selector, "one or several labels of a domain");
  }
  const fields = fieldNames(options.fields ?? FIELDS);
  const sealed = new Set(SEALED.filter((name) => fields.includes(name)));
  const beyond = beyondReply("dkimSigner.beyond", options.beyond);
  const when = options.when ?? ((facts) => isOurs(facts, domain));
  return definePolicy({
    ...commonOptions("dkimSigner", { ...options, window }),
    needs: ["edit"],
    async seal(facts) {
      if (!when(facts)) return undefined;
      const { headers, body } = facts;
      if (body === undefined) return beyond && reject(beyond);
      const time = Math.floor(clock.now() / 1000);
      const signing = { domain, selector, key, fields, sealed, time };
      return addHeader("DKIM-Signature", await signatureOf(signing, headers.fields, body));
    },
  });
}

function fieldNames(names: readonly string[]): readonly string[] {
  for (const name of names) {
    if (typeof name === "string" && FIELD_NAME.test(name)) continue;
    throw new OptionError("dkimSigner.fields", name, "names of header fields");
  }
  return [...new Set(["from", ...names.map((name) => name.toLowerCase())])];
}

function isOurs({ session: { client }, headers }: SealFacts, domain: string): boolean {
  if (client.login === undefined && !client.trusted) return false;
  const authors = authorDomains(headers);
  return authors.length > 0 &&
    authors.every((author) => author === domain || author?.endsWith(`.${domain}`));
}

/** The domain of each author; `undefined` for one that cannot be read. */
function authorDomains(headers: HeaderSection): readonly (string | undefined)[] {
  return headers.all("From").flatMap((value) => {
    if (value.length > MAX_AUTHORS) return [undefined];
    // What is quoted may hold anything; where it does not end, the quote that is left is in no name.
    const unquoted = value.replace(QUOTED, (_quoted, end) => end === "" ? '"' : "");
    return unquoted.split(",").map((mailbox) => {
      const address = /<([^<>]*)>[ \t]*$/.exec(mailbox)?.[1] ?? mailbox;
      return hostName(address.slice(address.lastIndexOf("@") + 1).trim());
    });
  });
}
