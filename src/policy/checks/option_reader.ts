/**
 * The door of the built-in checks: reads their options one by one, whether TypeScript or a
 * configuration file has written them.
 *
 * @module
 */

import type { Clock } from "../../clock.ts";
import { OptionError } from "../../errors.ts";
import { Path } from "../../rfc5321/path.ts";
import { Reply } from "../../rfc5321/reply.ts";
import { Table } from "../rules/table.ts";
import { firstOf, isLookup, keyOfLogin, type Lookup } from "./lookup.ts";

/** What a check may use of the configuration that it stands in. */
export interface CheckEnvironment {
  /** Times delays and expiries. @default The runtime's clock. */
  readonly clock?: Clock;
  /** Tables by name, for `@name` in lists and maps. @default none */
  readonly tables?: ReadonlyMap<string, Lookup>;
  /** Names of the upstreams, so that a wrong one is found at the door. @default any name is taken */
  readonly upstreams?: ReadonlySet<string>;
  /** How the names of options are written there. @default as they are in TypeScript */
  readonly spelling?: (name: string) => string;
}

/** Milliseconds, or a number with a unit: `5s`. */
export type Duration = number | `${number}${"ms" | "s" | "m" | "h" | "d"}`;

/** Octets, or a number with a unit of 1024, 1024² or 1024³ octets: `10m`. */
export type Octets = number | `${number}${"" | "k" | "m" | "g"}`;

