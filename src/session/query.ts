/**
 * Commands outside mail transactions: NOOP, QUIT, VRFY, EXPN, HELP (RFC 5321 §4.1.1.6-10).
 *
 * @module
 */

import type { ReplyName } from "./replies.ts";
import type { Handler } from "./handler.ts";

/** NOOP. */
export const noop: Handler<"NOOP"> = {
  obey(session) {
    session.answer("NOOP", "ok");
    return Promise.resolve();
  },
};

/** QUIT. */
export const quit: Handler<"QUIT"> = {
  obey(session, _command, next) {
    session.answer("QUIT", "closing");
    session.state = next;
    return Promise.resolve();
  },
};

const local: Readonly<Record<"VRFY" | "EXPN" | "HELP", ReplyName>> = {
  VRFY: "verify",
  EXPN: "notImplemented",
  HELP: "help",
};

/** VRFY, EXPN, HELP: answered here or by the upstream, as the option `verify` says. */
export const query: Handler<"VRFY" | "EXPN" | "HELP"> = {
  async obey(session, { verb, argument }) {
    // Between two chunks the upstream may be in the middle of mail data: DATA where BDAT is unknown.
    if (session.settings.verify === "local" || session.state === "chunks") {
      return session.answer(verb, local[verb]);
    }
    try {
      const link = session.transaction?.link ?? await session.acquire();
      session.answer(verb, await link.query(verb, argument));
    } catch (error) {
      session.answer(verb, session.failure(error));
    }
  },
};
