/**
 * Waits before the greeting: a client that speaks before it (RFC 5321 §4.3.1: it waits) is nobody who
 * cares for the answers.
 *
 * @module
 */

import { systemClock } from "../../clock.ts";
import { Reply } from "../../rfc5321/reply.ts";
import { definePolicy, type Policy } from "../policy.ts";
import { reject } from "../verdicts.ts";
import { findClient } from "./condition.ts";
import type { List } from "./lookup.ts";
import { type CheckEnvironment, type Duration, OptionReader } from "./option_reader.ts";
import { GRACE } from "./wait.ts";

/** How long, and what is remembered. Clients of the option `trusted` are greeted at once. */
export interface GreetDelayOptions {
  /** At most `60s`. @default "5s" */
  readonly delay?: Duration;
  /**
   * How long an address is remembered, in this process: one that has waited is greeted at once, one
   * that has not is refused at once. `0` remembers nothing. At most `7d`. @default "1h"
   */
  readonly remember?: Duration;
  /** Clients that are greeted at once. @default none */
  readonly except?: List;
  /** What an early talker is told. @default "554 5.5.0 Spoke before the greeting" */
  readonly reply?: string;
}

/** Addresses remembered at most; the oldest is forgotten first. */
const MOST = 10_000;

/**
 * Waits before the greeting, and refuses early talkers.
 *
 * @throws {OptionError} If an option cannot be used.
 */
export function greetDelay(
  options: GreetDelayOptions = {},
  environment?: CheckEnvironment,
): Policy {
  const reader = new OptionReader("greet-delay", options, environment);
  const delay = reader.milliseconds("delay", "60s", "5s");
  const remember = reader.milliseconds("remember", "7d", "1h");
  const except = reader.list("except");
  const reply = reader.reply("reply") ?? Reply.parse("554 5.5.0 Spoke before the greeting");
  reader.finish();
  const { clock = systemClock } = environment ?? {};
  const refused = reject(reply);
  const known = new Map<string, { readonly silent: boolean; readonly until: number }>();

  const keep = (address: string, silent: boolean): void => {
    if (remember === 0 || address === "") return;
    known.delete(address);
    known.set(address, { silent, until: clock.now() + remember });
    if (known.size > MOST) known.delete(known.keys().next().value!);
  };
  return definePolicy({
    name: "greet-delay",
    timeLimit: delay + GRACE,
    async connect({ client, silence }) {
      if (client.trusted) return undefined;
      if (except !== undefined && findClient(except, client) !== undefined) return undefined;
      const { address } = client;
      const before = known.get(address);
      if (before !== undefined && before.until > clock.now()) {
        return before.silent ? undefined : refused;
      }
      const silent = await silence(delay);
      keep(address, silent);
      return silent ? undefined : refused;
    },
  });
}
