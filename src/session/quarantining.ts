/**
 * A message that is kept aside instead of going to the upstream; the client is told that it was
 * accepted. One that is larger than the window is copied while it flows, where the policy may come to
 * want that.
 *
 * @module
 */

import type { Reply } from "../rfc5321/reply.ts";
import type { Delivery } from "./delivery.ts";
import type { Receiver } from "./message.ts";
import type { MessageWriter } from "./message_store.ts";
import type { ReplyName } from "./replies.ts";
import type { Session } from "./session.ts";
import type { Transaction } from "./transaction.ts";
import { type UpstreamBody, UpstreamFailure } from "./upstream.ts";

/** The body of a message that is kept. */
export class KeptBody implements UpstreamBody {
  readonly form = "content";
  readonly refusal: undefined;

  private constructor(
    readonly session: Session,
    readonly transaction: Transaction,
    readonly writer: MessageWriter,
  ) {}

  /** @throws {UpstreamFailure} If there is nowhere to keep it. */
  static async open(session: Session, transaction: Transaction): Promise<KeptBody> {
    const { quarantine } = session.settings;
    if (quarantine === undefined) {
      throw new UpstreamFailure("lost", "Cannot quarantine the message: there is no store for it");
    }
    const writer = await kept(quarantine.open(transaction.current));
    return new KeptBody(session, transaction, writer);
  }

  write(octets: Uint8Array): Promise<void> {
    return kept(this.writer.write(octets));
  }

  async finish(): Promise<Reply> {
    this.transaction.kept = await kept(this.writer.commit());
    return this.session.settings.replies.ok;
  }

  cancel(): Promise<void> {
    return this.writer.discard();
  }
}

/** The body of a message that goes on, and of which a copy is made. */
export class CopiedBody implements UpstreamBody {
  readonly form = "content";

  /** @param body Takes content. */
  constructor(readonly body: UpstreamBody, readonly copy: KeptBody) {}

  get refusal(): Reply | undefined {
    return this.body.refusal;
  }

  async write(octets: Uint8Array): Promise<void> {
    await this.body.write(octets);
    await this.copy.write(octets);
  }

  async finish(heard?: (nth: number, reply: Reply) => void): Promise<Reply> {
    // Nobody needs it any more, whatever the upstream says.
    await this.copy.cancel();
    return await this.body.finish(heard);
  }

  keepAlive(): void {
    this.body.keepAlive?.();
  }

  async cancel(): Promise<void> {
    await Promise.all([this.body.cancel(), this.copy.cancel()]);
  }
}

/** Takes the rest of a message that is kept. */
export class Quarantining implements Receiver {
  readonly refusal: undefined;

  constructor(readonly delivery: Delivery) {}

  async take(octets: Uint8Array, total: number): Promise<Receiver> {
    const { delivery } = this;
    const objection = delivery.look(octets, total);
    if (objection !== undefined) return delivery.refuse(objection);
    try {
      await delivery.write(octets);
    } catch (error) {
      return delivery.refuse(delivery.session.failure(error));
    }
    return this;
  }

  finish(total: number, fault?: ReplyName): Promise<Reply> {
    const { delivery } = this;
    const { session, transaction } = delivery;
    transaction.octets = total;
    if (fault === undefined) return delivery.finish();
    return Promise.resolve(delivery.refuse(session.settings.replies[fault]).refusal);
  }

  cancel(): Promise<void> {
    return this.delivery.cancel();
  }
}

/** A full disk is to the client what a lost upstream is: 451. */
async function kept<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    throw new UpstreamFailure("lost", `Cannot quarantine the message: ${cause}`, { cause });
  }
}
