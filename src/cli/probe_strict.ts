/**
 * How strict a server is about the end of mail data and about STARTTLS. Sends test mail, of which a
 * good server accepts none.
 *
 * @module
 */

import { encode } from "../bytes.ts";
import { ChannelError } from "../channel.ts";
import type { Path } from "../rfc5321/path.ts";
import type { Reply } from "../rfc5321/reply.ts";
import { UpstreamFailure } from "../session/upstream.ts";
import { connect, type ConnectOptions } from "../upstream/smtp/connect.ts";
import { Dialogue } from "../upstream/smtp/dialogue.ts";
import type { SmtpLink } from "../upstream/smtp/link.ts";
import { waitFor } from "../upstream/smtp/timeouts.ts";
import type { Finding } from "./probe_finding.ts";

/** What a strict probe needs besides the server. */
export interface StrictOptions {
  readonly connect: ConnectOptions;
  readonly from: Path;
  readonly to: Path;
  /** Milliseconds after which a reply that must not come has not come. */
  readonly wait: number;
  /** Stands in every test message: letters, digits and hyphens. */
  readonly token: string;
  /** Whether a message with that text has been delivered; absent where nobody can tell. */
  readonly delivered?: (text: string) => Promise<boolean>;
}

/**
 * What is no end of mail data, though some servers took it for one (CVE-2023-51764, -51765, -51766
 * and their kin): RFC 5321 §4.1.1.4 knows CRLF.CRLF alone.
 */
export const falseEnds: readonly (readonly [name: string, octets: string])[] = [
  ["LF.LF", "\n.\n"],
  ["LF.CRLF", "\n.\r\n"],
  ["CRLF.LF", "\r\n.\n"],
  ["CR.CR", "\r.\r"],
  ["CR.CRLF", "\r.\r\n"],
  ["CRLF.CR", "\r\n.\r"],
  ["CR.LF", "\r.\n"],
  ["LF.CR", "\n.\r"],
  ["CRLF.CRCRLF", "\r\n.\r\r\n"],
  ["CRLF NUL.CRLF", "\r\n\0.\r\n"],
  ["CRLF.NUL CRLF", "\r\n.\0\r\n"],
];

/** Tries everything, each in a connection of its own, one after the other. */
export async function* strictFindings(options: StrictOptions): AsyncGenerator<Finding> {
  for (const [name, octets] of falseEnds) {
    yield await attempt(`data ended by ${name}`, () => falseEnd(options, name, octets));
  }
  yield await attempt("data ended by closing", () => halfMessage(options));
  const { mode } = options.connect.tls;
  if (mode === "none" || mode === "implicit") return;
  yield await attempt("plaintext behind STARTTLS", () => injection(options.connect));
}

type Outcome = Omit<Finding, "subject">;

/** A server that hangs up or refuses in the middle of it ends one attempt, not the probe. */
async function attempt(subject: string, run: () => Promise<Outcome>): Promise<Finding> {
  try {
    return { subject, ...await run() };
  } catch (error) {
    if (!(error instanceof UpstreamFailure || error instanceof ChannelError)) throw error;
    return { subject, status: "unknown", seen: error.message };
  }
}

async function falseEnd(options: StrictOptions, name: string, octets: string): Promise<Outcome> {
  const link = await connectTo(options.connect);
  try {
    const refusal = await openData(link, options);
    if (refusal !== undefined) return refusal;
    const { dialogue } = link;
    // One for the message, one for the command that follows, should the server see an end.
    const replies = [1, 2].map(() => dialogue.expect(unwanted(options)));
    dialogue.write(encode(`${testMessage(options, name)}${octets}NOOP\r\n`)).catch(() => {});
    const [message, command] = await Promise.allSettled(replies);
    if (message.status === "rejected") return unanswered(message.reason, options.wait);
    const { value } = message;
    if (value.positive) return { status: "WEAK", seen: `accepted: ${shown(value)}` };
    return command.status === "rejected" ? { status: "ok", seen: `refused: ${shown(value)}` } : {
      status: "WEAK",
      seen: `refused: ${shown(value)}; what follows is a command: ${shown(command.value)}`,
    };
  } finally {
    await hangUp(link);
  }
}

async function halfMessage(options: StrictOptions): Promise<Outcome> {
  const name = "closing";
  const link = await connectTo(options.connect);
  try {
    const refusal = await openData(link, options);
    if (refusal !== undefined) return refusal;
    const { dialogue } = link;
    const answer = dialogue.expect(unwanted(options)).catch((error: unknown) => error);
    await dialogue.write(encode(`${testMessage(options, name)}\r\n`));
    await dialogue.channel.closeWrite();
    const reply = await answer;
    if (reply instanceof Error) return await unseen(options, name);
    return (reply as Reply).positive
      ? { status: "WEAK", seen: `accepted half a message: ${shown(reply as Reply)}` }
      : { status: "ok", seen: `refused: ${shown(reply as Reply)}` };
  } finally {
    await hangUp(link);
  }
}