const duration = /^([0-9]{1,9})(ms|s|m|h|d)$/;
const milliseconds = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const octets = /^([0-9]{1,9})(k|m|g|)$/i;
const factors = { "": 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** Whether a text is a domain, and no address literal. */
export function isDomain(text: string): boolean {
  try {
    return !Path.from(`x@${text}`).domainLiteral;
  } catch {
    return false;
  }
}

/** From, to, both included. */
interface Bounds {
  readonly least: number;
  readonly most: number;
}

/** Reads the options of one check. Every member throws {@linkcode OptionError} naming the option. */
export class OptionReader {
  readonly #options: Readonly<Record<string, unknown>>;
  readonly #known = new Set<string>();

  /**
   * @param check The check's name, for errors.
   * @param options As they were written.
   * @param environment What names in them refer to.
   */
  constructor(
    readonly check: string,
    options: object,
    readonly environment: CheckEnvironment = {},
  ) {
    this.#options = options as Readonly<Record<string, unknown>>;
  }

  /** Refuses what was found; at `key`, where the option has values by key. */
  refuse(name: string, found: unknown, allowed: string, key?: string): never {
    const option = `${this.check}.${this.#spelt(name)}`;
    throw new OptionError(key === undefined ? option : `${option}.${key}`, found, allowed);
  }

  /** Refuses options that nobody has asked for: they would have no effect. */
  finish(): void {
    for (const [name, value] of Object.entries(this.#options)) {
      if (value === undefined || this.#known.has(name)) continue;
      const allowed = `no option but ${[...this.#known].join(", ")}`;
      throw new OptionError(`${this.check}.${name}`, value, allowed);
    }
  }

  /** True or false. */
  flag(name: string, standard: boolean): boolean {
    const value = this.#take(name) ?? standard;
    return typeof value === "boolean" ? value : this.refuse(name, value, "true or false");
  }

  /** One of several words. */
  choice<T extends string>(name: string, allowed: readonly T[], standard: T): T {
    const value = this.#take(name) ?? standard;
    const found = allowed.find((word) => word === value);
    return found ?? this.refuse(name, value, allowed.join(", "));
  }

  /** A text; `accept` says whether it is one that can be used, and `allowed` which those are. */
  text(
    name: string,
    allowed: string,
    accept: (text: string) => boolean,
    standard?: string,
  ): string {
    const value = this.#take(name) ?? standard;
    return typeof value === "string" && accept(value) ? value : this.refuse(name, value, allowed);
  }

  /** Several texts; one may stand by itself. */
  texts(name: string, allowed: string, accept: (text: string) => boolean): readonly string[] {
    const value = this.#take(name) ?? [];
    const texts: readonly unknown[] = Array.isArray(value) ? value : [value];
    return texts.map((text) =>
      typeof text === "string" && accept(text) ? text : this.refuse(name, text, allowed)
    );
  }

  /** A function. */
  callback<F>(name: string): F | undefined {
    const value = this.#take(name);
    if (value === undefined || typeof value === "function") return value as F | undefined;
    return this.refuse(name, value, "a function");
  }

  /** A whole number; `Infinity` only as the standard. */
  count(name: string, bounds: Bounds, standard: number): number {
    const value = this.#take(name);
    return value === undefined ? standard : this.#whole(name, value, bounds);
  }

  /** A probability: 0 to 1. */
  probability(name: string): number {
    const value = this.#take(name) ?? 0;
    if (typeof value === "number" && value >= 0 && value <= 1) return value;
    return this.refuse(name, value, "a number from 0 to 1");
  }

  /** Milliseconds of a {@linkcode Duration}. */
  milliseconds(name: string, most: Duration, standard: Duration): number {
    const limit = this.#inUnits(most, duration, milliseconds) as number;
    const value = this.#inUnits(this.#take(name) ?? standard, duration, milliseconds);
    const allowed = `0 to ${most}, in milliseconds or with one of the units ms, s, m, h, d`;
    return this.#whole(name, value, { least: 0, most: limit }, allowed);
  }

  /** Octets of {@linkcode Octets}; without limit where there is none. */
  octets(name: string): number {
    const value = this.#take(name);
    if (value === undefined) return Infinity;
    const found = this.#inUnits(value, octets, factors);
    const bounds = { least: 0, most: Number.MAX_SAFE_INTEGER };
    return this.#whole(name, found, bounds, "octets, or a number with one of the units k, m, g");
  }

  /** A 4xx or 5xx reply. */
  reply(name: string): Reply | undefined {
    const value = this.#take(name);
    if (value === undefined) return undefined;
    const allowed = "a 4xx or 5xx reply such as 550 5.7.1 Text";
    if (typeof value !== "string") return this.refuse(name, value, allowed);
    const reply = this.#attempt(name, value, () => Reply.parse(value));
    return reply.transient || reply.permanent ? reply : this.refuse(name, value, allowed);
  }

  /** The name of an upstream. */
  upstream(name: string): string {
    const { upstreams } = this.environment;
    const allowed = upstreams === undefined ? "the name of an upstream" : [...upstreams].join(", ");
    return this.text(name, allowed, (text) => upstreams?.has(text) ?? text !== "");
  }

  /** A `List`; `undefined` where there is none. */
  list(name: string): Lookup | undefined {
    const value = this.#take(name);
    if (value === undefined) return undefined;
    const own = new Table(`${this.check}.${name}`, { ignoreCase: true });
    const lookups: Lookup[] = [own];
    for (const entry of Array.isArray(value) ? value : [value]) {
      const table = this.#table(name, entry);
      if (table !== undefined) lookups.push(table);
      else if (typeof entry === "string") this.#attempt(name, entry, () => own.add(entry, ""));
      else this.refuse(name, entry, "a list of patterns and tables");
    }
    return firstOf(lookups);
  }

  /**
   * A `Values` by address, domain or IP address.
   *
   * @param accept Throws for a value that cannot be used.
   */
  values(name: string, accept: (value: string) => unknown): Lookup {
    const found = this.#entries(name, accept);
    if (isLookup(found)) return found;
    const table = new Table(`${this.check}.${name}`, { ignoreCase: true });
    for (const [key, value] of found) this.#attempt(name, key, () => table.add(key, value));
    return table;
  }

  /** A `Values` by login: keys that are written as they stand are whole logins. */
  valuesByLogin(
    name: string,
    accept: (value: string) => unknown,
  ): (login: string) => string | undefined {
    const found = this.#entries(name, accept);
    if (isLookup(found)) return (login) => found.get(keyOfLogin(login));
    const map = new Map(found);
    return (login) => map.get(login);
  }

  #entries(
    name: string,
    accept: (value: string) => unknown,
  ): Lookup | readonly (readonly [string, string])[] {
    const value = this.#take(name);
    const table = this.#table(name, value);
    if (table !== undefined) return table;
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      return this.refuse(name, value, "a table, or values by key");
    }
    return Object.entries(value).map(([key, one]) => {
      const text = Array.isArray(one) ? one.join(", ") : one;
      if (typeof text !== "string") {
        return this.refuse(name, one, "a text, or a list of texts", key);
      }
      this.#attempt(name, text, () => accept(text), key);
      return [key, text];
    });
  }

  /** A table, or the configured one of that name: `@` and no dot, which patterns have. */
  #table(name: string, value: unknown): Lookup | undefined {
    if (isLookup(value)) return value;
    if (typeof value !== "string" || !/^@[^.@]+$/.test(value)) return undefined;
    const { tables } = this.environment;
    const table = tables?.get(value.slice(1));
    return table ?? this.refuse(
      name,
      value,
      `a table that is configured: ${[...tables?.keys() ?? []].join(", ") || "there is none"}`,
    );
  }

  #take(name: string): unknown {
    const spelt = this.#spelt(name);
    this.#known.add(spelt);
    return this.#options[spelt];
  }

  #spelt(name: string): string {
    return this.environment.spelling?.(name) ?? name;
  }

  #attempt<T>(name: string, found: unknown, make: () => T, key?: string): T {
    try {
      return make();
    } catch (error) {
      return this.refuse(name, found, `what can be read; ${(error as Error).message}`, key);
    }
  }

  #whole(
    name: string,
    value: unknown,
    { least, most }: Bounds,
    allowed = `a whole number from ${least} to ${most}`,
  ): number {
    return Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most
      ? value as number
      : this.refuse(name, value, allowed);
  }

  /** A text with a unit as a number; anything else as it is. */
  #inUnits(value: unknown, syntax: RegExp, units: Readonly<Record<string, number>>): unknown {
    const match = typeof value === "string" ? syntax.exec(value) : null;
    return match === null ? value : Number(match[1]) * units[match[2].toLowerCase()];
  }
}
