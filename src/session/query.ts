/**
 * Commands outside mail transactions: NOOP, QUIT, VRFY, EXPN, HELP (RFC 5321 §4.1.1.6-10).
 *
 * @module
 */

import { isAscii } from "../rfc5321/text.ts";
import type { ReplyName } from "./replies.ts";
import type { Handler } from "./handler.ts";

/** NOOP. */
export const noop: Handler<"NOOP"> = {
  obey(session) {
    session.answer("NOOP", "ok");
  },
};

/** QUIT. */
export const quit: Handler<"QUIT"> = {
  obey(session, _command, next) {
    session.answer("QUIT", "closing");
    session.state = next;
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
    const passable = session.settings.verify === "upstream" &&
      // Between two chunks the upstream may be in the middle of mail data: DATA in place of BDAT.
      session.state !== "chunks" &&
      // RFC 6531 §3.7.4.2: UTF-8 would need a parameter that VRFY does not have here.
      isAscii(argument);
    if (!passable) return session.answer(verb, local[verb]);
    try {
      const link = session.transaction?.link ?? await session.acquire();
      session.answer(verb, await link.query(verb, argument));
      if (session.transaction === undefined) session.lendOn();
    } catch (error) {
      session.answer(verb, session.failure(error));
    }
  },
};
