/**
 * Upstreams as an operator writes them:
 * `smtp://host:port?tls=verify`, `smtps://host`, `smtp+mx://domain`, `smtp+srv://_service._tcp.domain`,
 * `unix:/path`, `ws://host/path`, `wss://host/path`, `lmtp://host:port`, `lmtp+unix:/path`, `https://host/path`,
 * `capture:` and `capture:directory`.
 *
 * @module
 */

import type { Target, TlsVerification } from "../channel.ts";
import { hostName } from "../dns/resolver.ts";
import { OptionError } from "../errors.ts";
import { parseUrl } from "../parse_url.ts";
import { asciiLowerCase } from "../rfc5321/text.ts";
import type { MailProtocol } from "../session/facts.ts";
import { httpForm, readHttpUrl } from "./http/upstream.ts";
import type { UpstreamTls } from "./smtp/connect.ts";
import type { Chunking } from "./smtp/link.ts";

/** What {@linkcode parseUpstreamUrl} has read. */
export type UpstreamUrl =
  /** A capture: in memory, or in a directory, which an adapter has to open. */
  | { readonly kind: "capture"; readonly directory: string | undefined }
  /** The URL of {@linkcode httpUpstream}, its query and all. */
  | { readonly kind: "http"; readonly url: string }
  /** Options of {@linkcode smtpUpstream}, but for what only a runtime has. */
  | {
    readonly kind: "smtp";
    readonly protocol: MailProtocol;
    readonly target: Target;
    readonly tls: UpstreamTls;
    /** Path of a PEM file with authorities, for whoever can read it. */
    readonly authorities: string | undefined;
    /** Path of a file with a bearer token for a WebSocket, or `env:NAME`. */
    readonly token?: string;
    readonly chunking: Chunking;
  }
  /** Options of {@linkcode discoveredUpstream}, and what holds for each of its servers. */
  | {
    readonly kind: "discovered";
    readonly by: "mx" | "srv";
    readonly domain: string;
    /** Port of hosts that MX records name; SRV records have their own. */
    readonly port: number;
    /** The name to be verified is `""` where it is each host's own: see {@linkcode tlsAt}. */
    readonly tls: UpstreamTls;
    /** Path of a PEM file with authorities, for whoever can read it. */
    readonly authorities: string | undefined;
    readonly chunking: Chunking;
  };

const ALLOWED =
  "smtp://host:port, smtps://host:port, smtp+mx://domain, smtp+srv://_service._tcp.domain, " +
  "smtps+srv://_service._tcp.domain, unix:/path, lmtp://host:port, lmtp+unix:/path, " +
  "ws://host/path?token=file (each with ?tls=none|opportunistic|required|verify, ca=file, " +
  "name=host, pin=sha256:hex, chunking=small|as-received|always|never), " +
  "wss://host/path?ca=file&token=file, https://host/path, capture: or capture:directory";

/** Ways to servers, by the protocol of their URLs. */
const SCHEMES: Readonly<
  Record<string, { readonly by: "host" | "mx" | "srv"; readonly port: number }>
> = {
  "smtp:": { by: "host", port: 25 },
  "smtps:": { by: "host", port: 465 },
  "lmtp:": { by: "host", port: 24 },
  "smtp+mx:": { by: "mx", port: 25 },
  "smtp+srv:": { by: "srv", port: 0 },
  "smtps+srv:": { by: "srv", port: 0 },
};

/** Service and protocol before the domain of SRV records (RFC 2782). */
const SERVICE = /^(_[a-z0-9-]{1,62}\._[a-z0-9-]{1,62}\.)(.+)$/;

