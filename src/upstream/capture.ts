/**
 * The upstream that needs no MTA: it takes every message and keeps it, for trying things out and
 * for tests.
 *
 * @module
 */

import { concat, encode } from "../bytes.ts";
import { Extensions } from "../rfc5321/extension.ts";
import type { MailParameters, RcptParameters } from "../rfc5321/parameter.ts";
import type { Path } from "../rfc5321/path.ts";
import { Reply } from "../rfc5321/reply.ts";
import type { CapturedEnvelope, MessageStore, MessageWriter } from "../session/message_store.ts";
import {
  type OpenedBody,
  type Upstream,
  type UpstreamBody,
  UpstreamFailure,
  type UpstreamLink,
  type UpstreamOffer,
} from "../session/upstream.ts";

export type { CapturedEnvelope, MessageStore, MessageWriter } from "../session/message_store.ts";

/** A message in memory. */
export interface CapturedMessage extends CapturedEnvelope {
  /** The message octet for octet, the trace header that the proxy has put on top included. */
  readonly content: Uint8Array;
}

/** What a capture can take: all that Sluice carries. */
const offered: UpstreamOffer = {
  extensions: Extensions.of([
    ["8BITMIME"],
    ["SMTPUTF8"],
    ["DSN"],
    ["CHUNKING"],
    ["BINARYMIME"],
    ["SIZE"],
    ["MT-PRIORITY"],
    ["DELIVERBY"],
    ["FUTURERELEASE", ["3000000", "2035-01-01T00:00:00Z"]],
    ["RRVS"],
  ]),
  verified: false,
};

const OK = new Reply(250, "2.0.0 Ok");

/**
 * Keeps the last messages in memory.
 *
 * @example What is kept
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { MemoryStore } from "@sluice/sluice";
 * import { Path } from "@sluice/sluice/policy";
 *
 * const store = new MemoryStore(1);
 * for (const text of ["first", "second"]) {
 *   const writer = await store.open({ reversePath: Path.null, parameters: {}, recipients: [] });
 *   await writer.write(new TextEncoder().encode(text));
 *   await writer.commit();
 * }
 * assertEquals(store.messages.map(({ content }) => new TextDecoder().decode(content)), ["second"]);
 * ```
 */
export class MemoryStore implements MessageStore {
  /** Oldest first. */
  readonly messages: CapturedMessage[] = [];

  /**
   * Makes an empty store.
   *
   * @param limit Messages kept, of whatever size; beyond it the oldest goes.
   */
  constructor(readonly limit: number = 100) {}

  /** Begins a message; it is in `messages` once it is committed. Never rejects. */
  open(envelope: CapturedEnvelope): Promise<MessageWriter> {
    const pieces: Uint8Array[] = [];
    return Promise.resolve({
      write: (octets: Uint8Array): Promise<void> => {
        // The octets are the caller's, and only for this call.
        pieces.push(octets.slice());
        return Promise.resolve();
      },
      commit: (): Promise<string> => {
        this.messages.push({ ...envelope, content: concat(pieces) });
        if (this.messages.length > this.limit) this.messages.shift();
        return Promise.resolve("memory");
      },
      discard: () => Promise.resolve(),
    });
  }
}

/**
 * Accepts every message into a store. It offers all extensions that Sluice carries but AUTH and
 * REQUIRETLS, for which it has no accounts and no next hop.
 *
 * A store that fails is to the client what a lost upstream is: 451.
 *
 * @example A store that counts and forgets
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { CaptureUpstream, type MessageStore } from "@sluice/sluice";
 *
 * let octets = 0;
 * const counter: MessageStore = {
 *   open: () =>
 *     Promise.resolve({
 *       write: (piece) => Promise.resolve(void (octets += piece.length)),
 *       commit: () => Promise.resolve("nothing"),
 *       discard: () => Promise.resolve(),
 *     }),
 * };
 * const upstream = new CaptureUpstream("counter:", counter);
 * const { extensions } = await upstream.offer();
 * assertEquals(extensions.has("CHUNKING"), true);
 * assertEquals(extensions.has("AUTH"), false);
 * ```
 */
export class CaptureUpstream implements Upstream {
  /**
   * Makes an upstream of a store.
   *
   * @param name For logs: `capture:`.
   */
  constructor(readonly name: string, readonly store: MessageStore) {}

  /** The same at all times, and never `verified`. Never rejects. */
  offer(): Promise<UpstreamOffer> {
    return Promise.resolve(offered);
  }

  /** Gives a session its own draft of an envelope; there is nothing to connect to. */
  connect(): Promise<UpstreamLink> {
    return Promise.resolve(new CaptureLink(this.store));
  }

  /** Does nothing: the store is its owner's. */
  close(): Promise<void> {
    return Promise.resolve();
  }
}

interface Draft {
  readonly reversePath: Path;
  readonly parameters: MailParameters;
  readonly recipients: { readonly forwardPath: Path; readonly parameters: RcptParameters }[];
}

class CaptureLink implements UpstreamLink {
  readonly extensions = offered.extensions;
  readonly open = true;
  readonly usable = true;
  #draft: Draft | undefined;

  constructor(readonly store: MessageStore) {}

  mail(path: Path, parameters: MailParameters): Promise<Reply> {
    this.#draft = { reversePath: path, parameters, recipients: [] };
    return Promise.resolve(OK);
  }

  rcpt(path: Path, parameters: RcptParameters): Promise<Reply> {
    this.#draft?.recipients.push({ forwardPath: path, parameters });
    return Promise.resolve(OK);
  }

  async data(): Promise<OpenedBody | Reply> {
    const draft = this.#draft;
    this.#draft = undefined;
    if (draft === undefined) return new Reply(503, "5.5.1 Bad sequence of commands");
    return { body: new CaptureBody(await kept(this.store.open(draft))) };
  }

  reset(): Promise<Reply> {
    this.#draft = undefined;
    return Promise.resolve(OK);
  }

  authenticate(): Promise<Reply> {
    return Promise.resolve(new Reply(502, "5.5.1 Command not implemented"));
  }

  query(): Promise<Reply> {
    return Promise.resolve(new Reply(502, "5.5.1 Command not implemented"));
  }

  quit(): Promise<void> {
    return Promise.resolve();
  }

  abort(): void {}
}

class CaptureBody implements UpstreamBody {
  readonly form = "content";
  readonly refusal = undefined;

  constructor(readonly writer: MessageWriter) {}

  write(octets: Uint8Array): Promise<void> {
    return kept(this.writer.write(octets));
  }

  async finish(): Promise<Reply> {
    return new Reply(250, `2.0.0 Ok: kept as ${await kept(this.writer.commit())}`);
  }

  cancel(): Promise<void> {
    return this.writer.discard();
  }
}

/** A full disk is to the client what a lost upstream is: 451. */
async function kept<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    throw new UpstreamFailure("lost", `Cannot keep the message: ${cause}`, { cause });
  }
}

/** The fields that final delivery puts on top (RFC 5321 §4.4), so that a store keeps the envelope. */
export function deliveryFields(envelope: CapturedEnvelope): Uint8Array {
  const to = envelope.recipients.map(({ forwardPath }) =>
    `Delivered-To: ${forwardPath.address}\r\n`
  );
  return encode(`Return-Path: ${envelope.reversePath}\r\n${to.join("")}`);
}
