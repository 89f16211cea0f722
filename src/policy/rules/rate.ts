/**
 * The condition that something happens too often.
 *
 * @module
 */

import { z } from "zod";
import { firstBits, parseAddress } from "../../prefix.ts";
import type { Path } from "../../rfc5321/path.ts";
import { asciiLowerCase } from "../../rfc5321/text.ts";
import { parseDuration } from "./duration.ts";
import { requirePhase, type Scope } from "./scope.ts";
import { phasesFrom, type View } from "./view.ts";

/** What is counted: from which phase on it is known, and under which keys a question counts. */
interface Counted {
  readonly from: Parameters<typeof phasesFrom>[0];
  /** None where there is nobody to be counted. */
  readonly keys: (view: View) => readonly string[];
}

/** An IPv4 address, or the /64 of an IPv6 address: the rest is the host's choice (RFC 4291 §2.5.1). */
function networkOf(address: string): string {
  const words = parseAddress(address);
  return words === undefined ? address : firstBits(words, 64).join(".");
}

/** A mailbox in one spelling, whichever quoting it had. */
function mailboxOf({ localPart, domain }: Path): string {
  return `${localPart}@${domain}`;
}

/** The null reverse-path is everybody's: counted together, the bounces of all would be one's. */
function ofSender(key: (path: Path) => string): Counted["keys"] {
  return ({ sender }) => sender.isNull ? [] : [key(sender)];
}

/** A row for each value of `of`. */
const counted = {
  client: { from: "connect", keys: ({ client }) => [networkOf(client.address)] },
  login: { from: "mail", keys: ({ client: { login } }) => login === undefined ? [] : [login] },
  sender: { from: "mail", keys: ofSender(mailboxOf) },
  "sender-domain": { from: "mail", keys: ofSender(({ domain }) => domain) },
  recipient: { from: "rcpt", keys: ({ recipients }) => recipients.map(mailboxOf) },
  "recipient-domain": {
    from: "rcpt",
    keys: ({ recipients }) => recipients.map(({ domain }) => domain),
  },
  all: { from: "connect", keys: () => [""] },
} satisfies Readonly<Record<string, Counted>>;

type Of = keyof typeof counted;

const kinds = Object.keys(counted) as Of[];
const ofForm = kinds.join(", ");
const perForm = "1s to 24h, as 30s, 5m or 1h";
const longest = 86_400_000;
const aboveForm = "a whole number of at least 1";

/** What `rate` says. */
export interface Rate {
  /** Whose questions are counted, each by itself. */
  readonly of: Of;
  /** The length of the window, which slides. */
  readonly per: string;
  /** As many are not too many. */
  readonly above: number;
}

/** What `rate` looks like. */
export const rateSchema: z.ZodType<Rate> = z.strictObject({
  of: z.enum(kinds, { error: ofForm })
    .describe("whose questions are counted, each by itself; IPv6 clients by their /64"),
  per: z.string({ error: perForm }).describe(`the length of the window: ${perForm}`),
  above: z.int({ error: aboveForm }).min(1, aboveForm).describe("as many are not too many"),
}).describe(
  "how many there were that met the other conditions, this one included; in this process",
);

/**
 * Whether there were too many. To ask is to count. ASCII letters are counted without case. Behind
 * `rcpt` each recipient, or domain of any, counts once; one of them suffices.
 *
 * @returns A condition that is not met where the environment counts nothing.
 * @throws {RuleError} If the phase does not know what is counted, or the window is too long.
 */
export function compileRate({ of, per, above }: Rate, scope: Scope): (view: View) => boolean {
  const { from, keys }: Counted = counted[of];
  requirePhase(phasesFrom(from), scope.at("of"));
  const window = parseDuration(per);
  if (!(window >= 1_000 && window <= longest)) {
    throw scope.at("per").error(JSON.stringify(per), perForm);
  }
  const { rule, environment: { counters } } = scope;
  if (counters === undefined) return () => false;
  return (view) => {
    const counts = [...new Set(keys(view).map(asciiLowerCase))]
      .map((key) => counters.count(`${rule}\n${key}`, window));
    return counts.some((count) => count > above);
  };
}
