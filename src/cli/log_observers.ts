/**
 * What is worth an event, by level: each is one observer, and a level that is off has none.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { IdMap } from "../id_map.ts";
import { decisionOf, printDecision } from "../policy/decision.ts";
import type { Observer } from "../session/observer.ts";
import {
  clientFields,
  milliseconds,
  replyFields,
  tlsFields,
  transactionFields,
} from "./log_fields.ts";
import { outcomeOf } from "../stats/transaction_record.ts";
import type { Fields } from "./log_line.ts";
import type { Pen } from "../stats/pen.ts";
import { Tally } from "./log_tally.ts";

/** Writes an event of one level. */
export type Say = (event: string, fields: Fields) => void;

/** Warnings: what has gone wrong on our side. */
export function troubles(say: Say, pen: Pen): Observer {
  // The session complains of the upstream that it could not have; one line for it is enough.
  const told = new WeakSet<object>();
  return {
    upstreamFailed({ id }, upstream, error, took) {
      if (error instanceof Error) told.add(error);
      say("upstream-failed", {
        session: id,
        upstream,
        error: pen.words(fullMessageOf(error)),
        took: milliseconds(took),
      });
    },
    trouble(session, error) {
      if (error instanceof Error && told.has(error)) return;
      say("trouble", { session: session?.id, error: pen.words(fullMessageOf(error)) });
    },
  };
}

/** Information: how transactions and sessions end, and what is odd. */
export function ends(say: Say, pen: Pen, clock: Clock): Observer {
  /** Of open sessions. */
  const tallies = new IdMap<Tally>();
  return {
    sessionOpened({ id }) {
      tallies.set(id, new Tally(clock.monotonic()));
    },
    // Of a command only its time: what stands in it may be a secret.
    command({ id }, command, at) {
      if ("verb" in command && command.verb === "MAIL") tallies.get(id)?.mail(at);
    },
    ruling(phase, facts, { asked = [] }) {
      const tally = tallies.get("session" in facts ? facts.session.id : facts.id);
      if (phase === "mail") tally?.begin(clock.monotonic());
      for (const { took } of asked) tally?.thought(took);
    },
    reply({ id }, reply, { verb }) {
      if (reply.code < 400) return;
      const tally = tallies.get(id);
      if (tally !== undefined) tally.refused = { verb, reply };
    },
    upstreamOpened({ id }, _upstream, { took }) {
      tallies.get(id)?.waited(clock.monotonic(), took);
    },
    upstreamFailed({ id }, _upstream, _error, took) {
      tallies.get(id)?.waited(clock.monotonic(), took);
    },
    upstreamReply({ id }, _upstream, { at, took, reply }) {
      tallies.get(id)?.waited(at, took, reply);
    },
    transaction(transaction, end) {
      const cost = tallies.get(transaction.session.id)?.end(clock.monotonic()) ?? {};
      say(outcomeOf(end), transactionFields(pen, transaction, end, cost));
    },
    sessionClosed(session, end, cause) {
      const tally = tallies.get(session.id);
      tallies.delete(session.id);
      const refused = tally?.hadTransaction ? undefined : tally?.refused;
      const faulty = end === "closed" || cause !== undefined;
      if (!faulty && refused === undefined) return;
      say(faulty ? "closed" : "turned-away", {
        ...clientFields(pen, session),
        end,
        cause: cause === undefined ? undefined : pen.words(fullMessageOf(cause)),
        verb: refused?.verb || undefined,
        reply: refused && pen.reply(refused.reply),
        took: milliseconds(tally && clock.monotonic() - tally.since),
      });
    },
    dropped({ id }, octets) {
      say("dropped", { session: id, octets, at: "client" });
    },
    difference({ id }, phase, live, shadow) {
      say("difference", {
        session: id,
        phase,
        live: pen.words(printDecision(decisionOf(live))),
        shadow: pen.words(printDecision(decisionOf(shadow))),
        by: shadow.steps.at(-1)?.check,
      });
    },
  };
}

/** For whoever looks for a fault: every reply, and who comes and goes on either side. */
export function dialogue(say: Say, pen: Pen): Observer {
  return {
    sessionOpened(session) {
      say("session-opened", clientFields(pen, session));
    },
    sessionClosed({ id }, end) {
      say("session-closed", { session: id, end });
    },
    reply({ id }, reply, { verb, name, took }) {
      say("reply", {
        session: id,
        verb: verb || undefined,
        ...replyFields(pen, reply),
        own: name,
        took: milliseconds(took),
      });
    },
    upstreamOpened({ id }, upstream, { tls, took }) {
      say("upstream-opened", {
        session: id,
        upstream,
        ...tlsFields(tls),
        took: milliseconds(took),
      });
    },
    upstreamReply({ id }, upstream, { verb, reply, took }) {
      say("upstream-reply", {
        session: id,
        upstream,
        verb,
        ...replyFields(pen, reply),
        took: milliseconds(took),
      });
    },
    upstreamClosed({ id }, upstream) {
      say("upstream-closed", { session: id, upstream });
    },
  };
}

/** What an error says, with what has caused it. */
export function fullMessageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { message, cause } = error;
  if (!(cause instanceof Error) || message.includes(cause.message)) return message;
  return `${message}: ${cause.message}`;
}
