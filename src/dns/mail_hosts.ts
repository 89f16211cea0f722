/**
 * The hosts that take mail for a domain, by its MX records (RFC 5321 §5.1) or by SRV records
 * (RFC 2782), and the addresses of each.
 *
 * What comes from the domain name system is hostile: there are bounds for all of it, and what is no
 * host name is left out.
 *
 * @module
 */

import { asciiLowerCase } from "../rfc5321/text.ts";
import { hostName, type MailResolver } from "./resolver.ts";

/** Hosts of one domain, and addresses of one host, that are used. */
const MAX_HOSTS = 20;
const MAX_ADDRESSES = 10;

/** What a weight of 0 counts as among greater ones: "a very small chance" (RFC 2782). */
const LEAST_WEIGHT = 0.1;

/** One of several places to connect to. */
export interface MailHost {
  /** A domain name or an IP address. */
  readonly host: string;
  readonly port: number;
  /** Lower ones come first. */
  readonly priority: number;
  /** Its share among those of the same priority, greater than 0. */
  readonly weight: number;
}

/** What was found out. */
export interface MailHosts {
  /** None where the domain says that it takes no mail. */
  readonly hosts: readonly MailHost[];
  /** Seconds for which it holds, where that is known. */
  readonly ttl?: number;
  /** It is a guess: what was known before is better. */
  readonly guessed?: boolean;
}

/** What decides about MX records besides themselves. */
export interface MxOptions {
  /** Port of all hosts. */
  readonly port: number;
  /** Our own name, `""` where that is not known: mail must not come back to us. */
  readonly own: string;
  /** From 0 up to, and not including, 1. */
  readonly random: () => number;
}

/**
 * The hosts by MX records: those of equal preference in random order; without records the domain
 * itself (RFC 5321 §5.1). Where we are among them, only those that come before us.
 *
 * @throws If that cannot be found out, or no record can be used.
 */
export async function mxHosts(
  resolver: MailResolver,
  domain: string,
  { port, own, random }: MxOptions,
  signal: AbortSignal,
): Promise<MailHosts> {
  const implicit = { hosts: [{ host: domain, port, priority: 0, weight: 1 }] };
  // Not every runtime tells a domain without MX records from a name server that fails.
  const records = await resolver.mx(domain, signal).catch(() => undefined);
  if (records === undefined) return { ...implicit, guessed: true };
  if (records.length === 0) return implicit;
  const ttl = shortest(records);
  // RFC 7505 §3
  if (records.length === 1 && isRoot(records[0].exchange)) return { hosts: [], ttl };
  const all = records.flatMap(({ exchange, preference }): MailHost[] => {
    const host = hostName(exchange);
    return host === undefined ? [] : [{ host, port, priority: preference, weight: 1 }];
  });
  const ours = all.filter(({ host }) => host === asciiLowerCase(own))
    .map(({ priority }) => priority);
  const hosts = all.filter(({ priority }) => ours.every((our) => priority < our));
  return { hosts: chosen(hosts, random, `MX records of ${domain}`), ttl };
}

/**
 * The hosts by SRV records.
 *
 * @param name `_submission._tcp.example`
 * @throws If that cannot be found out, or no record can be used.
 */
export async function srvHosts(
  resolver: MailResolver,
  name: string,
  random: () => number,
  signal: AbortSignal,
): Promise<MailHosts> {
  const records = await resolver.srv(name, signal);
  const ttl = shortest(records);
  if (records.length === 1 && isRoot(records[0].target)) return { hosts: [], ttl };
  const hosts = records.flatMap(({ target, port, priority, weight }): MailHost[] => {
    const host = hostName(target);
    if (host === undefined || port === 0) return [];
    return [{ host, port, priority, weight: Math.max(weight, LEAST_WEIGHT) }];
  });
  return { hosts: chosen(hosts, random, `SRV records of ${name}`), ttl };
}

/**
 * The addresses of a host, each as a place of its own that comes before the next: families take
 * turns, as the resolver has them in order (RFC 5321 §5.1, RFC 8305 §4).
 *
 * @throws If there are none of either family, or that cannot be found out.
 */
export async function hostAddresses(
  resolver: MailResolver,
  { host, port }: Pick<MailHost, "host" | "port">,
  signal: AbortSignal,
): Promise<MailHosts> {
  const asked = await Promise.allSettled(
    ([6, 4] as const).map((family) => resolver.addresses(host, family, signal)),
  );
  const families = asked.map((one) => one.status === "fulfilled" ? one.value : []);
  const most = Math.min(MAX_ADDRESSES, Math.max(...families.map(({ length }) => length)));
  const inTurns = Array.from(
    { length: most },
    (_, nth) => families.flatMap((all) => all[nth] ?? []),
  );
  const hosts = [...new Set(inTurns.flat())].slice(0, MAX_ADDRESSES)
    .map((host, priority): MailHost => ({ host, port, priority, weight: 1 }));
  if (hosts.length === 0) throw new RangeError(`Found no address of ${host}`);
  return { hosts };
}

/** The first of them by priority, equal ones in random order, each once. */
function chosen(
  hosts: readonly MailHost[],
  random: () => number,
  source: string,
): readonly MailHost[] {
  const places = new Map<string, MailHost & { readonly lot: number }>();
  for (const host of hosts.toSorted((one, other) => one.priority - other.priority)) {
    const key = `${host.host}:${host.port}`;
    if (!places.has(key)) places.set(key, { ...host, lot: random() });
  }
  if (places.size === 0) throw new RangeError(`Found nothing that can be used in the ${source}`);
  return [...places.values()]
    .sort((one, other) => one.priority - other.priority || one.lot - other.lot)
    .slice(0, MAX_HOSTS)
    .map(({ lot: _, ...host }) => host);
}

function isRoot(name: string): boolean {
  return name === "." || name === "";
}

function shortest(records: readonly { readonly ttl?: number }[]): number | undefined {
  const known = records.flatMap(({ ttl }) => ttl ?? []);
  return known.length === 0 ? undefined : Math.min(...known);
}
