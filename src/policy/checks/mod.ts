/**
 * The checks that come with Sluice: each is a function from options to a policy, and a row here for
 * configuration files.
 *
 * @module
 */

import type { Policy } from "../policy.ts";
import { access } from "./access.ts";
import { aliases } from "./aliases.ts";
import { catchAll } from "./catch_all.ts";
import { chaos } from "./chaos.ts";
import { discard } from "./discard.ts";
import { domains } from "./domains.ts";
import { greetDelay } from "./greet_delay.ts";
import { hello } from "./hello.ts";
import { masquerade } from "./masquerade.ts";
import type { CheckEnvironment } from "./option_reader.ts";
import { quarantine } from "./quarantine.ts";
import { routing } from "./routing.ts";
import { senderLogin } from "./sender_login.ts";
import { sizes } from "./sizes.ts";
import { srs } from "./srs.ts";
import { subaddress } from "./subaddress.ts";
import { tarpit } from "./tarpit.ts";

export { access, type AccessOptions } from "./access.ts";
export { aliases, type AliasesOptions } from "./aliases.ts";
export { catchAll, type CatchAllOptions } from "./catch_all.ts";
export { chaos, type ChaosOptions, type ChaosPhase } from "./chaos.ts";
export type { ConditionOptions } from "./condition.ts";
export { discard, type DiscardOptions } from "./discard.ts";
export type { DivertOptions } from "./divert.ts";
export { domains, type DomainsOptions } from "./domains.ts";
export { greetDelay, type GreetDelayOptions } from "./greet_delay.ts";
export { hello, type HelloOptions } from "./hello.ts";
export type { List, Lookup, Values } from "./lookup.ts";
export type { TableKey } from "../rules/table.ts";
export { masquerade, type MasqueradeOptions } from "./masquerade.ts";
export type { CheckEnvironment, Duration, Octets } from "./option_reader.ts";
export { quarantine, type QuarantineOptions } from "./quarantine.ts";
export type { Of } from "./readdress.ts";
export { routing, type RoutingOptions } from "./routing.ts";
export { senderLogin, type SenderLoginOptions } from "./sender_login.ts";
export { sizes, type SizesOptions } from "./sizes.ts";
export { srs, type SrsOptions } from "./srs.ts";
export { subaddress, type SubaddressOptions } from "./subaddress.ts";
export { tarpit, type TarpitOptions } from "./tarpit.ts";

/** A check as a configuration file uses it. */
export interface BuiltInCheck {
  /** What it does, in one line. */
  readonly summary: string;
  /**
   * Makes the policy.
   *
   * @param options As they stand in the file, with names in kebab-case.
   * @param environment What names in them refer to.
   * @throws {OptionError} If an option cannot be used, with its name as it stands in the file.
   */
  create(options: Readonly<Record<string, unknown>>, environment?: CheckEnvironment): Policy;
}

function toKebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

// What a file says has no type: the checks look at every option themselves.
// deno-lint-ignore no-explicit-any
type Factory = (options: any, environment?: CheckEnvironment) => Policy;

const rows: readonly (readonly [name: string, make: Factory, summary: string])[] = [
  ["access", access, "Lists of clients, HELO names, senders and recipients let in or refused"],
  ["aliases", aliases, "One recipient becomes one or several others"],
  ["catch-all", catchAll, "One mailbox for all recipients, or those of some domains"],
  ["chaos", chaos, "Delays, refusals and lost connections by chance, for staging"],
  ["discard", discard, "Mail is accepted and comes to nothing"],
  ["domains", domains, "Another domain, the same local-part"],
  ["greet-delay", greetDelay, "Waits before the greeting and refuses who speaks before it"],
  ["hello", hello, "What a client may call itself in HELO and EHLO"],
  ["masquerade", masquerade, "Hosts below a domain appear under the domain's name"],
  ["quarantine", quarantine, "Mail goes to an upstream that keeps it aside"],
  ["routing", routing, "The upstream by recipient, sender or login"],
  ["sender-login", senderLogin, "A login sends only in its own names"],
  ["sizes", sizes, "Limits of message size and number of recipients"],
  ["srs", srs, "Sender Rewriting Scheme, forward and reverse"],
  ["subaddress", subaddress, "user+detail becomes user"],
  ["tarpit", tarpit, "Sessions with refusals get slower"],
];

/** The checks by the name that configuration files use. */
export const builtInChecks: ReadonlyMap<string, BuiltInCheck> = new Map(
  rows.map(([name, make, summary]) => [name, {
    summary,
    create: (options, environment) => make(options, { ...environment, spelling: toKebab }),
  }]),
);
