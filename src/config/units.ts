/**
 * Values as an operator writes them, in the configuration file and on the command line: addresses,
 * sizes, durations, numbers.
 *
 * @module
 */

import type { SocketTarget, Target } from "../channel.ts";
import { OptionError } from "../errors.ts";
import { Networks } from "../networks.ts";
import { parseUrl } from "../parse_url.ts";
import type { Identify } from "../upstream/smtp/connect.ts";

const HOST_PORT = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]\s]*)):([0-9]{1,5})$/;

/**
 * Reads `host:port`, `[ipv6]:port`, `:port` (every interface) or `unix:/path`.
 *
 * @throws {OptionError}
 */
export function parseAddress(
  text: string,
  option: string,
  allowed = "host:port, [ipv6]:port or unix:/path",
): SocketTarget {
  if (text.startsWith("unix:")) return { transport: "unix", path: text.slice("unix:".length) };
  const match = HOST_PORT.exec(text);
  const port = match === null ? NaN : Number(match[3]);
  if (match === null || port > 65535) {
    throw new OptionError(option, text, allowed);
  }
  const host = match[1] ?? match[2];
  return { transport: "tcp", host: host === "" ? "0.0.0.0" : host, port };
}

/** Where to listen, and what holds for the socket alone. */
export type ListenTarget =
  | Extract<Target, { transport: "tcp" }>
  /** `mode`: permission bits of the file; without it the process's umask decides. */
  | Extract<Target, { transport: "unix" }> & { readonly mode?: number }
  /** `token`: path of a file with a bearer token that clients need, or `env:NAME`. */
  | Extract<Target, { transport: "websocket" }> & {
    readonly token?: string;
    /** Pages that may connect, as `Origin` names them. */
    readonly origins?: readonly string[];
  };

/** What {@linkcode parseListen} reads. */
export const listenForm = "host:port, [ipv6]:port, unix:/path?mode=0660 or " +
  "ws://host:port/path?token=file&origin=https://page, also as wss";

const OCTAL = /^0?[0-7]{3}$/;

/**
 * Reads what {@linkcode parseAddress} does, and behind the path of a Unix socket `mode=0660`; or
 * `ws://host:port/path`, and behind that `token=file` and `origin=https://page` (repeatable).
 *
 * @throws {OptionError}
 */
export function parseListen(text: string, option: string): ListenTarget {
  const wrong = (): OptionError => new OptionError(option, text, listenForm);
  const question = text.indexOf("?");
  if (question === -1 && !/^wss?:/.test(text)) return parseAddress(text, option, listenForm);
  const url = parseUrl(text);
  const parameters = new URLSearchParams(question === -1 ? "" : text.slice(question));
  const only = (...names: string[]): void => {
    if ([...parameters.keys()].some((name) => !names.includes(name))) throw wrong();
    const twice = (name: string): boolean => parameters.getAll(name).length > 1;
    if (names.some((name) => name !== "origin" && twice(name))) throw wrong();
  };
  if (text.startsWith("unix:")) {
    only("mode");
    const mode = parameters.get("mode") ?? "";
    if (!OCTAL.test(mode)) throw wrong();
    const path = text.slice("unix:".length, question);
    return { transport: "unix", path, mode: Number.parseInt(mode, 8) };
  }
  const isWebSocket = url?.protocol === "ws:" || url?.protocol === "wss:";
  if (url === null || !isWebSocket || url.username !== "" || url.hash !== "") throw wrong();
  only("token", "origin");
  const token = parameters.get("token");
  const origins = parameters.getAll("origin");
  return {
    transport: "websocket",
    url: `${url.protocol}//${url.host}${url.pathname}`,
    ...token !== null && { token },
    ...origins.length > 0 && { origins },
  };
}

/** The inverse of {@linkcode parseAddress}, and the URL of a WebSocket, for messages. */
export function printAddress(address: Target): string {
  if (address.transport === "unix") return `unix:${address.path}`;
  if (address.transport === "websocket") return address.url;
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

/**
 * Reads a whole number from 1 on.
 *
 * @param allowed What may be there, where that is not all.
 * @throws {OptionError}
 */
export function parseNumber(
  text: string,
  option: string,
  allowed: string = "a whole number of at least 1",
): number {
  if (!/^[1-9][0-9]{0,8}$/.test(text)) throw new OptionError(option, text, allowed);
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
