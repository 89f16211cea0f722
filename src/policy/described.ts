/**
 * From what somebody types to a message that might come, for `explain`.
 *
 * @module
 */

import type { TlsFacts } from "../channel.ts";
import { OptionError } from "../errors.ts";
import { isIpv4, isIpv6 } from "../rfc5321/address_literal.ts";
import { Path } from "../rfc5321/path.ts";
import type { Described } from "./explain.ts";

/** A message in words; what each means stands in {@linkcode Described}. */
export interface Description {
  /** IP address. */
  readonly client: string;
  /** Host name of the client. */
  readonly name?: string;
  /** Name in EHLO. */
  readonly hello?: string;
  /** `1.2` or `1.3`. */
  readonly tls?: string;
  /** The login. */
  readonly login?: string;
  /** Name of the listener. */
  readonly listener?: string;
  /** An address with angle brackets or without; `<>` or `""` for the null reverse-path. */
  readonly from: string;
  /** Addresses alike. */
  readonly to: readonly string[];
  /** Octets. */
  readonly size?: number;
  /** Header and body. */
  readonly message?: Uint8Array | string;
}

const TLS: Readonly<Record<string, TlsFacts>> = {
  "1.2": { version: "TLSv1.2", cipher: "", serverName: "" },
  "1.3": { version: "TLSv1.3", cipher: "", serverName: "" },
};

/**
 * Reads a description.
 *
 * @throws {OptionError} Naming the first member that cannot be used.
 */
export function describe(description: Description): Described {
  const { client, tls, from, to, message, ...rest } = description;
  if (!isIpv4(client) && !isIpv6(client)) {
    throw new OptionError("client", client, "an IP address");
  }
  if (tls !== undefined && !Object.hasOwn(TLS, tls)) {
    throw new OptionError("tls", tls, Object.keys(TLS).join(", "));
  }
  return {
    ...rest,
    client,
    tls: tls === undefined ? undefined : TLS[tls],
    from: pathOf(from, "from"),
    to: to.map((address) => pathOf(address, "to")),
    message: typeof message === "string" ? new TextEncoder().encode(message) : message,
  };
}

function pathOf(text: string, option: "from" | "to"): Path {
  const path = Path.parse(text.startsWith("<") ? text : `<${text}>`);
  if (path === undefined || (path.isNull && option === "to")) {
    throw new OptionError(option, text, "a mailbox as local-part@domain");
  }
  return path;
}
