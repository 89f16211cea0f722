/**
 * One mail transaction with the proxy, as its SMTP client over a channel in memory: what comes by
 * HTTP meets the same session, policy, limits and observers as all other mail.
 *
 * @module
 */

import { memoryPair } from "../adapters/memory.ts";
import type { Address, Channel } from "../channel.ts";
import type { ListenerOptions } from "../options.ts";
import type { Proxy } from "../proxy.ts";
import type { MailParameters } from "../rfc5321/parameter.ts";
import { Reply } from "../rfc5321/reply.ts";
import { replyTexts } from "../session/replies.ts";
import { type Origin, type UpstreamBody, UpstreamFailure } from "../session/upstream.ts";
import { connect } from "../upstream/smtp/connect.ts";
import type { SmtpLink } from "../upstream/smtp/link.ts";
import { resolveUpstreamOptions } from "../upstream/smtp/options.ts";
import { defaultTimeouts, type UpstreamTimeouts } from "../upstream/smtp/timeouts.ts";
import type { Submission } from "./submission.ts";

/** Who hands in a message. */
export interface Submitter {
  /** IP address, `""` if it is not known. */
  readonly address: string;
  /** What the session is told of where it comes from. */
  readonly listener: ListenerOptions;
}

/**
 * Each wait, in milliseconds. The session bounds its own; these have only to be longer than what it
 * may take to answer, an upstream that waits ten minutes for its own disk among that.
 */
const PATIENCE = 1_800_000;
const timeouts: Partial<UpstreamTimeouts> = Object.fromEntries(
  Object.keys(defaultTimeouts).filter((wait) => wait !== "quit").map((wait) => [wait, PATIENCE]),
);

/** For XFORWARD, which this client never says. */
const ORIGIN: Origin = {
  id: "gateway",
  client: { address: "", port: 0, hello: "", extended: true, trusted: false },
};

/** What a recipient is told where the session has ended without a word. */
const LOST = Reply.parse(replyTexts.temporary);

/**
 * Sends a message through a proxy.
 *
 * @returns The last word for each recipient.
 * @throws What the message throws; the upstream never sees an end of mail data then.
 */
export async function relay(
  proxy: Proxy,
  submitter: Submitter,
  submission: Submission,
): Promise<Reply[]> {
  const toAll = (reply: Reply): Reply[] => submission.envelope.recipients.map(() => reply);
  let link: SmtpLink;
  try {
    link = await open(proxy, submitter);
  } catch (error) {
    return toAll(replyOf(error));
  }
  try {
    return await submit(link, submission, toAll);
  } catch (error) {
    link.abort();
    throw error;
  } finally {
    await link.quit();
  }
}

function open(proxy: Proxy, { address, listener }: Submitter): Promise<SmtpLink> {
  const dialer = {
    connect(): Promise<Channel> {
      const [client, server] = memoryPair({ addresses: addressesOf(address) });
      // Its owner is the proxy: `close` waits for it, and it never rejects.
      void proxy.handle(server, listener);
      return Promise.resolve(client);
    },
  };
  const options = resolveUpstreamOptions({
    target: { transport: "unix", path: "proxy" },
    dialer,
    clock: proxy.clock,
    timeouts,
    // By BDAT a message needs neither a last line end nor its dots doubled.
    chunking: "always",
    keepSourceRoutes: true,
  });
  return connect(options, undefined, new AbortController().signal);
}

/** Our end stands where the HTTP client is. */
function addressesOf(address: string): [Address, Address] {
  const client: Address = address === ""
    ? { transport: "memory", name: "client" }
    : { transport: "tcp", host: address, port: 0 };
  return [client, { transport: "memory", name: "gateway" }];
}

async function submit(
  link: SmtpLink,
  { envelope, size, message }: Submission,
  toAll: (reply: Reply) => Reply[],
): Promise<Reply[]> {
  const parameters = declared(envelope.parameters, size, link);
  const [answer, ...answers] = await Promise.all([
    link.mail(envelope.reversePath, parameters, ORIGIN).catch(replyOf),
    ...envelope.recipients.map((one) => link.rcpt(one.forwardPath, one.parameters).catch(replyOf)),
  ]);
  if (!answer.positive) return toAll(answer);
  if (!answers.some((reply) => reply.positive)) return answers;
  const opened = await Promise.resolve(link.data("content", parameters)).catch(replyOf);
  const last = opened instanceof Reply ? opened : await transfer(opened.body, message);
  return answers.map((reply) => reply.positive ? last : reply);
}

/**
 * What is known of the message before it comes: its size (RFC 1870 §6), and that any octet may be in
 * it (RFC 6152 §3), since nobody has looked.
 */
function declared(
  given: MailParameters,
  size: number | undefined,
  { extensions }: SmtpLink,
): MailParameters {
  const body = extensions.has("8BITMIME") ? { body: "8BITMIME" } as const : {};
  return { ...size === undefined ? {} : { size }, ...body, ...given };
}

async function transfer(body: UpstreamBody, message: AsyncIterable<Uint8Array>): Promise<Reply> {
  for await (const octets of message) {
    try {
      await body.write(octets);
    } catch (error) {
      return replyOf(error);
    }
    if (body.refusal !== undefined) {
      const { refusal } = body;
      await body.cancel();
      return refusal;
    }
  }
  return await body.finish().catch(replyOf);
}

/** The session's last word, as far as it had one. */
function replyOf(error: unknown): Reply {
  if (!(error instanceof UpstreamFailure)) throw error;
  return error.reply ?? LOST;
}
