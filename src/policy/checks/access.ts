/**
 * Access lists: who is let in, under which name, with whose mail and for whom.
 *
 * @module
 */

import { Reply } from "../../rfc5321/reply.ts";
import type { Reject } from "../../session/phases.ts";
import { definePolicy, type Policy } from "../policy.ts";
import { reject } from "../verdicts.ts";
import { findClient } from "./condition.ts";
import type { List, Lookup } from "./lookup.ts";
import { type CheckEnvironment, OptionReader } from "./option_reader.ts";

/**
 * Lists for each of four phases. What `allow` has is let through there; what `deny` has is refused;
 * with `allow` alone everything else is refused too. A value of an entry of `deny` is its reply.
 */
export interface AccessOptions {
  /** Addresses, networks and reverse names that are let in. @default all */
  readonly allowClients?: List;
  /** Addresses, networks and reverse names that are refused in place of the greeting. @default none */
  readonly denyClients?: List;
  /** Names in HELO and EHLO that are let through. @default all */
  readonly allowHellos?: List;
  /** Names in HELO and EHLO that are refused. @default none */
  readonly denyHellos?: List;
  /** Reverse-paths that are let through, `<>` among them. @default all */
  readonly allowSenders?: List;
  /** Reverse-paths that are refused. @default none */
  readonly denySenders?: List;
  /** Forward-paths that are let through. @default all */
  readonly allowRecipients?: List;
  /** Forward-paths that are refused. @default none */
  readonly denyRecipients?: List;
  /** What whoever is refused is told. @default "550 5.7.1 Access denied", to clients with 554 */
  readonly reply?: string;
}

type Find = (list: Lookup) => string | undefined;

/**
 * Access lists.
 *
 * @throws {OptionError} If an option cannot be used.
 */
export function access(options: AccessOptions, environment?: CheckEnvironment): Policy {
  const reader = new OptionReader("access", options, environment);
  const reply = reader.reply("reply");
  const gate = (kind: string, standard: string): (find: Find) => Reject | undefined => {
    const allow = reader.list(`allow${kind}`);
    const deny = reader.list(`deny${kind}`);
    const refusal = reject(reply ?? Reply.parse(standard));
    return (find) => {
      if (allow !== undefined && find(allow) !== undefined) return undefined;
      const denied = deny === undefined ? undefined : find(deny);
      if (denied) return reject(denied);
      return denied === "" || allow !== undefined && deny === undefined ? refusal : undefined;
    };
  };
  // RFC 5321 §3.1: 554 in place of the greeting.
  const clients = gate("Clients", "554 5.7.1 Access denied");
  const hellos = gate("Hellos", "550 5.7.1 Access denied");
  const senders = gate("Senders", "550 5.7.1 Access denied");
  const recipients = gate("Recipients", "550 5.7.1 Access denied");
  reader.finish();
  return definePolicy({
    name: "access",
    connect: ({ client }) => clients((list) => findClient(list, client)),
    ehlo: ({ name }) => hellos((list) => list.get({ domain: name })),
    mail: ({ reversePath }) => senders((list) => list.get({ path: reversePath })),
    rcpt: ({ forwardPath }) => recipients((list) => list.get({ path: forwardPath })),
  });
}
