/**
 * MAIL and RSET (RFC 5321 §4.1.1.2, §4.1.1.5).
 *
 * @module
 */

import type { MailParameters } from "../rfc5321/parameter.ts";
import { extensionsOf } from "../rfc5321/parameter.ts";
import type { Path } from "../rfc5321/path.ts";
import { Reply } from "../rfc5321/reply.ts";
import { mailParametersFor, unfitness } from "./carry.ts";
import { type Soon, when } from "../soon.ts";
import type { Handler } from "./handler.ts";
import type { ReplyName } from "./replies.ts";
import type { Session } from "./session.ts";
import { Transaction } from "./transaction.ts";
import { UpstreamFailure, type UpstreamLink } from "./upstream.ts";
import { DEFAULT_UPSTREAM } from "./upstreams.ts";

/** MAIL. */
export const mail: Handler<"MAIL"> = {
  obey(session, { reversePath, parameters }, next) {
    const id = `${session.id}-${++session.transactions}`;
    const envelope = { reversePath, parameters };
    const current = { ...envelope };
    const transaction = session.transaction = new Transaction(id, session.facts, envelope, current);
    session.settings.observer.transactionOpened(transaction.facts);
    const refuse = (reply: ReplyName | Reply): void => {
      session.answer("MAIL", transaction.refuse("mail", session.own(reply)));
      session.conclude(transaction.endWithout("broken"));
      session.state = "refused";
    };
    const objection = objectionTo(session, reversePath, parameters);
    if (objection !== undefined) return refuse(objection);
    const facts = { ...session.facts, reversePath, given: reversePath, parameters };
    return when(session.rule("mail", facts), (ruling) => {
      if (ruling.refusal !== undefined) return refuse(ruling.refusal);
      const [path = reversePath] = ruling.paths ?? [];
      if (!path.isAscii && parameters.smtputf8 !== true) return refuse("needsSmtpUtf8");
      transaction.current.reversePath = path;
      transaction.discarded = ruling.discard === true;
      transaction.route = ruling.upstream;
      const { settings: { eagerMail, upstreams }, upstreamPipelines } = session;
      // Where recipients decide which upstream it is, or can travel with it, MAIL waits for the first.
      transaction.mailWaited = (ruling.upstream === undefined && upstreams.several) ||
        (upstreamPipelines && !eagerMail);
      if (transaction.discarded || transaction.mailWaited) {
        session.state = next;
        return session.answer("MAIL", "senderOk");
      }
      const name = ruling.upstream ?? DEFAULT_UPSTREAM;
      return when(linkTo(session, name), (link) => {
        const unfit = link instanceof Reply ? link : open(session, transaction, name, link);
        if (unfit !== undefined) return refuse(unfit);
        session.state = next;
        session.answer("MAIL", transaction.mailReply!);
      });
    });
  },
};

/** RSET. */
export const rset: Handler<"RSET"> = {
  obey(session, _command, next) {
    return when(session.reset(), () => {
      session.state = next;
      session.answer("RSET", "reset");
    });
  },
};

/** A link to the upstream of that name, or what the client is told where there is none. */
export function linkTo(session: Session, name: string): Soon<UpstreamLink | Reply> {
  try {
    const link = session.acquire(name);
    return link instanceof Promise ? link.catch((error) => session.failure(error)) : link;
  } catch (error) {
    return session.failure(error);
  }
}

/**
 * Opens the transaction at an upstream; its reply to MAIL comes in `mailReply`. What is said to the
 * link in the same turn travels with MAIL.
 *
 * @returns Why that cannot be, as a reply.
 */
export function open(
  session: Session,
  transaction: Transaction,
  name: string,
  link: UpstreamLink,
): ReplyName | Reply | undefined {
  const { parameters, reversePath } = transaction.current;
  const unfit = unfitness(link, parameters);
  if (unfit !== undefined) return unfit;
  const { client, forwarded } = session;
  transaction.link = link;
  transaction.upstream = name;
  transaction.current.parameters = mailParametersFor(link, parameters, client.trusted);
  const origin = { id: transaction.id, client, forwarded, protocol: session.at.protocol };
  transaction.mailReply = mailReply(
    session,
    transaction,
    link.mail(reversePath, transaction.current.parameters, origin),
  );
  return undefined;
}

async function mailReply(
  session: Session,
  transaction: Transaction,
  coming: Promise<Reply>,
): Promise<Reply> {
  let reply: Reply;
  try {
    reply = await coming;
  } catch (error) {
    reply = error instanceof UpstreamFailure ? session.failure(error) : session.mishap(error);
  }
  if (reply.positive || session.transaction !== transaction) return reply;
  if (transaction.mailWaited) {
    // MAIL has been answered already: each recipient will be told instead.
    transaction.mailRefusal = reply;
    return reply;
  }
  transaction.refuse("mail", reply);
  session.conclude(transaction.endWithout("broken"));
  session.state = "refused";
  return reply;
}

function objectionTo(
  session: Session,
  path: Path,
  parameters: MailParameters,
): ReplyName | undefined {
  const { settings, client, offered } = session;
  if (settings.tlsRequired && client.tls === undefined) return "tlsRequired";
  if (settings.auth === "require" && client.login === undefined && !client.trusted) {
    return "authRequired";
  }
  // A parameter is accepted only if EHLO offered its extension (RFC 5321 §4.1.1.11).
  if (extensionsOf(parameters).some((extension) => !offered.has(extension))) {
    return "unknownParameter";
  }
  if (!path.isAscii && parameters.smtputf8 !== true) return "needsSmtpUtf8";
  // RFC 1870 §6.1
  if (parameters.size !== undefined && parameters.size > (offered.size ?? Infinity)) {
    return "tooBig";
  }
  return undefined;
}