/** Nothing was said about half a message; only a look into the mailbox tells what became of it. */
async function unseen(options: StrictOptions, name: string): Promise<Outcome> {
  const { delivered, wait, connect: { clock } } = options;
  if (delivered === undefined) {
    return { status: "unknown", seen: "closed without a reply; --maildir could tell more" };
  }
  await new Promise<void>((resolve) => void clock.after(wait, resolve));
  return await delivered(mark(options, name))
    ? { status: "WEAK", seen: "delivered half a message" }
    : { status: "ok", seen: "closed without a reply, and nothing was delivered" };
}

/** CVE-2011-0411: a command that came in the clear is obeyed under TLS. */
async function injection(options: ConnectOptions): Promise<Outcome> {
  const link = await connectTo({ ...options, tls: { mode: "none" } });
  const { dialogue } = link;
  try {
    if (!link.extensions.has("STARTTLS")) {
      return { status: "unknown", seen: "STARTTLS is not offered" };
    }
    const answer = dialogue.expect({ ...waitFor(options.timeouts, "greeting"), last: true });
    await dialogue.write(encode("STARTTLS\r\nNOOP\r\n"));
    const reply = await answer;
    await dialogue.done;
    if (reply.code !== 220) return { status: "ok", seen: `refused: ${shown(reply)}` };
    if (dialogue.dropped > 0) {
      return {
        status: "WEAK",
        seen: `${dialogue.dropped} octets in the clear behind ${shown(reply)}`,
      };
    }
    return await underTls(options, dialogue);
  } finally {
    await hangUp(link);
  }
}

/** Whether the replies are those to what is said now, or one of them answers what came before. */
async function underTls(options: ConnectOptions, { channel }: Dialogue): Promise<Outcome> {
  const { target, clock, timeouts, tlsClient } = options;
  const abort = new AbortController();
  const timer = clock.after(timeouts.connect, () => abort.abort());
  const secure = await tlsClient!.connect(channel, {
    serverName: target.transport === "tcp" ? target.host : "",
    verify: { kind: "none" },
  }, abort.signal).finally(() => timer.cancel());
  const dialogue = new Dialogue(secure, clock, timeouts.dataBlock, options.observer);
  try {
    const wait = waitFor(timeouts, "greeting");
    // The second reply is awaited from the start: one that was not asked for may come early.
    const replies = [dialogue.send("NOOP", wait), dialogue.expect(wait)];
    const answered = Promise.all(replies);
    replies[0].then(() => dialogue.write(encode("QUIT\r\n"))).catch(() => {});
    const codes = (await answered).map(({ code }) => code);
    return codes[1] === 221 ? { status: "ok", seen: "discarded" } : {
      status: "WEAK",
      seen: `obeyed under TLS: NOOP, QUIT were answered by ${codes.join(", ")}`,
    };
  } finally {
    dialogue.fail(new UpstreamFailure("aborted", "The probe is over"));
    await dialogue.done;
  }
}

function connectTo(options: ConnectOptions): Promise<SmtpLink> {
  return connect(options, undefined, new AbortController().signal);
}

/** Whatever is open is broken off: the server must not see an end. */
async function hangUp(link: SmtpLink): Promise<void> {
  link.abort();
  await link.dialogue.done;
}

/** @returns Why the server could not be asked for mail data, if so. */
async function openData(
  { dialogue, options: { timeouts } }: SmtpLink,
  { from, to }: StrictOptions,
): Promise<Outcome | undefined> {
  const commands = [
    [`MAIL FROM:${from}`, "mail", 250],
    [`RCPT TO:${to}`, "rcpt", 250],
    ["DATA", "dataInitiation", 354],
  ] as const;
  for (const [line, wait, wanted] of commands) {
    const reply = await dialogue.send(line, waitFor(timeouts, wait));
    if (reply.code !== wanted) return { status: "unknown", seen: `${line}: ${shown(reply)}` };
  }
  return undefined;
}

/** A whole message without the end of its last line. */
function testMessage(options: StrictOptions, name: string): string {
  return [
    `From: ${options.from}`,
    `To: ${options.to}`,
    `Subject: Test of the mail server (${mark(options, name)})`,
    "",
    "The client did not complete this message. A server that delivers it is in error.",
  ].join("\r\n");
}

/** Tells the message of one attempt from all others. */
function mark({ token }: StrictOptions, name: string): string {
  return `${token} ${name}`;
}

function unwanted({ wait }: StrictOptions): { milliseconds: number; waitedFor: string } {
  return { milliseconds: wait, waitedFor: "a reply that should not come" };
}

function unanswered(reason: unknown, wait: number): Outcome {
  if (!(reason instanceof UpstreamFailure)) throw reason;
  switch (reason.kind) {
    case "timeout":
      return { status: "ok", seen: `no reply within ${wait / 1000} s` };
    case "lost":
      return { status: "ok", seen: "closed without a reply" };
    default:
      return { status: "unknown", seen: reason.message };
  }
}

function shown({ code, text }: Reply): string {
  return `${code} ${text}`;
}
