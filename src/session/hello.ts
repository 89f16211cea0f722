/**
 * HELO and EHLO (RFC 5321 §4.1.1.1), LHLO (RFC 2033 §4.1).
 *
 * @module
 */

import { Extensions } from "../rfc5321/extension.ts";
import { Reply } from "../rfc5321/reply.ts";
import { ehloReply, offer } from "./offer.ts";
import { failureReplies } from "./replies.ts";
import { type Soon, when } from "../soon.ts";
import type { Handler } from "./handler.ts";
import type { Session } from "./session.ts";
import type { UpstreamFailure, UpstreamOffer } from "./upstream.ts";

/** HELO: no extension at all. */
export const helo: Handler<"HELO"> = {
  obey(session, { name }, next) {
    if (session.at.protocol === "lmtp") return session.fault("HELO", "unknownCommand");
    return when(session.refusal("ehlo", { ...session.facts, name }), (refusal) => {
      if (refusal !== undefined) return session.answer("HELO", refusal);
      return when(begin(session, name, false), () => {
        session.offered = Extensions.none;
        session.state = next;
        session.answer("HELO", new Reply(250, session.hostname));
      });
    });
  },
};

/**
 * EHLO, or LHLO where LMTP is spoken: the honest offer. The other's is refused, so that two who mean
 * different protocols find out (RFC 2033 §4.1).
 */
export const ehlo: Handler<"EHLO" | "LHLO"> = {
  obey(session, { verb, name }, next) {
    const expected = session.at.protocol === "lmtp" ? "LHLO" : "EHLO";
    if (verb !== expected) return session.fault(verb, "unknownCommand");
    return when(session.refusal("ehlo", { ...session.facts, name }), async (refusal) => {
      if (refusal !== undefined) return session.answer(verb, refusal);
      const upstream = await upstreamOffer(session);
      const begun = begin(session, name, true);
      if (begun !== undefined) await begun;
      session.offered = offerTo(session, upstream);
      session.upstreamPipelines = upstream.extensions.has("PIPELINING");
      session.state = next;
      session.answer(verb, ehloReply(session.hostname, session.offered));
    });
  },
};

/** Whether this client is a listed peer that may speak for others. */
export function mayXclient(session: Session): boolean {
  return session.at.xclientFrom.has(session.peer);
}

/** The same for XFORWARD. */
export function mayXforward(session: Session): boolean {
  return session.at.xforwardFrom.has(session.peer);
}

/** Whether AUTH can be used in the session as it is now (RFC 4954 §4). */
export function authPossible(session: Session): boolean {
  const { auth, authWithoutTls } = session.settings;
  if (auth === "off" || session.client.login !== undefined) return false;
  return session.client.tls !== undefined || authWithoutTls;
}

/** RFC 5321 §4.1.4: a hello in mid-session has the effect of RSET. */
function begin(session: Session, name: string, extended: boolean): Soon<void> {
  return when(session.reset(), () => {
    const { client } = session;
    const renamed = client.hello !== name || client.extended !== extended;
    // An upstream may have been told the former name (XCLIENT). A login outlives EHLO (RFC 4954 §4),
    // and with it the connection that knows it.
    return when(renamed && !session.authenticated ? session.release() : undefined, () => {
      session.identify({ hello: name, extended });
      // From here on it is the client that speaks, and not the gateway that has named it: a gateway
      // that passes commands on must not lend out its right to XCLIENT.
      session.peer = session.client.address;
    });
  });
}

/**
 * RFC 5321 leaves a server that cannot say what it offers nothing better than 421: a poorer offer
 * would make the client bounce what the upstream would take.
 */
async function upstreamOffer(session: Session): Promise<UpstreamOffer> {
  try {
    return await session.settings.upstreams.offer();
  } catch (error) {
    session.failure(error);
    const { kind } = error as UpstreamFailure;
    throw session.dismissal(kind === "no-mail" ? failureReplies[kind] : "noUpstreamAtHello");
  }
}

function offerTo(session: Session, upstream: UpstreamOffer): Extensions {
  const { limits, tls } = session.settings;
  const secure = session.client.tls !== undefined;
  return offer(upstream, {
    maxSize: limits.messageSize,
    maxRecipients: limits.recipients,
    startTls: tls !== undefined && !secure,
    secure,
    auth: authPossible(session),
    xclient: mayXclient(session),
    xforward: mayXforward(session),
  });
}
