/**
 * AUTH for `sluice send`: PLAIN (RFC 4616) and LOGIN, with the password from a file.
 *
 * @module
 */

import { encode } from "../bytes.ts";
import { OptionError } from "../errors.ts";
import type { Reply } from "../rfc5321/reply.ts";
import type { SmtpLink } from "../upstream/smtp/link.ts";
import { readFile } from "./address.ts";
import type { Given } from "./command_line.ts";

/** Who logs in. */
export interface Credentials {
  readonly user: string;
  readonly password: string;
  /** Also where anybody could read the password, or the server may be another one. */
  readonly insecure: boolean;
}

/** Reads `--user`, `--password-file` and `--insecure-auth`. @throws {OptionError} */
export async function credentialsOf(given: Given): Promise<Credentials | undefined> {
  const user = given.value("user");
  const file = given.value("password-file");
  if ((user === undefined) !== (file === undefined)) {
    const [has, lacks] = file === undefined
      ? ["--user", "--password-file"]
      : ["--password-file", "--user"];
    throw new OptionError(has, user ?? file, `only together with ${lacks}`);
  }
  if (user === undefined || file === undefined) return undefined;
  const [password] = (await readFile(file, "--password-file")).split(/\r?\n/, 1);
  // RFC 4616 §2: NUL separates the parts.
  if (user === "" || user.includes("\0")) throw new OptionError("--user", user, "a name");
  if (password === "" || password.includes("\0")) {
    throw new OptionError("--password-file", file, "a file with the password in its first line");
  }
  return { user, password, insecure: given.has("insecure-auth") };
}

/** The lines of each mechanism, the preferred one first. */
const mechanisms: Readonly<Record<string, (given: Credentials) => readonly string[]>> = {
  "PLAIN": ({ user, password }) => [`AUTH PLAIN ${base64(`\0${user}\0${password}`)}`],
  "LOGIN": ({ user, password }) => ["AUTH LOGIN", base64(user), base64(password)],
};

/**
 * Logs in.
 *
 * @returns The server's last reply.
 * @throws {Error} If that would give the password away, or no mechanism is common to both.
 */
export async function logIn(link: SmtpLink, credentials: Credentials): Promise<Reply> {
  const danger = dangerOf(link);
  if (danger !== undefined && !credentials.insecure) {
    throw new Error(`Cannot log in: ${danger}; --insecure-auth sends the password all the same`);
  }
  const offered = link.extensions.mechanisms;
  const name = Object.keys(mechanisms).find((known) => offered.includes(known));
  if (name === undefined) {
    const found = offered.length === 0 ? "no AUTH" : `AUTH ${offered.join(" ")}`;
    throw new Error(`Cannot log in: the server offers ${found}, known are PLAIN and LOGIN`);
  }
  let reply: Reply | undefined;
  for (const line of mechanisms[name](credentials)) {
    reply = await link.authenticate(line);
    if (!reply.intermediate) return reply;
  }
  // RFC 4954 §4: a server that asks for more than the mechanism has is left with "*".
  return await link.authenticate("*");
}

function dangerOf({ tls }: SmtpLink): string | undefined {
  if (tls === undefined) return "the connection is not under TLS";
  if (tls.peer?.verified === true) return undefined;
  return `the server's certificate is not verified (${tls.peer?.problem ?? "it has shown none"})`;
}

function base64(text: string): string {
  return encode(text).toBase64();
}
