/**
 * Makes refusals dear: the more of them a session has had, the longer its commands take.
 *
 * A check is not told of replies, but sees what they lead to. What counts as a refusal: a recipient
 * that the policy or the upstream has refused, a transaction whose recipients never came to its mail
 * data, and an AUTH after another one (one that succeeds is the last, RFC 4954 §4).
 *
 * @module
 */

import { systemClock } from "../../clock.ts";
import type { TransactionFacts } from "../../session/facts.ts";
import { definePolicy, type Policy } from "../policy.ts";
import { type CheckEnvironment, type Duration, OptionReader } from "./option_reader.ts";
import { GRACE, wait } from "./wait.ts";

/** When it begins, and how far it goes. Clients of the option `trusted` never wait. */
export interface TarpitOptions {
  /** Refusals that cost nothing. @default 3 */
  readonly after?: number;
  /** The delay after the first refusal more; each further one adds as much. @default "1s" */
  readonly step?: Duration;
  /** The longest delay of one command. At most `60s`. @default "20s" */
  readonly longest?: Duration;
}

/** Refused recipients of a transaction so far. */
function refusedIn({ original }: TransactionFacts): number {
  return original.recipients.filter(({ reply }) => reply?.positive === false).length;
}

/**
 * Delays AUTH, MAIL and RCPT of a session that has had refusals. Compose it first: it is to be asked
 * also where others refuse. In one phase only, as a rule asks it, it knows what it sees there.
 *
 * @throws {OptionError} If an option cannot be used.
 */
export function tarpit(options: TarpitOptions = {}, environment?: CheckEnvironment): Policy {
  const reader = new OptionReader("tarpit", options, environment);
  const after = reader.count("after", { least: 0, most: 1_000_000 }, 3);
  const step = reader.milliseconds("step", "60s", "1s");
  const longest = reader.milliseconds("longest", "60s", "20s");
  reader.finish();
  const { clock = systemClock } = environment ?? {};

  const slow = async (refusals: number, trusted: boolean): Promise<void> => {
    const delay = Math.min(longest, step * Math.max(0, refusals - after));
    if (delay > 0 && !trusted) await wait(clock, delay);
  };
  return definePolicy({
    name: "tarpit",
    timeLimit: longest + GRACE,
    session: () => ({ refusals: 0, logins: 0, unfinished: false }),
    transaction: () => ({ counted: 0 }),
    auth({ client }, { session }) {
      if (session.logins++ > 0) session.refusals++;
      return slow(session.refusals, client.trusted);
    },
    mail({ client }, { session }) {
      // Of the last recipient's reply nobody was told.
      if (session.unfinished) session.refusals++;
      session.unfinished = false;
      return slow(session.refusals, client.trusted);
    },
    rcpt(facts, { session, transaction }) {
      const refused = refusedIn(facts);
      session.refusals += refused - transaction.counted;
      transaction.counted = refused;
      session.unfinished = true;
      return slow(session.refusals, facts.session.client.trusted);
    },
    data(facts, { session, transaction }) {
      session.refusals += refusedIn(facts) - transaction.counted;
      session.unfinished = false;
    },
  });
}
