/**
 * A message that nobody looks at: its octets go on in the form and the memory in which they came.
 *
 * @module
 */

import { HeaderSection } from "../message/header_section.ts";
import type { Reply } from "../rfc5321/reply.ts";
import type { Delivery } from "./delivery.ts";
import type { Receiver } from "./message.ts";
import type { Soon } from "../soon.ts";
import type { ReplyName } from "./replies.ts";

/** What observers are shown of a header section that was not read. */
const UNREAD = new HeaderSection([]);

/** See the module. */
export class Relaying implements Receiver {
  readonly refusal: undefined;

  constructor(readonly delivery: Delivery) {}

  take(octets: Uint8Array, total: number, last: boolean = false): Soon<Receiver> {
    const { delivery } = this;
    const objection = delivery.look(octets, total);
    if (objection !== undefined) return delivery.refuse(objection);
    const lost = (error: unknown): Receiver => delivery.refuse(delivery.session.failure(error));
    const next = (): Receiver =>
      delivery.refusal === undefined ? this : delivery.refuse(delivery.refusal);
    try {
      const written = delivery.write(octets, last);
      return written === undefined ? next() : written.then(next, lost);
    } catch (error) {
      return lost(error);
    }
  }

  finish(total: number, fault?: ReplyName): Promise<Reply> {
    const { delivery } = this;
    const { session, transaction } = delivery;
    transaction.octets = total;
    if (fault !== undefined) {
      return Promise.resolve(delivery.refuse(session.settings.replies[fault]).refusal);
    }
    const { facts } = transaction;
    session.pass("headers", { ...facts, headers: UNREAD, complete: false });
    session.pass("content", { ...facts, headers: UNREAD, score: 0, editable: false });
    return delivery.finish();
  }

  cancel(): Promise<void> {
    return this.delivery.cancel();
  }
}
