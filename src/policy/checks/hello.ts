/**
 * What a client may call itself (RFC 5321 §4.1.1.1, §4.1.4).
 *
 * A name is never compared with DNS: RFC 5321 §4.1.4 forbids to refuse mail for that. Submission
 * clients call themselves anything; `at = "mail"` lets those pass that have logged in by then.
 *
 * @module
 */

import { CidrSet } from "../../cidr_set.ts";
import { isAddressLiteral, isIpv4, isIpv6 } from "../../rfc5321/address_literal.ts";
import type { SessionFacts } from "../../session/facts.ts";
import type { Reject } from "../../session/phases.ts";
import { definePolicy, type Policy } from "../policy.ts";
import { reject } from "../verdicts.ts";
import type { List } from "./lookup.ts";
import { type CheckEnvironment, OptionReader } from "./option_reader.ts";

/** Which names are good. Clients of the option `trusted` may have any. */
export interface HelloOptions {
  /** A name must have a dot, and only what a host name has. @default true */
  readonly fqdn?: boolean;
  /**
   * Address literals: only the client's own address, any, or none.
   *
   * @default "match"
   */
  readonly literal?: "match" | "any" | "refuse";
  /** Our names, which nobody else has. @default [] */
  readonly own?: List;
  /** Other names that are refused. @default [] */
  readonly deny?: List;
  /** When a name is refused. @default "ehlo" */
  readonly at?: "ehlo" | "mail";
}

const label = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
// The last label begins with a letter: four numbers are an address without its brackets.
const hostName = new RegExp(`^(?:${label}\\.)+(?=[A-Za-z])${label}$`);

const refusals = {
  fqdn: reject("550 5.7.1 HELO needs a fully qualified domain name or an address literal"),
  literal: reject("550 5.7.1 HELO with an address literal is not taken"),
  mismatch: reject("550 5.7.1 HELO with the address of another host"),
  own: reject("550 5.7.1 HELO with our own name"),
  denied: reject("550 5.7.1 HELO name not welcome"),
};

/** Whether both texts are the same IP address, however written. */
function sameAddress(one: string, other: string): boolean {
  if (!isIpv4(other) && !isIpv6(other)) return false;
  const set = new CidrSet<true>();
  set.add(other, true);
  return set.has(one);
}

/**
 * Checks of the name in HELO and EHLO.
 *
 * @throws {OptionError} If an option cannot be used.
 */
export function hello(options: HelloOptions = {}, environment?: CheckEnvironment): Policy {
  const reader = new OptionReader("hello", options, environment);
  const fqdn = reader.flag("fqdn", true);
  const literal = reader.choice("literal", ["match", "any", "refuse"], "match");
  const own = reader.list("own");
  const deny = reader.list("deny");
  const at = reader.choice("at", ["ehlo", "mail"], "ehlo");
  reader.finish();

  const judgeLiteral = (content: string, { client, server }: SessionFacts): Reject | undefined => {
    if (literal === "refuse") return refusals.literal;
    const address = content.replace(/^IPv6:/i, "");
    // A Unix socket has no address to compare with.
    if (client.address === "" || sameAddress(address, client.address)) return undefined;
    if (literal === "match") return refusals.mismatch;
    return server.transport === "tcp" && sameAddress(address, server.host)
      ? refusals.own
      : undefined;
  };
  const judge = (name: string, facts: SessionFacts): Reject | undefined => {
    if (facts.client.trusted) return undefined;
    if (deny?.get({ domain: name }) !== undefined) return refusals.denied;
    if (own?.get({ domain: name }) !== undefined) return refusals.own;
    if (isAddressLiteral(name)) return judgeLiteral(name.slice(1, -1), facts);
    return fqdn && !hostName.test(name) ? refusals.fqdn : undefined;
  };
  return definePolicy({
    name: "hello",
    ehlo: at === "ehlo" ? (facts) => judge(facts.name, facts) : undefined,
    mail: at === "mail"
      ? (facts) => facts.client.login === undefined ? judge(facts.client.hello, facts) : undefined
      : undefined,
  });
}