const CHUNKING = ["small", "as-received", "always", "never"] as const;
const FINGERPRINT = /^sha256:((?:[0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2})$/;

/**
 * Reads an upstream as an operator writes it: `smtp://host:port`, `smtps://host:port`,
 * `smtp+mx://domain`, `smtp+srv://_service._tcp.domain` (`smtps+srv:` for TLS from the first octet),
 * `unix:/path`, `lmtp://host:port`, `lmtp+unix:/path`, `ws://host/path`, `wss://host/path`, `capture:`
 * or `capture:directory`. Ports 25, 465 and, for LMTP, 24 are the defaults. All but captures take
 * `tls=none|opportunistic|required|verify`, `name=host` for the certificate, `ca=file`,
 * `pin=sha256:hex` (repeatable) and `chunking=small|as-received|always|never` as query; a WebSocket
 * also `token=file`, and one under TLS of its own (`wss`) of the others only `ca` and `chunking`.
 *
 * With records, the name that `tls=verify` checks is that of the host which they name: whoever can
 * forge the records has a certificate for a host of his own. `name=host` does not depend on them.
 *
 * @example TLS that must be verified
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseUpstreamUrl } from "@sluice/sluice";
 *
 * const url = parseUpstreamUrl("smtp://mail.example?tls=verify", "--upstream");
 * if (url.kind !== "smtp") throw new Error("not an SMTP server");
 * assertEquals(url.target, { transport: "tcp", host: "mail.example", port: 25 });
 * assertEquals(url.tls, { mode: "required", verify: { kind: "name", name: "mail.example" } });
 * ```
 *
 * @param option Where it stood, for the error.
 * @throws {OptionError} Naming what could not be read.
 */
export function parseUpstreamUrl(text: string, option: string): UpstreamUrl {
  const wrong = (found: unknown = text, allowed = ALLOWED): OptionError =>
    new OptionError(option, found, allowed);
  if (text.startsWith("capture:")) {
    const directory = text.slice("capture:".length);
    return { kind: "capture", directory: directory === "" ? undefined : directory };
  }
  if (/^https?:/i.test(text)) {
    const url = readHttpUrl(text, false);
    if (url === undefined) throw wrong(text, httpForm);
    return { kind: "http", url: url.href };
  }
  const url = parseUrl(text);
  if (url === null) throw wrong();
  const place = placeOf(url);
  const foreign = url.username !== "" || url.password !== "" || url.hash !== "";
  if (place === undefined || foreign) throw wrong();

  const query = new Map<string, string[]>();
  for (const [name, value] of url.searchParams) {
    const known = parametersOf(url.protocol);
    if (!known.includes(name)) {
      throw wrong(`${name}=${value}`, `the parameters ${known.join(", ")}`);
    }
    query.set(name, [...query.get(name) ?? [], value]);
  }
  const one = (name: string): string | undefined => {
    const values = query.get(name);
    if (values !== undefined && values.length > 1) throw wrong(`two of ${name}`, "one");
    return values?.[0];
  };
  const pins = (query.get("pin") ?? []).map((pin) => {
    const match = FINGERPRINT.exec(pin);
    if (match === null) throw wrong(pin, "sha256: and 64 hexadecimal digits");
    return match[1].replaceAll(":", "").toLowerCase();
  });
  const implicit = url.protocol.startsWith("smtps");
  const mode = one("tls") ??
    (pins.length > 0 || implicit ? "verify" : url.protocol === "wss:" ? "none" : "opportunistic");
  const name = one("name") ?? nameOf(place);
  const verify: TlsVerification = pins.length > 0
    ? { kind: "fingerprint", fingerprints: pins }
    : mode === "verify" && name !== undefined
    ? { kind: "name", name }
    : { kind: "none" };
  if (mode === "verify" && verify.kind === "none") throw wrong(text, "tls=verify with name=host");
  const chunking = one("chunking") ?? "small";
  if (!CHUNKING.some((known) => known === chunking)) throw wrong(chunking, CHUNKING.join(", "));
  return {
    ...place,
    tls: tlsOf(mode, implicit, verify, () => wrong(`tls=${mode}`)),
    authorities: one("ca"),
    ...query.has("token") && { token: one("token") },
    chunking: chunking as Chunking,
  };
}

const PARAMETERS = ["tls", "ca", "name", "pin", "chunking"];

function parametersOf(protocol: string): readonly string[] {
  if (protocol === "ws:") return [...PARAMETERS, "token"];
  // Its TLS is the WebSocket's, which verifies the name of the host.
  return protocol === "wss:" ? ["ca", "token", "chunking"] : PARAMETERS;
}

/** What holds for one host of a domain. */
export function tlsAt(tls: UpstreamTls, host: string): UpstreamTls {
  if (!("verify" in tls) || tls.verify.kind !== "name" || tls.verify.name !== "") return tls;
  return { ...tls, verify: { ...tls.verify, name: host } };
}

type Place =
  | { readonly kind: "smtp"; readonly protocol: MailProtocol; readonly target: Target }
  | {
    readonly kind: "discovered";
    readonly by: "mx" | "srv";
    readonly domain: string;
    readonly port: number;
  };

/** The name that a certificate has to bear. */
function nameOf(place: Place): string | undefined {
  if (place.kind === "discovered") return "";
  const { target } = place;
  if (target.transport === "websocket") return new URL(target.url).hostname;
  return target.transport === "tcp" ? target.host : undefined;
}

function placeOf(url: URL): Place | undefined {
  const protocol = url.protocol.startsWith("lmtp") ? "lmtp" : "smtp";
  if (url.protocol === "unix:" || url.protocol === "lmtp+unix:") {
    if (!url.pathname.startsWith("/") || url.hostname !== "") return undefined;
    const path = decodeURIComponent(url.pathname);
    return { kind: "smtp", protocol, target: { transport: "unix", path } };
  }
  if ((url.protocol === "ws:" || url.protocol === "wss:") && url.hostname !== "") {
    const target = `${url.protocol}//${url.host}${url.pathname}`;
    return { kind: "smtp", protocol, target: { transport: "websocket", url: target } };
  }
  const scheme = Object.hasOwn(SCHEMES, url.protocol) ? SCHEMES[url.protocol] : undefined;
  if (scheme === undefined || url.hostname === "") return undefined;
  if (url.pathname !== "" && url.pathname !== "/") return undefined;
  const { by } = scheme;
  const port = url.port !== "" ? Number(url.port) : scheme.port;
  if ((port === 0) !== (by === "srv")) return undefined;
  if (by === "host") {
    const host = url.hostname.replace(/^\[|\]$/g, "");
    // RFC 2033 §5
    if (protocol === "lmtp" && port === 25) return undefined;
    return { kind: "smtp", protocol, target: { transport: "tcp", host, port } };
  }
  const domain = by === "mx" ? hostName(url.hostname) : serviceName(url.hostname);
  return domain === undefined ? undefined : { kind: "discovered", by, domain, port };
}

function serviceName(text: string): string | undefined {
  const [, service, domain] = SERVICE.exec(asciiLowerCase(text)) ?? [];
  const host = domain === undefined ? undefined : hostName(domain);
  return host === undefined ? undefined : service + host;
}

function tlsOf(
  mode: string,
  implicit: boolean,
  verify: TlsVerification,
  wrong: () => OptionError,
): UpstreamTls {
  if (mode !== "required" && mode !== "verify") {
    if (implicit || (mode !== "none" && mode !== "opportunistic")) throw wrong();
    return { mode };
  }
  return { mode: implicit ? "implicit" : "required", verify };
}
