/**
 * Asks one name server, over TCP (RFC 7766) or over HTTPS (RFC 8484): with nothing but the connections
 * that a runtime can open, and with the server's own word on why there are no records.
 *
 * @module
 */

import type { Channel, Dialer, SocketTarget } from "../channel.ts";
import { type Clock, systemClock, within } from "../clock.ts";
import { concat } from "../bytes.ts";
import type { RecordResolver } from "./records.ts";
import { decodeReply, encodeQuestion, ReplyError } from "./wire.ts";

/** Octets of a reply; over TCP there cannot be more. */
const MAX_REPLY = 65_535;

/** What a client of a name server is told. */
export interface NameClientOptions {
  /** Milliseconds for one question. @default 5000 */
  readonly timeLimit?: number;
  /** Times the questions. @default The runtime's clock. */
  readonly clock?: Clock;
}

/** Carries one question to a name server. */
type Exchange = (question: Uint8Array, signal: AbortSignal) => Promise<Uint8Array>;

/**
 * A resolver that asks over TCP, with a connection for each question.
 *
 * @param server A name server that asks others, as one on the same host does.
 */
export function nameClient(
  dialer: Dialer,
  server: SocketTarget,
  options: NameClientOptions = {},
): RecordResolver {
  return resolverOver(async (question, signal) => {
    const channel = await dialer.connect(server, signal);
    const close = (): void => channel.close();
    signal.addEventListener("abort", close);
    try {
      // It may have come while the connection came about.
      signal.throwIfAborted();
      const { length } = question;
      await channel.write(Uint8Array.of(length >>> 8, length & 0xff, ...question));
      return await readReply(channel);
    } finally {
      signal.removeEventListener("abort", close);
      close();
    }
  }, options);
}

/** RFC 1035 §4.2.2: the length goes before it. */
async function readReply(channel: Channel): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let has = 0;
  for (let wanted = PREFIX; has < wanted;) {
    const octets = await channel.read();
    if (octets === undefined) throw new ReplyError("the end of the connection");
    pieces.push(octets.slice());
    has += octets.length;
    if (wanted > PREFIX || has < PREFIX) continue;
    const [high, low] = concat(pieces);
    wanted += high << 8 | low;
  }
  return concat(pieces).subarray(PREFIX);
}

/** Octets of the length. */
const PREFIX = 2;

/**
 * A resolver that asks over HTTPS.
 *
 * @param url `https://dns.example/dns-query`
 * @param fetch Sends the requests. Default: the runtime's.
 */
export function httpsNameClient(
  url: string,
  options: NameClientOptions = {},
  fetch: typeof globalThis.fetch = globalThis.fetch,
): RecordResolver {
  const headers = { "content-type": MESSAGE, accept: MESSAGE };
  return resolverOver(async (question, signal) => {
    const body = question as Uint8Array<ArrayBuffer>;
    const response = await fetch(url, {
      method: "POST",
      headers,
      body,
      signal,
      redirect: "manual",
    });
    if (!response.ok) {
      await response.body?.cancel();
      throw new ReplyError(`status ${response.status}`);
    }
    const pieces: Uint8Array[] = [];
    let has = 0;
    for await (const piece of response.body ?? []) {
      has += piece.length;
      if (has > MAX_REPLY) throw new ReplyError(`more than ${MAX_REPLY} octets`);
      pieces.push(piece);
    }
    return concat(pieces);
  }, options);
}

/** RFC 8484 §6 */
const MESSAGE = "application/dns-message";

function resolverOver(
  exchange: Exchange,
  { timeLimit = 5_000, clock = systemClock }: NameClientOptions,
): RecordResolver {
  return {
    async records(name, type, signal) {
      const [id] = crypto.getRandomValues(new Uint16Array(1));
      const question = encodeQuestion(id, name, type);
      const over = new AbortController();
      const both = AbortSignal.any([signal, over.signal]);
      both.throwIfAborted();
      try {
        const answer = exchange(question, both);
        const reply = await within(clock, timeLimit, `the records of ${name}`, answer);
        return decodeReply(reply, id, name, type);
      } finally {
        over.abort();
      }
    },
  };
}
