/**
 * The envelope that `sluice send` uses: from the command line, and where that leaves it open, from
 * the message's header.
 *
 * @module
 */

import { messageOf, OptionError } from "../errors.ts";
import type { Extensions } from "../rfc5321/extension.ts";
import { extensionsOf, type MailParameters, type RcptParameters } from "../rfc5321/parameter.ts";
import { mailTable, rcptTable } from "../rfc5321/parameter_table.ts";
import { Path } from "../rfc5321/path.ts";
import { encodeXtext } from "../rfc5321/xtext.ts";
import { parseMailbox } from "./client.ts";
import { type Given, UsageError } from "./command_line.ts";
import { addressesIn, fieldBodies } from "./send_header.ts";
import type { Message } from "./send_message.ts";

/** What the command line leaves open. */
interface Lacking {
  readonly what: string;
  readonly remedy: string;
}

const FROM: Lacking = {
  what: "reverse-path",
  remedy: "name it with --from, where '' is the null reverse-path",
};
const TO: Lacking = { what: "recipients", remedy: "name them with --to" };

/** What MAIL and RCPT say. */
export interface Envelope {
  readonly reversePath: Path;
  readonly mail: MailParameters;
  /** None twice; each gets the same parameters. */
  readonly recipients: readonly Path[];
  readonly rcpt: RcptParameters;
}

/** The parameters of MAIL that were given. @throws {OptionError} */
export function mailParameters(given: Given): MailParameters {
  const envid = given.value("envid");
  return {
    smtputf8: given.has("smtputf8") ? true : undefined,
    body: read("--body", given.value("body"), mailTable.body, "7bit, 8bitmime, binarymime"),
    ret: read("--ret", given.value("ret"), mailTable.ret, "full, hdrs"),
    envid: read(
      "--envid",
      envid && encodeXtext(envid),
      mailTable.envid,
      "printable ASCII that takes at most 100 octets as xtext",
    ),
  };
}

/**
 * The envelope.
 *
 * @param mail The parameters of MAIL.
 * @throws {OptionError}
 * @throws {UsageError} If neither the command line nor the header says enough.
 */
export async function envelopeOf(
  given: Given,
  mail: MailParameters,
  message: Message,
): Promise<Envelope> {
  const notify = read(
    "--notify",
    given.value("notify"),
    rcptTable.notify,
    "never, or a list of success, failure, delay",
  );
  const from = given.value("from");
  const to = given.values("to").map((text) => parseMailbox(text, "--to"));
  const header = from === undefined || to.length === 0 ? await message.header() : "";
  const reversePath = from === undefined
    ? author(inHeader(header, FROM, "From"))
    : from === ""
    ? Path.null
    : parseMailbox(from, "--from");
  const recipients = distinct(
    to.length > 0 ? to : addressees(inHeader(header, TO, "To", "Cc")),
  );
  const foreign = [reversePath, ...recipients].find((path) => !path.isAscii);
  if (foreign !== undefined && !mail.smtputf8) {
    throw new OptionError("--smtputf8", `nothing, and ${foreign}`, "only ASCII without it");
  }
  return { reversePath, mail, recipients, rcpt: { notify } };
}

/** @throws {Error} If the envelope needs what the server does not offer. */
export function requireExtensions(
  extensions: Extensions,
  mail: MailParameters,
  rcpt: RcptParameters,
): void {
  const needed = [...extensionsOf(mail), ...extensionsOf(rcpt)];
  // RFC 3030 §3
  if (mail.body === "BINARYMIME") needed.push("CHUNKING");
  const missing = needed.filter((keyword) => !extensions.has(keyword));
  if (missing.length > 0) {
    throw new Error(`Cannot send the message: the server does not offer ${missing.join(", ")}`);
  }
}

/** Reads a parameter by its own row. */
function read<V>(
  option: string,
  text: string | undefined,
  row: { parse(text: string): V | undefined },
  allowed: string,
): V | undefined {
  if (text === undefined) return undefined;
  const value = row.parse(text);
  if (value === undefined) throw new OptionError(option, text, allowed);
  return value;
}

/** The addresses in fields of the header, for what is lacking. @throws {UsageError} */
function inHeader(header: string | undefined, lacking: Lacking, ...names: string[]): Path[] {
  if (header === undefined) throw unnamed(lacking, "a header that is not UTF-8");
  const bodies = names.flatMap((name) => fieldBodies(header, name));
  try {
    return bodies.flatMap((body) => addressesIn(body));
  } catch (error) {
    throw unnamed(lacking, messageOf(error));
  }
}

function author(paths: readonly Path[]): Path {
  if (paths.length === 1) return paths[0];
  throw unnamed(FROM, `${paths.length} addresses in From`);
}

function addressees(paths: readonly Path[]): readonly Path[] {
  if (paths.length > 0) return paths;
  throw unnamed(TO, "no address in To or Cc");
}

function unnamed({ what, remedy }: Lacking, found: string): UsageError {
  return new UsageError(`send: Cannot tell the ${what} from the header: found ${found}; ${remedy}`);
}

function distinct(paths: readonly Path[]): Path[] {
  return paths.filter((path, nth) => paths.findIndex((other) => other.equals(path)) === nth);
}
