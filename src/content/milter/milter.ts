/**
 * Filters that speak the milter protocol, as OpenDKIM, OpenDMARC and many others do.
 *
 * @module
 */

import type { Dialer, Target } from "../../channel.ts";
import { type Clock, systemClock } from "../../clock.ts";
import { OptionError } from "../../errors.ts";
import { definePolicy, type OnFailure, type Policy } from "../../policy/policy.ts";
import {
  beyondReply,
  commonOptions,
  type FilterOptions,
  oneOf,
  wholeNumber,
} from "../filter_options.ts";
import { Conversation, type Held } from "./conversation.ts";
import type { Macros } from "./macros.ts";

/** Options of {@linkcode milter}. */
export interface MilterOptions extends FilterOptions {
  /** Where it listens. */
  readonly target: Target;
  /** Opens connections to it. */
  readonly dialer: Dialer;
  /**
   * Milliseconds for it to answer, to take what it is told, and to be reached. Each time it says that
   * it is still at work they begin anew.
   *
   * @default 30000
   */
  readonly timeLimit?: number;
  /**
   * Milliseconds for one answer, however often it says that it is still at work; for a message they
   * count from its end.
   *
   * @default 300000
   */
  readonly progressLimit?: number;
  /**
   * Macros whatever the session, by Sendmail's names: `{ j: "mx.example", "{daemon_name}": "ORIGINATING" }`.
   *
   * @default none
   */
  readonly macros?: Readonly<Record<string, string>>;
  /**
   * What becomes of a message that it wants to be held for somebody to look at. With `quarantine` it is
   * kept in the proxy's own, which has to have one then.
   *
   * @default "reject"
   */
  readonly quarantine?: OnFailure | "quarantine";
  /**
   * What becomes of a message whose header section it wants to change when that is on its way already.
   *
   * @default "accept", unchanged
   */
  readonly beyond?: OnFailure;
  /** Times the waits. @default The runtime's clock. */
  readonly clock?: Clock;
}

const MACRO = /^(?:[!-z|~]|\{[!-z|~]+\})$/;

/**
 * Makes a policy of a milter: protocol versions 2 to 6, one connection a session. It is asked at
 * connect, ehlo, mail, rcpt and data, and is told the message while it comes; what it says of a
 * recipient, a message or a session holds as it does in Sendmail and Postfix.
 *
 * At the end of a message it may add, insert, change and remove header fields, and have it held. It
 * cannot change the body or the envelope, which are with the upstream by then: that is not offered to
 * it, and a milter that insists fails, with the answer of `onFailure`. So does a milter that is not
 * there, does not answer in time or breaks the protocol; the next message is told to it again. A header
 * field of more than 65,534 octets fits no packet: its message is one too large, see `reading.larger`.
 *
 * It hears of recipients before the upstream does, so of those too that the upstream refuses.
 *
 * @example OpenDKIM at a Unix socket
 * ```ts
 * import { denoDialer } from "@sluice/sluice/deno";
 * import { milter } from "@sluice/sluice/content";
 *
 * export default milter({
 *   name: "opendkim",
 *   target: { transport: "unix", path: "/run/opendkim/opendkim.sock" },
 *   dialer: denoDialer,
 *   onFailure: "accept",
 * });
 * ```
 *
 * @throws {OptionError} If an option cannot be used.
 */
export function milter(options: MilterOptions): Policy {
  const { target, dialer, macros = {}, clock = systemClock } = options;
  const common = commonOptions("milter", options);
  const progressLimit = wholeNumber("milter.progressLimit", options.progressLimit ?? 300_000);
  const told = {
    target: targetOption(target),
    dialer: dialerOption(dialer),
    clock,
    timeLimit: common.timeLimit ?? 30_000,
    progressLimit,
    macros: macrosOption(macros),
    passOver: common.onFailure === "accept",
    quarantine: oneOf("milter.quarantine", options.quarantine ?? "reject", held),
    beyond: beyondReply("milter.beyond", options.beyond),
  };
  return definePolicy({
    ...common,
    timeLimit: progressLimit,
    needs: told.quarantine === "quarantine" ? ["filter", "quarantine"] : ["filter"],
    session: () => new Conversation(told),
    connect: (facts, { session }) => session.connect(facts),
    ehlo: (facts, { session }) => session.ehlo(facts),
    auth: (facts, { session }) => session.auth(facts),
    mail: (facts, { session }) => session.mail(facts),
    rcpt: (facts, { session }) => session.rcpt(facts),
    data: (_facts, { session }) => session.data(),
    headers: (facts, { session }) => session.headers(facts),
    filter: (facts, { session }) => session.filter(facts),
    close: (_facts, { session }) => session.close(),
  });
}

const held: readonly Held[] = ["accept", "defer", "reject", "quarantine"];

const transports: readonly Target["transport"][] = ["tcp", "unix", "websocket"];

function targetOption(target: Target): Target {
  if (transports.includes(target?.transport)) return target;
  throw new OptionError("milter.target", target, `an address with ${transports.join(", ")}`);
}

function dialerOption(dialer: Dialer): Dialer {
  if (typeof dialer?.connect === "function") return dialer;
  throw new OptionError("milter.dialer", dialer, "what opens connections");
}

function macrosOption(macros: Macros): Macros {
  for (const [name, value] of Object.entries(macros)) {
    const option = `milter.macros.${name}`;
    if (!MACRO.test(name)) {
      throw new OptionError(option, name, "one character, or a name in braces");
    }
    if (typeof value !== "string") throw new OptionError(option, value, "a text");
  }
  return macros;
}
