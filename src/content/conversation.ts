/**
 * One message to a program behind a socket, and its answer. The message goes out as it comes; the
 * answer may come at any time, and then nothing more is said.
 *
 * @module
 */

import { type Channel, ChannelError, type Dialer, type Target } from "../channel.ts";
import type { Message } from "../message/message.ts";
import { OctetBuffer } from "../stages/octet_buffer.ts";

/** Wanted size of the read buffer in octets: answers are short. */
const READ_SIZE = 4_096;

/** Octets of a piece of the message, and of the length in front of it. */
const PIECE = 65_536;
const LENGTH = 4;

/** How a program is spoken to. */
export interface Protocol {
  /** What is said first. */
  readonly opening: Uint8Array;
  /** Whether each piece of the message stands behind its length, in four octets. @default false */
  readonly lengths?: boolean;
  /** What is said behind the message. @default our side ends */
  readonly closing?: Uint8Array;
  /** The octet behind the answer, which is not part of it. @default it ends with the connection */
  readonly until?: number;
  /** Octets of an answer. */
  readonly most: number;
}

/** Who is spoken to. */
export interface Partner {
  readonly dialer: Dialer;
  readonly target: Target;
}

/** How much of the message has gone out. */
interface Said {
  /** In octets. */
  readonly given: number;
  /** Whether that is all of it. */
  readonly complete: boolean;
}

/** What the program has said, and what it could have known by its first octet. */
export interface Answer extends Said {
  readonly octets: Uint8Array;
}

/**
 * Holds one conversation, on a connection of its own.
 *
 * @throws {ChannelError} If there is no connection, or it breaks before the answer.
 * @throws {RangeError} If the answer has no end, or too many octets.
 * @throws What the message's stream fails with, at once.
 */
export async function converse(
  { dialer, target }: Partner,
  message: Message,
  protocol: Protocol,
): Promise<Answer> {
  const { signal } = message;
  const channel = await dialer.connect(target, signal);
  const close = (): void => channel.close();
  signal.addEventListener("abort", close);
  if (signal.aborted) close();
  try {
    return await talk(channel, message, protocol);
  } finally {
    signal.removeEventListener("abort", close);
    close();
  }
}

async function talk(channel: Channel, message: Message, protocol: Protocol): Promise<Answer> {
  const reader = message.stream().getReader({ mode: "byob" });
  const said = { given: 0, complete: false };
  const telling = tell(channel, reader, protocol, said);
  const hearing = hear(channel, protocol, said);
  try {
    await Promise.race([hearing, telling.catch(unlessBroken)]);
    return await hearing;
  } finally {
    // What is cancelled looks like the end of the message, which nobody may hear of then.
    channel.close();
    await reader.cancel().catch(() => {});
  }
}

/** What somebody has said before he hung up says more than that he did. */
function unlessBroken(error: unknown): void {
  if (!(error instanceof ChannelError)) throw error;
}

async function tell(
  channel: Channel,
  reader: ReadableStreamBYOBReader,
  { opening, lengths = false, closing }: Protocol,
  said: { given: number; complete: boolean },
): Promise<void> {
  await channel.write(opening);
  for (let memory = new ArrayBuffer(LENGTH + PIECE);;) {
    const { done, value } = await reader.read(new Uint8Array(memory, LENGTH));
    if (done) break;
    memory = value.buffer;
    said.given += value.length;
    if (lengths) new DataView(memory).setUint32(0, value.length);
    const begin = lengths ? 0 : LENGTH;
    await channel.write(new Uint8Array(memory, begin, LENGTH - begin + value.length));
  }
  said.complete = true;
  await (closing === undefined ? channel.closeWrite() : channel.write(closing));
}

async function hear(
  channel: Channel,
  { until, most }: Protocol,
  said: Said,
): Promise<Answer> {
  const answer = new OctetBuffer();
  let known: Said | undefined;
  while (true) {
    const octets = await channel.read(READ_SIZE);
    known ??= { ...said };
    if (octets === undefined) {
      if (until === undefined) return { octets: answer.take(), ...known };
      throw new RangeError(`Cannot use an answer of ${answer.length} octets: it has no end`);
    }
    const end = until === undefined ? -1 : octets.indexOf(until);
    const part = end < 0 ? octets : octets.subarray(0, end);
    if (answer.length + part.length > most) {
      throw new RangeError(`Cannot use an answer of more than ${most} octets`);
    }
    answer.append(part);
    if (end >= 0) return { octets: answer.take(), ...known };
  }
}
