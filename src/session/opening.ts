/**
 * The beginning of mail data, for DATA and for the first BDAT: the policy has its say, the upstream is
 * asked, and somebody is found to receive the message.
 *
 * @module
 */

import { Reply } from "../rfc5321/reply.ts";
import { Delivery } from "./delivery.ts";
import { Inspecting } from "./inspecting.ts";
import { Cutting, Discarding, type Receiver } from "./message.ts";
import { Relaying } from "./relaying.ts";
import type { Session } from "./session.ts";
import { Transforming } from "./transforming.ts";
import type { Transaction } from "./transaction.ts";
import type { DataForm } from "./upstream.ts";

/** Who receives a message, and how. */
export interface Opening {
  /** Where the octets go. */
  readonly receiver: Receiver;
  /** The form in which it wants them. */
  readonly form: DataForm;
  /** The upstream's 354, if its dialogue has one. */
  readonly reply?: Reply;
}

/**
 * Opens the mail data.
 *
 * @param wish The form in which they come.
 * @returns The refusal, where there is one.
 */
export async function openMessage(
  session: Session,
  transaction: Transaction,
  wish: DataForm,
): Promise<Opening | Reply> {
  const ruling = await session.rule("data", transaction.facts);
  if (ruling.refusal !== undefined) return ruling.refusal;
  const opened = await receiverFor(session, transaction, wish, ruling.discard === true);
  if (opened instanceof Reply || ruling.cut === undefined) return opened;
  return { ...opened, receiver: new Cutting(opened.receiver, ruling.cut) };
}

async function receiverFor(
  session: Session,
  transaction: Transaction,
  wish: DataForm,
  discard: boolean,
): Promise<Opening | Reply> {
  const { link, current } = transaction;
  if (discard || link === undefined || current.recipients.length === 0) {
    await session.resetUpstream(transaction);
    return { receiver: new Discarding(session, transaction), form: wish };
  }
  const { judge } = session;
  const looked = judge.asks("headers") || judge.asks("filter") || judge.asks("content") ||
    judge.seals === true;
  const transforms = judge.transforms?.(transaction.facts) ?? [];
  const form = looked || transforms.length > 0 ? "content" : wish;
  try {
    const opened = await link.data(form, current.parameters);
    if (opened instanceof Reply) return opened;
    const { reply } = opened;
    const body = transforms.length === 0 ? opened.body : new Transforming(opened.body, {
      transforms,
      binary: current.parameters.body === "BINARYMIME",
      clock: session.settings.clock,
      patience: session.settings.filterPatience,
      failed: (error) => session.mishap(error),
    });
    const delivery = new Delivery(session, transaction, body);
    const receiver = looked ? new Inspecting(delivery) : new Relaying(delivery);
    return { receiver, form: body.form, reply };
  } catch (error) {
    return session.failure(error);
  }
}
