/**
 * What the options of `serve` change in a configuration: each one that is given takes the place of
 * what the file says, whole.
 *
 * @module
 */

import type {
  AdminSource,
  Configuration,
  ListenerSource,
  LogSource,
  PlainOptions,
  TlsSource,
  UpstreamSource,
} from "../config/configuration.ts";
import type { KeyPath } from "../config/places.ts";
import { OptionError } from "../errors.ts";
import type { ListenerOptions } from "../options.ts";
import { parseUpstreamUrl } from "../upstream/url.ts";
import {
  parseAddress,
  parseDuration,
  parseIdentify,
  parseListen,
  parseNetwork,
  parseNumber,
  parseSize,
} from "./address.ts";
import type { Given } from "./command_line.ts";

/**
 * The configuration with what is given on the command line in its place.
 *
 * @throws {OptionError} Naming the first option that cannot be read.
 */
export function override(configuration: Configuration, given: Given): Configuration {
  const options = plainOptions(configuration.options, given);
  return {
    ...configuration,
    options,
    lookupNames: configuration.lookupNames || given.has("lookup-names"),
    module: given.value("policy") ?? configuration.module,
    listeners: listeners(configuration.listeners, options.trusted ?? [], given),
    upstream: upstream(configuration.upstream, given),
    tls: tls(configuration.tls, given),
    admin: admin(configuration.admin, given),
    log: log(configuration.log, given),
    ...part(given, "workers", "workers", parseNumber),
    mistake(path, found, allowed) {
      const flag = given.has("policy") && path.join(".") === "policy.module" ? "--policy" : path[0];
      return typeof flag === "string" && flag.startsWith("--")
        ? { key: flag, found, allowed }
        : configuration.mistake(path, found, allowed);
    },
  };
}

/** What `read` makes of an option, under the name that it has in the library. */
function part<Name extends string, T>(
  given: Given,
  flag: string,
  name: Name,
  read: (text: string, option: string) => T,
): { readonly [Key in Name]?: T } {
  const text = given.value(flag);
  return text === undefined ? {} : { [name]: read(text, `--${flag}`) } as { [Key in Name]: T };
}

/** A wait, which cannot be none. */
function parseWait(text: string, option: string): number {
  const wait = parseDuration(text, option);
  if (wait === 0) throw new OptionError(option, text, "1s or more");
  return wait;
}

/** Of `--upstream-connections`. */
function parsePool(text: string, option: string): UpstreamSource["pool"] {
  return text === "own"
    ? false
    : { connections: parseNumber(text, option, "a whole number of at least 1, or own") };
}

function plainOptions(file: PlainOptions, given: Given): PlainOptions {
  // The proxy knows what is allowed, and checks it.
  const unchecked = <T>(text: string): T => text as T;
  return {
    ...file,
    ...part(given, "hostname", "hostname", String),
    ...(given.has("require-tls") ? { tlsRequired: true } : {}),
    ...part(given, "auth", "auth", unchecked<PlainOptions["auth"]>),
    ...(given.has("insecure-auth") ? { authWithoutTls: true } : {}),
    ...(given.has("trusted")
      ? { trusted: given.values("trusted").map((text) => parseNetwork(text, "--trusted")) }
      : {}),
    ...part(given, "bare-newline", "bareNewline", unchecked<PlainOptions["bareNewline"]>),
    ...part(given, "verify", "verify", unchecked<PlainOptions["verify"]>),
    ...(given.has("no-trace") ? { trace: false } : {}),
    ...(given.has("keep-source-routes") ? { keepSourceRoutes: true } : {}),
    ...(given.has("eager-mail") ? { eagerMail: true } : {}),
    limits: {
      ...file.limits,
      ...part(given, "max-size", "messageSize", parseSize),
      ...part(given, "max-recipients", "recipients", parseNumber),
    },
    timeouts: {
      ...file.timeouts,
      ...part(given, "idle-timeout", "command", parseDuration),
    },
  };
}

function upstream(file: UpstreamSource, given: Given): UpstreamSource {
  const path: KeyPath = ["--upstream"];
  const servers = given.values("upstream").map((name) => ({
    name,
    url: parseUpstreamUrl(name, "--upstream"),
    path,
  }));
  const kept = file.pool === undefined ? {} : { pool: file.pool };
  return {
    ...(servers.length === 0
      ? file
      : { identify: file.identify, timeout: file.timeout, ...kept, servers, path }),
    ...part(given, "identify", "identify", parseIdentify),
    ...part(given, "upstream-secret", "secret", String),
    ...part(given, "upstream-timeout", "timeout", parseWait),
    ...part(given, "upstream-connections", "pool", parsePool),
  };
}

