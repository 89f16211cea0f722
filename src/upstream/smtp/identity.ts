/**
 * Telling an upstream whose mail this is: XCLIENT and XFORWARD (Postfix's READMEs of these names).
 *
 * @module
 */

import type { Extensions } from "../../rfc5321/extension.ts";
import { baseCommandLine } from "../../rfc5321/limits.ts";
import { encodeXtext } from "../../rfc5321/xtext.ts";
import type { ClientFacts, ForwardedFacts } from "../../session/facts.ts";
import type { Origin } from "../../session/upstream.ts";

const UNAVAILABLE = "[UNAVAILABLE]";

function address(host: string | undefined): string | undefined {
  if (host === undefined || host === "") return undefined;
  return host.includes(":") ? `IPV6:${host}` : host;
}

function text(value: string | undefined): string | undefined {
  return value === undefined || value === "" ? undefined : encodeXtext(value);
}

/**
 * Command lines that carry the attributes which the upstream has advertised, none longer than
 * 512 octets with its CRLF.
 */
function lines(
  verb: "XCLIENT" | "XFORWARD",
  extensions: Extensions,
  attributes: Readonly<Record<string, string | undefined>>,
): string[] {
  const advertised = new Set(extensions.parameters(verb).map((name) => name.toUpperCase()));
  const made: string[] = [];
  for (const [name, value] of Object.entries(attributes)) {
    if (!advertised.has(name)) continue;
    const attribute = ` ${name}=${value ?? UNAVAILABLE}`;
    const last = made.at(-1);
    if (last !== undefined && last.length + attribute.length + 2 <= baseCommandLine) {
      made[made.length - 1] = last + attribute;
    } else made.push(verb + attribute);
  }
  return made;
}

/** Makes the upstream treat the connection as the client's own. */
export function xclientLines(extensions: Extensions, client: ClientFacts): string[] {
  return lines("XCLIENT", extensions, {
    NAME: text(client.name),
    ADDR: address(client.address),
    PORT: client.port === 0 ? undefined : String(client.port),
    PROTO: client.extended ? "ESMTP" : "SMTP",
    HELO: text(client.hello),
    LOGIN: text(client.login),
    REVERSE_NAME: text(client.name),
  });
}

/** Tells the upstream, for its logs and filters, where the next message comes from. */
export function xforwardLines(extensions: Extensions, origin: Origin): string[] {
  const known = origin.forwarded ?? asForwarded(origin);
  return lines("XFORWARD", extensions, {
    NAME: text(known.name),
    ADDR: address(known.address),
    PORT: known.port,
    PROTO: known.protocol,
    HELO: text(known.hello),
    IDENT: text(known.ident ?? origin.id),
    SOURCE: known.source,
  });
}

function asForwarded({ client, protocol }: Origin): ForwardedFacts {
  return {
    name: client.name,
    address: client.address,
    port: client.port === 0 ? undefined : String(client.port),
    protocol: protocol === "lmtp" ? "LMTP" : client.extended ? "ESMTP" : "SMTP",
    hello: client.hello,
    source: "REMOTE",
  };
}
