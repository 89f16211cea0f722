/**
 * Values as an operator writes them, in the configuration file and on the command line: addresses,
 * sizes, durations, numbers.
 *
 * @module
 */

import type { Target } from "../channel.ts";
import { OptionError } from "../errors.ts";
import { Networks } from "../networks.ts";
import type { Identify } from "../upstream/smtp/connect.ts";

const HOST_PORT = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]\s]*)):([0-9]{1,5})$/;

/**
 * Reads `host:port`, `[ipv6]:port`, `:port` (every interface) or `unix:/path`.
 *
 * @throws {OptionError}
 */
export function parseAddress(text: string, option: string): Target {
  if (text.startsWith("unix:")) return { transport: "unix", path: text.slice("unix:".length) };
  const match = HOST_PORT.exec(text);
  const port = match === null ? NaN : Number(match[3]);
  if (match === null || port > 65535) {
    throw new OptionError(option, text, "host:port, [ipv6]:port or unix:/path");
  }
  const host = match[1] ?? match[2];
  return { transport: "tcp", host: host === "" ? "0.0.0.0" : host, port };
}

/** The inverse, for messages. */
export function printAddress(address: Target): string {
  if (address.transport === "unix") return `unix:${address.path}`;
  const { host, port } = address;
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** What a network looks like. */
export const networkForm = "an IP address, or address/bits with no bits set behind the prefix";

/** Reads an IP address or `address/bits`, which stays as it is written. @throws {OptionError} */
export function parseNetwork(text: string, option: string): string {
  try {
    new Networks([text]);
    return text;
  } catch {
    throw new OptionError(option, text, networkForm);
  }
}

const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  "k": 1024,
  "m": 1024 ** 2,
  "g": 1024 ** 3,
};

/** Reads octets: `1000`, `64k`, `50m`, `1g`. @throws {OptionError} */
export function parseSize(text: string, option: string): number {
  const match = /^([0-9]{1,12})([kmg]?)$/i.exec(text);
  if (match === null) throw new OptionError(option, text, "octets as 1000, 64k, 50m or 1g");
  return Number(match[1]) * UNITS[match[2].toLowerCase()];
}

/** Reads a whole number from 1 on. @throws {OptionError} */
export function parseNumber(text: string, option: string): number {
  if (!/^[1-9][0-9]{0,8}$/.test(text)) {
    throw new OptionError(option, text, "a whole number of at least 1");
  }
  return Number(text);
}

/** Reads seconds, or `5m`, `1h`, into milliseconds. @throws {OptionError} */
export function parseDuration(text: string, option: string): number {
  const match = /^([0-9]{1,6})(s|m|h)?$/.exec(text);
  if (match === null) {
    throw new OptionError(option, text, "seconds, or minutes and hours as 5m, 1h");
  }
  return Number(match[1]) * { s: 1_000, m: 60_000, h: 3_600_000 }[match[2] as "s" ?? "s"];
}

const identities: ReadonlyMap<string, Identify> = new Map([
  ["none", "none"],
  ["xforward", "xforward"],
  ["xclient", "xclient"],
  ["proxy", "proxy-v2"],
  ["proxy-v1", "proxy-v1"],
  ["proxy-v2", "proxy-v2"],
]);

/** Reads how the upstream learns who the client is; `proxy` is version 2. @throws {OptionError} */
export function parseIdentify(text: string, option: string): Identify {
  const known = identities.get(text);
  if (known === undefined) throw new OptionError(option, text, [...identities.keys()].join(", "));
  return known;
}
