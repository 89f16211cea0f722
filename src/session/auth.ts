/**
 * AUTH (RFC 4954): the exchange is the upstream's; Sluice carries it line by line and never logs it.
 *
 * @module
 */

import { decodeStrict } from "../bytes.ts";
import type { Reply } from "../rfc5321/reply.ts";
import { authPossible } from "./hello.ts";
import type { Line } from "../stages/line_splitter.ts";
import type { ReplyName } from "./replies.ts";
import { Login } from "./login.ts";
import type { Handler } from "./handler.ts";
import { SessionOver } from "./over.ts";
import type { Session } from "./session.ts";

/** RFC 4954 §4: base64, or nothing at all. */
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** Challenges of one exchange; no mechanism needs more than a few. */
const MAX_ROUNDS = 20;

/** See the module. */
export const auth: Handler<"AUTH"> = {
  async obey(session, { mechanism, initialResponse }) {
    const objection = objectionTo(session, mechanism);
    if (objection !== undefined) return session.fault("AUTH", objection);
    const refusal = await session.refusal(
      "auth",
      { ...session.facts, mechanism },
    );
    if (refusal !== undefined) return session.answer("AUTH", refusal);
    const login = new Login(mechanism);
    if (initialResponse !== undefined) login.response(initialResponse);
    const initial = initialResponse === undefined ? "" : ` ${initialResponse}`;
    try {
      const link = await session.acquire();
      let reply = await link.authenticate(`AUTH ${mechanism}${initial}`);
      for (let rounds = 0; reply.intermediate; rounds++) {
        if (rounds === MAX_ROUNDS) throw session.dismissal("tooManyErrors");
        const response = await exchange(session, reply);
        reply = await link.authenticate(response.line);
        if (response.line !== "*") login.response(response.line);
        // What the client did wrong is told in our words; the upstream has only seen a "*".
        if (response.fault !== undefined) {
          // RFC 4954 §4: 501 to a "*". An upstream that goes on, or lets somebody in, is out of step.
          if (reply.positive || reply.intermediate) await session.release();
          return session.answer("AUTH", response.fault);
        }
      }
      if (reply.positive) {
        session.authenticated = true;
        session.identify({ login: login.name });
      }
      // Guessing has an end like every other mistake.
      if (reply.permanent) session.fault("AUTH", reply);
      else session.answer("AUTH", reply);
    } catch (error) {
      session.answer("AUTH", session.failure(error));
    }
  },
};

function objectionTo(session: Session, mechanism: string): ReplyName | undefined {
  const { settings, client, offered } = session;
  if (settings.auth === "off") return "notImplemented";
  if (client.login !== undefined) return "authDone";
  if (!authPossible(session)) return "authNeedsTls";
  if (!offered.mechanisms.includes(mechanism)) return "authUnknownMechanism";
  return undefined;
}

/** Hands the challenge to the client and gives back what the upstream gets for it. */
async function exchange(
  session: Session,
  challenge: Reply,
): Promise<{ readonly line: string; readonly fault?: ReplyName }> {
  session.answer("AUTH", challenge);
  await session.replies.drained();
  const line = await readLine(session);
  if (line === undefined) throw new SessionOver("vanished");
  if (line.fault === "too-long") return { line: "*", fault: "authLineTooLong" };
  const text = line.fault === undefined ? decodeStrict(line.octets) : undefined;
  if (text === "*") return { line: "*", fault: "authCancelled" };
  if (text === undefined || !BASE64.test(text)) return { line: "*", fault: "authNotBase64" };
  return { line: text };
}

/** Reads a line of the exchange; `undefined` at the client's end. */
async function readLine(session: Session): Promise<Line | undefined> {
  let line: Line | undefined;
  const out = { enqueue: (value: Line): void => void (line = value) };
  const left = session.countdown(session.settings.timeouts.command);
  for (;;) {
    if (session.input.buffered > 0) session.input.take(session.lines, out);
    if (line !== undefined) return line;
    if (!await session.input.fill(left(), "a line of the client")) return undefined;
  }
}
