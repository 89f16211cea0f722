/**
 * Macros: what a milter is told besides the commands, by Sendmail's names.
 *
 * @module
 */

import type { Path } from "../../rfc5321/path.ts";
import type { SessionFacts } from "../../session/facts.ts";
import type { MacroStage } from "./negotiation.ts";

/** Values by name. */
export type Macros = Readonly<Record<string, string>>;

/** Which are told when a milter does not say which it wants. */
const USUAL: Readonly<Record<MacroStage, readonly string[]>> = {
  connect: ["j", "_", "{daemon_name}", "{daemon_addr}", "{daemon_port}", "v"],
  helo: ["{tls_version}", "{cipher}", "{cert_subject}", "{cert_issuer}", "{verify}"],
  mail: ["{auth_type}", "{auth_authen}", "{mail_addr}", "{mail_host}", "{mail_mailer}"],
  rcpt: ["i", "{rcpt_addr}", "{rcpt_host}", "{rcpt_mailer}"],
  data: ["i"],
  endOfHeaders: ["i"],
  endOfMessage: ["i"],
};

/** Of a session, as far as it is known. */
export function sessionMacros({ client, server, listener }: SessionFacts): Macros {
  const { address, port, name, tls } = client;
  const shown = name ?? "unknown";
  return {
    "_": `${shown} [${address}]`,
    "{client_addr}": address,
    "{client_name}": shown,
    "{client_port}": String(port),
    "{daemon_name}": listener,
    ...server.transport === "tcp" && {
      "{daemon_addr}": server.host,
      "{daemon_port}": String(server.port),
      "{if_addr}": server.host,
    },
    ...tls !== undefined && {
      "{tls_version}": tls.version,
      "{cipher}": tls.cipher,
      "{verify}": tls.peer === undefined ? "NO" : tls.peer.verified ? "OK" : "FAIL",
      ...tls.peer !== undefined && {
        "{cert_subject}": tls.peer.subject,
        "{cert_issuer}": tls.peer.issuer,
      },
    },
  };
}

/**
 * Of MAIL.
 *
 * @param mechanism How the client has logged in.
 */
export function mailMacros(path: Path, login: string | undefined, mechanism: string): Macros {
  return {
    ...login !== undefined && { "{auth_type}": mechanism, "{auth_authen}": login },
    ...addressMacros("mail", path),
  };
}

/** Of RCPT, and of all that follows it. */
export function rcptMacros(path: Path, transaction: string): Macros {
  return { i: transaction, ...addressMacros("rcpt", path) };
}

function addressMacros(command: "mail" | "rcpt", path: Path): Macros {
  return {
    [`{${command}_addr}`]: path.address,
    [`{${command}_host}`]: path.domain,
    [`{${command}_mailer}`]: "smtp",
  };
}

/** Those that are told at a moment, of those that are known. */
export function macrosAt(
  stage: MacroStage,
  wanted: readonly string[] | undefined,
  known: Macros,
): readonly (readonly [name: string, value: string])[] {
  return (wanted ?? USUAL[stage])
    .filter((name) => Object.hasOwn(known, name))
    .map((name) => [name, known[name]]);
}
