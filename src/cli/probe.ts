/**
 * `sluice probe`: what a mail server offers, and how strict it is.
 *
 * @module
 */

import { OptionError } from "../errors.ts";
import type { Path } from "../rfc5321/path.ts";
import type { ConnectOptions } from "../upstream/smtp/connect.ts";
import { parseDuration } from "./address.ts";
import { clientRows, parseMailbox, serverOptions } from "./client.ts";
import { type CommandSpec, type Given, UsageError } from "./command_line.ts";
import { exitStatusOf, type Finding, printFinding } from "./probe_finding.ts";
import { maildirSearch } from "./probe_maildir.ts";
import { offerFindings } from "./probe_offer.ts";
import { strictFindings, type StrictOptions } from "./probe_strict.ts";

/** Options that make sense with `--strict` only. */
const STRICT_ONLY = ["from", "to", "maildir", "wait"];

/** See the module. */
export const probe: CommandSpec = {
  name: "probe",
  operands: "url",
  maxOperands: 1,
  summary: "Tells what a mail server offers, and with --strict how strict it is.",
  options: {
    "json": { help: "Print one JSON object." },
    "strict": {
      help:
        "Try false ends of mail data, half a message, and commands behind STARTTLS. This sends " +
        "test mail, of which a good server accepts none; needs --from and --to.",
    },
    "from": { argument: "mailbox", help: "The reverse-path of test mail." },
    "to": { argument: "mailbox", help: "The forward-path of test mail." },
    "maildir": {
      argument: "directory",
      help: "Where mail to that mailbox arrives: look whether half a message does.",
    },
    "wait": {
      argument: "time",
      help: "How long a reply that must not come is waited for: longer than the server takes to " +
        "accept a message. Default 5s.",
    },
    ...clientRows,
  },
  examples: [
    [
      "sluice probe smtp://mail.example",
      "Greeting, EHLO before and after STARTTLS, certificate. The exit status is 3 after WEAK.",
    ],
    [
      "sluice probe --strict --from me@example.org --to test@example.org smtp://127.0.0.1:2525",
      "Whether the proxy ends mail data at CRLF.CRLF alone.",
    ],
  ],
  run,
};

async function run(given: Given): Promise<number> {
  const [url] = given.operands;
  if (url === undefined) {
    throw new UsageError("probe: found no operand, needed is the URL of a server");
  }
  const options = await serverOptions(url, "url", given);
  const strict = await strictOptions(given, options);
  const json = given.has("json");
  const findings: Finding[] = [];
  for await (const finding of findingsOf(options, strict)) {
    findings.push(finding);
    if (!json) console.log(printFinding(finding));
  }
  if (json) console.log(JSON.stringify({ server: url, findings }, null, 2));
  return exitStatusOf(findings);
}

async function* findingsOf(
  options: ConnectOptions,
  strict: StrictOptions | undefined,
): AsyncGenerator<Finding> {
  yield* offerFindings(options);
  if (strict !== undefined) yield* strictFindings(strict);
}

async function strictOptions(
  given: Given,
  connect: ConnectOptions,
): Promise<StrictOptions | undefined> {
  if (!given.has("strict")) {
    const useless = STRICT_ONLY.find((name) => given.has(name));
    if (useless === undefined) return undefined;
    throw new OptionError(`--${useless}`, given.value(useless), "only together with --strict");
  }
  const maildir = given.value("maildir");
  return {
    connect,
    from: needed(given, "from"),
    to: needed(given, "to"),
    wait: waitOf(given.value("wait") ?? "5s"),
    token: crypto.randomUUID(),
    ...(maildir === undefined ? {} : { delivered: await maildirSearch(maildir, "--maildir") }),
  };
}

/** Without any wait every server would pass. */
function waitOf(text: string): number {
  const wait = parseDuration(text, "--wait");
  if (wait === 0) throw new OptionError("--wait", text, "1s or more");
  return wait;
}

function needed(given: Given, name: string): Path {
  const text = given.value(name);
  if (text === undefined) throw new UsageError(`probe: --strict needs --${name}, a mailbox`);
  return parseMailbox(text, `--${name}`);
}
