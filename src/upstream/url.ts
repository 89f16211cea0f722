/**
 * Upstreams as an operator writes them:
 * `smtp://host:port?tls=verify`, `smtps://host`, `unix:/path`, `capture:` and `capture:directory`.
 *
 * @module
 */

import type { Target, TlsVerification } from "../channel.ts";
import { OptionError } from "../errors.ts";
import type { UpstreamTls } from "./smtp/connect.ts";
import type { LinkOptions } from "./smtp/link.ts";

/** What such a text says. */
export type UpstreamUrl =
  | { readonly kind: "capture"; readonly directory: string | undefined }
  | {
    readonly kind: "smtp";
    readonly target: Target;
    readonly tls: UpstreamTls;
    /** Path of a PEM file with authorities, for whoever can read it. */
    readonly authorities: string | undefined;
    readonly chunking: LinkOptions["chunking"];
  };

const ALLOWED =
  "smtp://host:port, smtps://host:port, unix:/path (each with ?tls=none|opportunistic|required|" +
  "verify, ca=file, name=host, pin=sha256:hex, chunking=as-received|always|never), capture: or " +
  "capture:directory";

const CHUNKING = ["as-received", "always", "never"] as const;
const FINGERPRINT = /^sha256:((?:[0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2})$/;

/**
 * Reads one.
 *
 * @param option Where it stood, for the error.
 * @throws {OptionError}
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
  if (target === undefined || url.username !== "" || url.hash !== "") throw wrong();

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
    chunking: chunking as LinkOptions["chunking"],
  };
}

function targetOf(url: URL): Target | undefined {
  if (url.protocol === "unix:") {
    return url.pathname === "" ? undefined : { transport: "unix", path: url.pathname };
  }
  if (url.protocol !== "smtp:" && url.protocol !== "smtps:") return undefined;
  if (url.hostname === "" || (url.pathname !== "" && url.pathname !== "/")) return undefined;
  const port = url.port !== "" ? Number(url.port) : url.protocol === "smtps:" ? 465 : 25;
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
