/**
 * MAIL, RCPT and RSET (RFC 5321 §4.1.1.2, §4.1.1.3, §4.1.1.5).
 *
 * @module
 */

import { extensionsOf, type MailParameters, type RcptParameters } from "../rfc5321/parameter.ts";
import type { Path } from "../rfc5321/path.ts";
import type { Reply } from "../rfc5321/reply.ts";
import type { Recipient } from "./facts.ts";
import type { ReplyName } from "./replies.ts";
import type { Handler } from "./handler.ts";
import type { Session } from "./session.ts";
import { Transaction } from "./transaction.ts";
import type { UpstreamLink } from "./upstream.ts";

/** Extensions that Sluice does itself: the upstream need not have them for their parameters. */
const OWN = new Set(["SIZE", "AUTH"]);

/** MAIL. */
export const mail: Handler<"MAIL"> = {
  async obey(session, { reversePath, parameters }, next) {
    const refuse = (reply: ReplyName | Reply): void => {
      session.state = "refused";
      session.answer("MAIL", reply);
    };
    const objection = objectionToMail(session, reversePath, parameters);
    if (objection !== undefined) return refuse(objection);
    const refusal = await session.ask(
      "mail",
      { ...session.facts, reversePath, parameters },
    );
    if (refusal !== undefined) return refuse(refusal);
    let link: UpstreamLink;
    try {
      link = await session.acquire();
    } catch (error) {
      return refuse(session.failure(error));
    }
    const unfit = unfitness(link, parameters);
    if (unfit !== undefined) return refuse(unfit);

    const { client, forwarded } = session;
    const id = `${session.id}-${++session.transactions}`;
    const current = carriedOn(session, link, parameters);
    const transaction = new Transaction(id, session.facts, link, reversePath, {
      original: parameters,
      current,
    });
    session.transaction = transaction;
    session.state = next;
    const forget = (): void => {
      if (session.transaction !== transaction) return;
      session.transaction = undefined;
      session.state = "refused";
    };
    session.answer(
      "MAIL",
      link.mail(reversePath, current, { id, client, forwarded }).then(
        (reply) => {
          if (!reply.positive) forget();
          return reply;
        },
        (error) => {
          forget();
          return session.failure(error);
        },
      ),
    );
  },
};

/** RCPT. */
export const rcpt: Handler<"RCPT"> = {
  async obey(session, { forwardPath, parameters }, next) {
    const transaction = session.transaction!;
    const objection = objectionToRcpt(session, transaction, forwardPath, parameters);
    if (objection !== undefined) return session.answer("RCPT", objection);
    transaction.attempted++;
    const refusal = await session.ask(
      "rcpt",
      { ...transaction.facts, forwardPath, parameters },
    );
    if (refusal !== undefined) return session.answer("RCPT", refusal);
    const note = (reply: Reply): Reply => {
      const recipient: Recipient = { forwardPath, parameters, reply };
      transaction.original.recipients.push(recipient);
      if (reply.positive) {
        transaction.current.recipients.push(recipient);
        // MAIL may have been refused while this was on its way.
        if (session.transaction === transaction) session.state = next;
      }
      return reply;
    };
    session.answer(
      "RCPT",
      transaction.link.rcpt(forwardPath, parameters)
        .catch((error) => session.failure(error))
        .then(note),
    );
  },
};

/** RSET. */
export const rset: Handler<"RSET"> = {
  async obey(session, _command, next) {
    await session.reset();
    session.state = next;
    session.answer("RSET", "reset");
  },
};

/** A parameter is accepted only if EHLO offered its extension (RFC 5321 §4.1.1.11). */
function unoffered(session: Session, parameters: MailParameters | RcptParameters): boolean {
  return extensionsOf(parameters).some((extension) => !session.offered.has(extension));
}

function objectionToMail(
  session: Session,
  path: Path,
  parameters: MailParameters,
): ReplyName | undefined {
  const { settings, client, offered } = session;
  if (settings.tlsRequired && client.tls === undefined) return "tlsRequired";
  if (settings.auth === "require" && client.login === undefined && !client.trusted) {
    return "authRequired";
  }
  if (unoffered(session, parameters)) return "unknownParameter";
  if (!path.isAscii && parameters.smtputf8 !== true) return "needsSmtpUtf8";
  // RFC 1870 §6.1
  if (parameters.size !== undefined && parameters.size > (offered.size ?? Infinity)) {
    return "tooBig";
  }
  return undefined;
}

function objectionToRcpt(
  session: Session,
  transaction: Transaction,
  path: Path,
  parameters: RcptParameters,
): ReplyName | undefined {
  const most = Math.min(
    session.settings.limits.recipients,
    transaction.link.extensions.limit("RCPTMAX") ?? Infinity,
  );
  if (transaction.attempted >= most) return "tooManyRecipients";
  if (unoffered(session, parameters)) return "unknownParameter";
  if (missing(transaction.link, parameters)) return "offerChanged";
  if (!path.isAscii && transaction.original.parameters.smtputf8 !== true) return "needsSmtpUtf8";
  return undefined;
}

/** Whether a parameter needs an extension that only the upstream could do, and that it lacks. */
function missing(link: UpstreamLink, parameters: MailParameters | RcptParameters): boolean {
  return extensionsOf(parameters)
    .some((keyword) => !OWN.has(keyword) && !link.extensions.has(keyword));
}

/** What was offered from memory and this very upstream connection does not have. */
function unfitness(link: UpstreamLink, parameters: MailParameters): ReplyName | undefined {
  // RFC 8689 §4.2.1
  if (parameters.requireTls && link.tls?.peer?.verified !== true) return "requireTlsImpossible";
  if (missing(link, parameters)) return "offerChanged";
  // RFC 3030 §3: there is no other way to send it.
  if (parameters.body === "BINARYMIME" && !link.extensions.has("CHUNKING")) return "offerChanged";
  const size = link.extensions.size;
  if (parameters.size !== undefined && size !== undefined && parameters.size > size) {
    return "offerChanged";
  }
  return undefined;
}

/** The parameters as the upstream gets them. */
function carriedOn(
  session: Session,
  link: UpstreamLink,
  parameters: MailParameters,
): MailParameters {
  const { trusted } = session.client;
  const current = { ...parameters };
  if (!link.extensions.has("SIZE")) delete current.size;
  if (!link.extensions.has("AUTH")) delete current.auth;
  // RFC 4954 §5: who is not trusted to name the submitter names nobody.
  else if (current.auth !== undefined && !trusted) current.auth = "<>";
  // RFC 6710 §5: no precedence for whoever asks for it.
  if (current.mtPriority !== undefined && current.mtPriority > 0 && !trusted) {
    current.mtPriority = 0;
  }
  return current;
}