function tls(file: TlsSource | undefined, given: Given): TlsSource | undefined {
  const certs = given.values("cert");
  const keys = given.values("key");
  if (certs.length !== keys.length) {
    const found = `${keys.length} for ${certs.length} --cert`;
    throw new OptionError("--key", found, "one for each --cert");
  }
  const certificates = certs.length === 0
    ? file?.certificates
    : certs.map((cert, nth) => ({ cert, key: keys[nth] }));
  if (certificates === undefined) {
    for (const flag of ["tls-listen", "require-tls", "client-ca"]) {
      if (!given.has(flag)) continue;
      throw new OptionError(`--${flag}`, given.value(flag), "only together with --cert");
    }
    return undefined;
  }
  const authorities = given.value("client-ca") ?? file?.authorities;
  return {
    certificates,
    ...(authorities === undefined ? {} : { authorities }),
    paths: {
      certificates: given.has("cert") ? ["--cert"] : ["tls", "certificates"],
      authorities: given.has("client-ca") ? ["--client-ca"] : ["tls", "client-authorities"],
    },
  };
}

function admin(file: AdminSource | undefined, given: Given): AdminSource | undefined {
  const address = given.value("admin");
  const at = address === undefined ? file?.at : parseAddress(address, "--admin");
  const operator = given.value("admin-token") ?? file?.tokens.operator;
  const reader = given.value("admin-reader-token") ?? file?.tokens.reader;
  if (at === undefined) {
    for (const flag of ["admin-token", "admin-reader-token", "admin-host"]) {
      if (!given.has(flag)) continue;
      throw new OptionError(`--${flag}`, given.value(flag), "only together with --admin");
    }
    return undefined;
  }
  if (at.transport !== "tcp") throw new OptionError("--admin", address, "host:port, [ipv6]:port");
  const path = (flag: string, key: string): KeyPath =>
    given.has(flag) ? [`--${flag}`] : ["admin", key];
  return {
    at,
    tokens: {
      ...operator !== undefined && { operator },
      ...reader !== undefined && { reader },
    },
    hosts: given.has("admin-host") ? given.values("admin-host") : file?.hosts ?? [],
    addresses: file?.addresses ?? "plain",
    paths: {
      listen: path("admin", "listen"),
      operator: path("admin-token", "operator-token"),
      reader: path("admin-reader-token", "reader-token"),
      hosts: path("admin-host", "hosts"),
    },
  };
}

const LOG: { readonly [Key in keyof LogSource]: readonly LogSource[Key][] } = {
  format: ["text", "json"],
  level: ["error", "warning", "info", "debug"],
  addresses: ["plain", "redacted"],
};

function log(file: LogSource, given: Given): LogSource {
  const one = <Key extends keyof LogSource>(flag: string, key: Key): LogSource[Key] => {
    const text = given.value(flag);
    if (text === undefined) return file[key];
    const allowed = LOG[key];
    const found = allowed.find((one) => one === text);
    if (found === undefined) throw new OptionError(`--${flag}`, text, allowed.join(", "));
    return found;
  };
  const level = one("log-level", "level");
  if (given.has("quiet") && given.has("log-level") && level !== "warning") {
    throw new OptionError("--log-level", level, "warning, together with --quiet");
  }
  return {
    format: one("log-format", "format"),
    level: given.has("quiet") ? "warning" : level,
    addresses: one("log-addresses", "addresses"),
  };
}

const ACCEPTED = ["xclient", "xforward", "proxy"] as const;
type Accepted = typeof ACCEPTED[number];

/** The listeners of the command line, or those of the file; `--accept` is for all of them. */
function listeners(
  file: readonly ListenerSource[],
  trusted: readonly string[],
  given: Given,
): readonly ListenerSource[] {
  const accepted = acceptance(trusted, given);
  const at = (flag: string, options: ListenerOptions): ListenerSource[] =>
    given.values(flag).map((text) => ({
      at: parseListen(text, `--${flag}`),
      options,
      path: [`--${flag}`],
    }));
  const own = [
    ...at("listen", {}),
    ...at("tls-listen", { implicitTls: true }),
    ...at("lmtp-listen", { protocol: "lmtp" }),
  ];
  return (own.length > 0 ? own : file).map((source) => ({
    ...source,
    options: { ...source.options, ...accepted },
  }));
}

function acceptance(trusted: readonly string[], given: Given): ListenerOptions {
  if (!given.has("accept")) return {};
  const accepted = given.values("accept").flatMap((list) => list.split(","));
  for (const what of accepted) {
    if (!ACCEPTED.includes(what as Accepted)) {
      throw new OptionError("--accept", what, ACCEPTED.join(", "));
    }
  }
  if (trusted.length === 0) {
    throw new OptionError("--accept", accepted.join(","), "only together with --trusted");
  }
  const from = (what: Accepted): readonly string[] => accepted.includes(what) ? trusted : [];
  return {
    xclientFrom: from("xclient"),
    xforwardFrom: from("xforward"),
    ...(accepted.includes("proxy") ? { proxyFrom: trusted } : {}),
  };
}
