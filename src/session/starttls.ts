/**
 * STARTTLS (RFC 3207).
 *
 * @module
 */

import type { Handler } from "./handler.ts";

/** See the module. */
export const starttls: Handler<"STARTTLS"> = {
  async obey(session, _command, next) {
    const { tls, observer } = session.settings;
    if (tls === undefined) return session.fault("STARTTLS", "notImplemented");
    // RFC 3207 §4.2: not a second time.
    if (session.client.tls !== undefined) return session.fault("STARTTLS", "badSequence");
    const refusal = await session.refusal("starttls", session.facts);
    if (refusal !== undefined) return session.answer("STARTTLS", refusal);
    // A login that was made in the clear, or an upstream that knows it, must not outlive it.
    await session.release();
    session.forwarded = undefined;
    session.answer("STARTTLS", "startTls");
    // CVE-2011-0411: commands that came in the clear must not be obeyed as if they were encrypted.
    const dropped = session.input.discard();
    if (dropped > 0) observer.dropped(session.facts, dropped);
    await session.replies.drained();
    await session.secure();
    session.state = next;
  },
};
