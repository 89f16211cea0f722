/**
 * What is asked of the domain name system, and how an address gets a name that can be believed.
 *
 * @module
 */

import { parseAddress } from "../prefix.ts";
import { maxDomain } from "../rfc5321/limits.ts";
import { asciiLowerCase } from "../rfc5321/text.ts";

/** Asks the domain name system. What cannot be found out rejects, whatever the reason. */
export interface Resolver {
  /**
   * The names that an address has by its PTR records (RFC 1035 §3.5, RFC 3596 §2.5), with or without
   * the full stop at the end.
   *
   * @param address An IP address in text form.
   * @param signal Calls it off.
   */
  reverse(address: string, signal: AbortSignal): Promise<readonly string[]>;
  /**
   * The addresses of a name, by its A (`4`) or AAAA (`6`) records, in text form.
   *
   * @param name A domain name from the root, without the full stop at the end.
   * @param signal Calls it off.
   */
  addresses(name: string, family: 4 | 6, signal: AbortSignal): Promise<readonly string[]>;
}

/** A host that takes mail for a domain (RFC 1035 §3.3.9). */
export interface MxRecord {
  /** Its name, with or without the full stop at the end; `.` says that there is none (RFC 7505). */
  readonly exchange: string;
  /** 0 to 65535; lower ones come first. */
  readonly preference: number;
  /** Seconds for which it holds, where the resolver knows. */
  readonly ttl?: number;
}

/** A host that offers a service (RFC 2782). */
export interface SrvRecord {
  /** Its name, with or without the full stop at the end; `.` says that there is none. */
  readonly target: string;
  /** 0 to 65535. */
  readonly port: number;
  /** 0 to 65535; lower ones come first. */
  readonly priority: number;
  /** 0 to 65535: its share among those of the same priority. */
  readonly weight: number;
  /** Seconds for which it holds, where the resolver knows. */
  readonly ttl?: number;
}

/** Asks the domain name system for servers. What cannot be found out rejects, whatever the reason. */
export interface MailResolver extends Pick<Resolver, "addresses"> {
  /**
   * The MX records of a domain, in any order; none only where it is known that there is none.
   *
   * @param domain A domain name from the root, without the full stop at the end.
   * @param signal Calls it off.
   */
  mx(domain: string, signal: AbortSignal): Promise<readonly MxRecord[]>;
  /**
   * The SRV records of a name, in any order.
   *
   * @param name `_submission._tcp.example`: from the root, without the full stop at the end.
   * @param signal Calls it off.
   */
  srv(name: string, signal: AbortSignal): Promise<readonly SrvRecord[]>;
}

/** Names of one address that are looked at: whoever owns it can give it thousands. */
const MAX_NAMES = 5;

/** RFC 1123 §2.1, in lower case; behind the last full stop not only digits, as in an IP address. */
const HOST_NAME =
  /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*(?![0-9]+$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * The name of an address: the first one of its PTR records that is a host name and has this address
 * among its own. Anybody can call his address `mail.bank.example`; only the bank can agree.
 *
 * A name that does not exist and a name server that does not answer are the same here: not every
 * runtime tells them apart.
 *
 * @param signal Calls it off: it settles at once then, whatever the resolver does.
 * @returns In lower case, without the full stop at the end; `undefined` where there is none, or where
 * anything fails. Never rejects.
 */
export function confirmedName(
  resolver: Resolver,
  address: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve(undefined);
    signal.addEventListener("abort", () => resolve(undefined), { once: true });
    search(resolver, address, signal).then(resolve, () => resolve(undefined));
  });
}

async function search(
  resolver: Resolver,
  address: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const wanted = parseAddress(address);
  if (wanted === undefined) return undefined;
  const family = wanted.length === 1 ? 4 : 6;
  const isWanted = (text: string): boolean => parseAddress(text)?.join() === wanted.join();
  const names = await resolver.reverse(address, signal);
  for (const name of names.slice(0, MAX_NAMES).map(hostName)) {
    if (name === undefined) continue;
    if (signal.aborted) return undefined;
    // One name that cannot be resolved says nothing about the next.
    const addresses = await resolver.addresses(name, family, signal).catch(() => []);
    if (addresses.some(isWanted)) return name;
  }
  return undefined;
}

/** The host name that a record holds, in lower case; `undefined` for anything else. */
export function hostName(text: string): string | undefined {
  if (text.length > maxDomain) return undefined;
  const name = asciiLowerCase(text.endsWith(".") ? text.slice(0, -1) : text);
  return HOST_NAME.test(name) ? name : undefined;
}
