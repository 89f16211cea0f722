/**
 * What `serve` says while it runs: one line for each mail transaction and for each trouble.
 *
 * @module
 */

import { decisionOf, printDecision } from "../policy/decision.ts";
import type { Observer } from "../session/observer.ts";
import type { Clock } from "../clock.ts";

/** Values with spaces or quotes are quoted, so that a line can be cut into its fields again. */
function field(name: string, value: string | number | undefined): string {
  if (value === undefined || value === "") return "";
  const text = String(value);
  return ` ${name}=${/[\s"=\\]/.test(text) ? JSON.stringify(text) : text}`;
}

/** Who writes lines. */
export interface LineLog {
  readonly observer: Observer;
  /** Octets that stood behind an upstream's reply to STARTTLS: it belongs to no session. */
  readonly upstreamDropped: (octets: number) => void;
}

/** Makes a log of what is worth a line. */
export function lineLog(clock: Clock, write: (line: string) => void): LineLog {
  const say = (event: string, ...fields: string[]): void =>
    write(`${new Date(clock.now()).toISOString()} ${event}${fields.join("")}`);
  const observer: Observer = {
    transaction({ id, session, original, octets }, reply) {
      const { client } = session;
      say(
        reply.positive ? "relayed" : "refused",
        field("id", id),
        field("client", client.address),
        field("name", client.name),
        field("hello", client.hello),
        field("tls", client.tls?.version),
        field("login", client.login),
        field("from", original.reversePath.toString()),
        ...original.recipients.filter((one) => one.reply?.positive)
          .map((one) => field("to", one.forwardPath.toString())),
        field("octets", octets),
        field("reply", `${reply.code} ${reply.text}`),
      );
    },
    dropped(session, octets) {
      say("dropped", field("id", session.id), field("octets", octets), field("at", "client"));
    },
    difference(session, phase, live, shadow) {
      say(
        "difference",
        field("id", session.id),
        field("phase", phase),
        field("live", printDecision(decisionOf(live))),
        field("shadow", printDecision(decisionOf(shadow))),
        field("by", shadow.steps.at(-1)?.check),
      );
    },
    trouble(session, error) {
      say("trouble", field("id", session?.id), field("error", messageOf(error)));
    },
    sessionClosed(session, end, cause) {
      if (end !== "closed" && cause === undefined) return;
      say(
        "closed",
        field("id", session.id),
        field("client", session.client.address),
        field("cause", messageOf(cause)),
      );
    },
  };
  const upstreamDropped = (octets: number): void =>
    say("dropped", field("octets", octets), field("at", "upstream"));
  return { observer, upstreamDropped };
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return error === undefined ? "" : String(error);
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : "";
  return error.message.includes(cause) ? error.message : error.message + cause;
}
