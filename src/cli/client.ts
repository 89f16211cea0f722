/**
 * What the commands share that speak to a server as its client: `send` and `probe`.
 *
 * @module
 */

import { OptionError } from "../errors.ts";
import { Path } from "../rfc5321/path.ts";
import type { ConnectOptions } from "../upstream/smtp/connect.ts";
import type { DialogueObserver } from "../upstream/smtp/dialogue.ts";
import { parseUpstreamUrl } from "../upstream/url.ts";
import { parseDuration } from "./address.ts";
import type { Given, OptionRow } from "./command_line.ts";
import { connectOptions } from "./upstream.ts";

/** Rows that both tables have. */
export const clientRows = {
  "hostname": {
    argument: "name",
    help: "Our name in EHLO. Default: the address literal of our end.",
  },
  "timeout": {
    argument: "time",
    help: "Wait for each reply. Default as RFC 5321 §4.5.3.2.",
  },
  "verbose": { short: "v", help: "Show the dialogue, but no AUTH response and no mail data." },
  "help": { short: "h", help: "Show this." },
} as const satisfies Record<string, OptionRow>;

const SERVERS =
  "smtp://host:port, smtps://host:port, unix:/path or wss://host/path, with the parameters of " +
  "`sluice serve --upstream`";

/**
 * Everything that a connection to the server of that URL needs, under the options of
 * {@linkcode clientRows}.
 *
 * @param option Where the URL stood.
 * @throws {OptionError}
 */
export async function serverOptions(
  text: string,
  option: string,
  given: Given,
): Promise<ConnectOptions> {
  const url = parseUpstreamUrl(text, option);
  if (url.kind !== "smtp") throw new OptionError(option, text, SERVERS);
  const hostname = given.value("hostname") ?? "";
  // A server's answer to a name that is none may be what is being tested; a second line is not.
  if (!/^[!-~]*$/.test(hostname)) {
    throw new OptionError("--hostname", hostname, "printable ASCII without spaces");
  }
  const timeout = given.value("timeout");
  const options = await connectOptions(url, {
    hostname,
    timeout: timeout === undefined ? undefined : parseDuration(timeout, "--timeout"),
  }, option);
  return given.has("verbose") ? { ...options, observer: dialogueOn(console.error) } : options;
}

/** Reads a mailbox. @throws {OptionError} */
export function parseMailbox(text: string, option: string): Path {
  try {
    return Path.from(text);
  } catch {
    throw new OptionError(option, text, "a mailbox, as user@domain.example");
  }
}

/** Shows a dialogue line by line, as RFC 5321 appendix D does. */
function dialogueOn(write: (line: string) => void): DialogueObserver {
  return {
    sent: (line) => write(`C: ${line}`),
    received: (reply) => {
      for (const line of reply.toString().trimEnd().split("\r\n")) write(`S: ${line}`);
    },
  };
}
