/**
 * Who a message is from: SPF (RFC 7208), DKIM (RFC 6376), DMARC (RFC 7489) and ARC (RFC 8617), and what
 * they say in an Authentication-Results field (RFC 8601).
 *
 * @module
 */

import { beyondReply, commonOptions, type FilterOptions } from "../content/filter_options.ts";
import type { RecordResolver } from "../dns/records.ts";
import { OptionError } from "../errors.ts";
import type { HeaderSection } from "../message/header_section.ts";
import { type Answer, definePolicy, type OnFailure, type Policy } from "../policy/policy.ts";
import { addHeader, reject } from "../policy/verdicts.ts";
import type { TransactionFacts } from "../session/facts.ts";
import type { Edit, Verdicts } from "../session/phases.ts";
import { claims } from "./authserv_id.ts";
import { dmarcPolicy } from "./dmarc_policy.ts";
import { type AuthenticationResults, resultsOf } from "./results.ts";
import { LineTooLong, verify } from "./verification.ts";

/** Options of {@linkcode authentication}; `authservId` and `resolver` must be given. */
export interface AuthenticationOptions extends FilterOptions {
  /** Our name in the field (RFC 8601 §2.5), as `mx.example`: fields that bear it are from nobody else. */
  readonly authservId: string;
  /** Where records are looked up; `nameClient` makes one. */
  readonly resolver: RecordResolver;
  /**
   * Which messages are authenticated.
   *
   * @default those of clients that have an address, are not `trusted` and have not logged in
   */
  readonly when?: (facts: TransactionFacts) => boolean;
  /** What becomes of a message. @default `dmarcPolicy()` */
  readonly decide?: (results: AuthenticationResults, facts: TransactionFacts) => Answer<"filter">;
  /**
   * What becomes of a message whose header section it is too late to put the field on; `window` says
   * how large that may be.
   *
   * @default "accept"
   */
  readonly beyond?: OnFailure;
}

const FIELD = "Authentication-Results";

/** RFC 8601 §2.5 and RFC 2045 §5.1: what needs no quotes. */
const TOKEN = /^[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]{1,255}$/;

/** Fields, and signatures, that are looked at: each costs time, and may come from anybody. */
const MAX_FIELDS = 2_000;
const MAX_SIGNATURES = 10;

const UNREASONABLE =
  "554 5.6.0 Too large a header section, or too long a line, to be authenticated";

/**
 * Authenticates messages. Fields that claim to be from us are taken away from every message, and the
 * results are put on top in one of our own; `decide` says what becomes of the message.
 *
 * The removal needs the header section in the window: a message whose header section does not fit is
 * refused. So is one that is to be authenticated and has more than 2,000 fields, more than 10
 * signatures, or a line of more than 256 KiB.
 *
 * @example A message that nobody may have sent
 * ```ts
 * import { authentication, RecordError } from "@sluice/sluice/auth";
 * import { openSession } from "@sluice/sluice/testing";
 *
 * const records: Record<string, unknown[]> = {
 *   "TXT x.example": [["v=spf1 -all"]],
 *   "TXT _dmarc.x.example": [["v=DMARC1; p=reject"]],
 * };
 * const policy = authentication({
 *   authservId: "mx.example",
 *   resolver: {
 *     async records(name, type) {
 *       const found = records[`${type} ${name}`] as never;
 *       return await (found ?? Promise.reject(new RecordError("ENOTFOUND", name)));
 *     },
 *   },
 * });
 * await using session = await openSession({ policy });
 * await session.cmd("MAIL FROM:<a@x.example>", "250");
 * await session.cmd("RCPT TO:<b@y.example>", "250");
 * await session.message("From: a@x.example\r\n\r\nHi\r\n", "550 5.7.26");
 * ```
 *
 * @throws {OptionError} If an option cannot be used.
 */
export function authentication(options: AuthenticationOptions): Policy {
  const { resolver, when = comesFromOutside, decide = dmarcPolicy() } = options;
  const authservId = authservIdOf(options.authservId);
  const beyond = beyondReply("authentication.beyond", options.beyond);
  return definePolicy({
    ...commonOptions("authentication", options),
    needs: ["headers", "filter", "edit"],
    headers({ headers, complete, ...facts }): Answer<"headers"> {
      if (!complete || (when(facts) && !isReasonable(headers))) return reject(UNREASONABLE);
      return removal(headers, authservId);
    },
    async filter({ message, ...facts }): Promise<readonly Verdicts["filter"][]> {
      if (!when(facts)) return [];
      const { session: { client }, original: { reversePath } } = facts;
      const origin = {
        ip: client.address,
        helo: client.hello,
        sender: reversePath.address,
        mta: authservId,
      };
      try {
        const found = await verify(message.stream(), origin, resolver, message.signal);
        const results = resultsOf(authservId, found);
        const field = { ...addHeader(FIELD, results.field), beyond };
        return [field, ...listOf(decide(results, facts))];
      } catch (error) {
        if (error instanceof LineTooLong) return [reject(UNREASONABLE)];
        throw error;
      }
    },
  });
}

function authservIdOf(id: string): string {
  if (typeof id === "string" && TOKEN.test(id)) return id.toLowerCase();
  throw new OptionError("authentication.authservId", id, "a name such as mx.example");
}

function comesFromOutside({ session: { client } }: TransactionFacts): boolean {
  return client.address !== "" && !client.trusted && client.login === undefined;
}

function isReasonable({ fields }: HeaderSection): boolean {
  return fields.length <= MAX_FIELDS &&
    fields.filter((field) => field.is("DKIM-Signature")).length <= MAX_SIGNATURES;
}

/** RFC 8601 §5: before anybody believes them. */
function removal(headers: HeaderSection, id: string): Edit | undefined {
  const values = headers.all(FIELD).filter((value) => claims(value, id));
  if (values.length === 0) return undefined;
  return { kind: "edit", edits: [{ kind: "remove", name: FIELD, values }] };
}

function listOf(answer: Answer<"filter">): readonly Verdicts["filter"][] {
  if (answer === undefined) return [];
  return Array.isArray(answer) ? answer : [answer as Verdicts["filter"]];
}
