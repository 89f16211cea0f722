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
import { type Soon, when } from "../soon.ts";
import type { Session } from "./session.ts";
import { Transforming } from "./transforming.ts";
import type { Transaction } from "./transaction.ts";
import type { DataForm, Opened, UpstreamLink } from "./upstream.ts";

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
export function openMessage(
  session: Session,
  transaction: Transaction,
  wish: DataForm,
): Soon<Opening | Reply> {
  return when(session.rule("data", transaction.facts), ({ refusal, discard, cut }) => {
    if (refusal !== undefined) return refusal;
    const { link, current } = transaction;
    const opened = discard || link === undefined || current.recipients.length === 0
      ? discarding(session, transaction, wish)
      : receiverAt(link, session, transaction, wish);
    return cut === undefined ? opened : when(opened, (opened) => {
      if (opened instanceof Reply) return opened;
      return { ...opened, receiver: new Cutting(opened.receiver, cut) };
    });
  });
}

async function discarding(
  session: Session,
  transaction: Transaction,
  form: DataForm,
): Promise<Opening> {
  await session.resetUpstream(transaction);
  return { receiver: new Discarding(session, transaction), form };
}

function receiverAt(
  link: UpstreamLink,
  session: Session,
  transaction: Transaction,
  wish: DataForm,
): Soon<Opening | Reply> {
  const { judge } = session;
  const { current: { parameters } } = transaction;
  const looked = judge.asks("headers") || judge.asks("filter") || judge.asks("content") ||
    judge.seals === true;
  const transforms = judge.transforms?.(transaction.facts) ?? [];
  const form = looked || transforms.length > 0 ? "content" : wish;
  const begin = (opened: Opened): Opening | Reply => {
    if (opened instanceof Reply) return opened;
    const { reply } = opened;
    const body = transforms.length === 0 ? opened.body : new Transforming(opened.body, {
      transforms,
      binary: parameters.body === "BINARYMIME",
      clock: session.settings.clock,
      patience: session.settings.filterPatience,
      failed: (error) => session.mishap(error),
    });
    const delivery = new Delivery(session, transaction, body);
    const receiver = looked ? new Inspecting(delivery) : new Relaying(delivery);
    return { receiver, form: body.form, reply };
  };
  try {
    const opened = link.data(form, parameters);
    if (!(opened instanceof Promise)) return begin(opened);
    return opened.then(begin).catch((error) => session.failure(error));
  } catch (error) {
    return session.failure(error);
  }
}
