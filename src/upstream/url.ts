/**
 * Upstreams as an operator writes them:
 * `smtp://host:port?tls=verify`, `smtps://host`, `unix:/path`, `capture:` and `capture:directory`.
 *
 * @module
 */

import type { Target, TlsVerification } from "../channel.ts";
import { OptionError } from "../errors.ts";
import type { UpstreamTls } from "./smtp/connect.ts";
import type { Chunking } from "./smtp/link.ts";

/** What {@linkcode parseUpstreamUrl} has read. */
export type UpstreamUrl =
  /** A capture: in memory, or in a directory, which an adapter has to open. */
  | { readonly kind: "capture"; readonly directory: string | undefined }
  /** Options of {@linkcode smtpUpstream}, but for what only a runtime has. */
  | {
    readonly kind: "smtp";
    readonly target: Target;
    readonly tls: UpstreamTls;
    /** Path of a PEM file with authorities, for whoever can read it. */
    readonly authorities: string | undefined;
    readonly chunking: Chunking;
  };

const ALLOWED =
  "smtp://host:port, smtps://host:port, unix:/path (each with ?tls=none|opportunistic|required|" +
  "verify, ca=file, name=host, pin=sha256:hex, chunking=as-received|always|never), capture: or " +
  "capture:directory";

const CHUNKING = ["as-received", "always", "never"] as const;
const FINGERPRINT = /^sha256:((?:[0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2})$/;

/**
 * Reads an upstream as an operator writes it: `smtp://host:port`, `smtps://host:port`, `unix:/path`,
 * `capture:` or `capture:directory`. Port 25 and 465 are the defaults. The first three take
 * `tls=none|opportunistic|required|verify`, `name=host` for the certificate, `ca=file`,
 * `pin=sha256:hex` (repeatable) and `chunking=as-received|always|never` as query.
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
  const url = URL.parse(text);
  if (url === null) throw wrong();
  const target = targetOf(url);
  const foreign = url.username !== "" || url.password !== "" || url.hash !== "";
  if (target === undefined || foreign) throw wrong();

  const query = new Map<string, string[]>();
  for (const [name, value] of url.searchParams) {
    if (!["tls", "ca", "name", "pin", "chunking"].includes(name)) {
      throw wrong(`${name}=${value}`, "the parameters tls, ca, name, pin, chunking");
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
  const implicit = url.protocol === "smtps:";
  const mode = one("tls") ?? (pins.length > 0 || implicit ? "verify" : "opportunistic");
  const name = one("name") ?? (target.transport === "tcp" ? target.host : undefined);
  const verify: TlsVerification = pins.length > 0
    ? { kind: "fingerprint", fingerprints: pins }
    : mode === "verify" && name !== undefined
    ? { kind: "name", name }
    : { kind: "none" };
  if (mode === "verify" && verify.kind === "none") throw wrong(text, "tls=verify with name=host");
  const chunking = one("chunking") ?? "as-received";
  if (!CHUNKING.some((known) => known === chunking)) throw wrong(chunking, CHUNKING.join(", "));
  return {
    kind: "smtp",
    target,
    tls: tlsOf(mode, implicit, verify, () => wrong(`tls=${mode}`)),
    authorities: one("ca"),
    chunking: chunking as Chunking,
  };
}

function targetOf(url: URL): Target | undefined {
  if (url.protocol === "unix:") {
    const absolute = url.pathname.startsWith("/") && url.hostname === "";
    return absolute ? { transport: "unix", path: decodeURIComponent(url.pathname) } : undefined;
  }
  if (url.protocol !== "smtp:" && url.protocol !== "smtps:") return undefined;
  if (url.hostname === "" || (url.pathname !== "" && url.pathname !== "/")) return undefined;
  const port = url.port !== "" ? Number(url.port) : url.protocol === "smtps:" ? 465 : 25;
  if (port === 0) return undefined;
  return { transport: "tcp", host: url.hostname.replace(/^\[|\]$/g, ""), port };
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
