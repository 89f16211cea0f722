/**
 * `sluice send`: hands one message to an SMTP server, as RFC 821's sender-SMTP.
 *
 * @module
 */

import type { MailParameters } from "../rfc5321/parameter.ts";
import { Reply } from "../rfc5321/reply.ts";
import { type Origin, type UpstreamBody, UpstreamFailure } from "../session/upstream.ts";
import { connect } from "../upstream/smtp/connect.ts";
import type { SmtpLink } from "../upstream/smtp/link.ts";
import { clientRows, serverOptions } from "./client.ts";
import type { CommandSpec, Given } from "./command_line.ts";
import { type Envelope, envelopeOf, mailParameters, requireExtensions } from "./send_envelope.ts";
import { type Credentials, credentialsOf, logIn } from "./send_login.ts";
import { Message } from "./send_message.ts";
import { Progress } from "./send_progress.ts";

/** See the module. */
export const send: CommandSpec = {
  name: "send",
  operands: "[file]",
  maxOperands: 1,
  summary: "Hands a message, a file or standard input, to a mail server.",
  options: {
    "server": {
      argument: "url",
      short: "s",
      help: "smtp://host:port, smtps://host:port, unix:/path or wss://host/path, with the " +
        "parameters of `serve --upstream`. Default smtp://127.0.0.1:2525.",
    },
    "from": {
      argument: "mailbox",
      short: "f",
      help: "The reverse-path; '' is the null reverse-path. Default: the address in From.",
    },
    "to": {
      argument: "mailbox",
      short: "t",
      repeatable: true,
      help: "A forward-path. Default: the addresses in To and Cc.",
    },
    "as-is": {
      help:
        "Send the octets of the message untouched. Otherwise LF becomes CRLF, a CR by itself a " +
        "space, and the last line is ended.",
    },
    "body": {
      argument: "type",
      help: "Declare 7bit, 8bitmime or binarymime (which is sent as it is). Default: nothing.",
    },
    "smtputf8": { help: "Declare UTF-8 in addresses or header (RFC 6531)." },
    "notify": {
      argument: "when",
      help:
        "never, or some of success,failure,delay: when to send a status notification (RFC 3461).",
    },
    "ret": { argument: "what", help: "full or hdrs: what such a notification returns." },
    "envid": { argument: "text", help: "What such a notification calls the envelope." },
    "user": { argument: "name", help: "Log in by AUTH PLAIN or LOGIN; needs --password-file." },
    "password-file": { argument: "file", help: "Its first line is the password." },
    "insecure-auth": {
      help: "Log in also without TLS, or where the server's certificate is not verified.",
    },
    ...clientRows,
  },
  examples: [
    ["sluice send message.eml", "Sends a file to its own recipients by the proxy on port 2525."],
    [
      "printf 'Subject: Hello\\n\\nHello\\n' | sluice send --from '' --to user@example.org",
      "Sends standard input with the null reverse-path.",
    ],
    [
      "sluice send -s smtps://mail.example --user me --password-file .password message.eml",
      "Submits it with a login.",
    ],
  ],
  run,
};

async function run(given: Given): Promise<number> {
  const mail = mailParameters(given);
  const options = await serverOptions(
    given.value("server") ?? "smtp://127.0.0.1:2525",
    "--server",
    given,
  );
  const credentials = await credentialsOf(given);
  // RFC 3030 §3: newlines of BINARYMIME are data.
  const asIs = given.has("as-is") || mail.body === "BINARYMIME";
  using message = await Message.open(given.operands[0] ?? "-", asIs);
  const envelope = await envelopeOf(given, mail, message);
  const link = await connect(options, undefined, new AbortController().signal);
  try {
    return await submit(link, credentials, envelope, message);
  } finally {
    await link.quit();
  }
}

/** For XFORWARD, which a link of `send` never says. */
const ORIGIN: Origin = {
  id: "send",
  client: { address: "", port: 0, hello: "", extended: true, trusted: false },
};

async function submit(
  link: SmtpLink,
  credentials: Credentials | undefined,
  envelope: Envelope,
  message: Message,
): Promise<number> {
  if (credentials !== undefined) {
    const reply = await logIn(link, credentials);
    if (!reply.positive) return complain("AUTH", reply);
  }
  const { reversePath, recipients, rcpt } = envelope;
  const mail = withSize(envelope.mail, link, message);
  requireExtensions(link.extensions, mail, rcpt);
  const [answer, ...answers] = await Promise.all([
    link.mail(reversePath, mail, ORIGIN),
    ...recipients.map((path) => link.rcpt(path, rcpt)),
  ]);
  if (!answer.positive) return complain(`MAIL FROM:${reversePath}`, answer);
  const refused = answers.filter((reply) => !reply.positive).length;
  answers.forEach((reply, nth) => {
    if (!reply.positive) complain(`RCPT TO:${recipients[nth]}`, reply);
  });
  if (refused === recipients.length) return 1;
  const opened = await link.data("content", mail);
  if (opened instanceof Reply) return complain("DATA", opened);
  const accepted = recipients.filter((_, nth) => answers[nth].positive);
  // LMTP tells of each recipient by itself (RFC 2033 §4.2), SMTP of all of them.
  let told = false;
  const reply = await transfer(opened.body, message, (nth, one) => {
    if (one.positive) return;
    complain(`Mail data for ${accepted[nth]}`, one);
    told = true;
  });
  if (!reply.positive) return told ? 1 : complain("Mail data", reply);
  console.log(`${reply.code} ${reply.text}`);
  return refused === 0 ? 0 : 1;
}

/** One line about a refusal. @returns The exit status. */
function complain(about: string, reply: Reply): number {
  console.error(`sluice: ${about}: ${reply.code} ${reply.text}`);
  return 1;
}

/** RFC 1870 §6: the size is declared where it is known and the server wants to know. */
function withSize(
  mail: MailParameters,
  { extensions }: SmtpLink,
  { size }: Message,
): MailParameters {
  return size === undefined || !extensions.has("SIZE") ? mail : { size, ...mail };
}

async function transfer(
  body: UpstreamBody,
  message: Message,
  heard: (nth: number, reply: Reply) => void,
): Promise<Reply> {
  const progress = new Progress(message.size);
  try {
    for await (const octets of message.pieces()) {
      await body.write(octets);
      if (body.refusal !== undefined) break;
      progress.advance(octets.length);
    }
  } catch (error) {
    await body.cancel();
    throw error;
  } finally {
    progress.clear();
  }
  if (body.refusal !== undefined) {
    const { refusal } = body;
    await body.cancel();
    return refusal;
  }
  return await finish(body, heard);
}

/** RFC 5321 §6.1: without the reply to its end nobody knows who has the message. */
async function finish(
  body: UpstreamBody,
  heard: (nth: number, reply: Reply) => void,
): Promise<Reply> {
  try {
    return await body.finish(heard);
  } catch (error) {
    if (!(error instanceof UpstreamFailure)) throw error;
    const text = `Sent the message, but no reply came, so it may have been accepted or not: `;
    throw new Error(text + error.message, { cause: error });
  }
}
