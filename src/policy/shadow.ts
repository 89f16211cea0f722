/**
 * A second policy on live mail, without effect: it is asked about the facts that the first one is
 * asked about, and whoever wants to know is told where it would have decided otherwise.
 *
 * @module
 */

import { type Clock, within } from "../clock.ts";
import type { Envelope, SessionFacts, TransactionFacts } from "../session/facts.ts";
import type { Soon } from "../soon.ts";
import type { MessageTransform } from "../session/transforming.ts";
import type {
  Judge,
  Phase,
  PhaseFacts,
  Ruling,
  SealFacts,
  SessionJudge,
} from "../session/phases.ts";
import { decisionOf, sameDecision } from "./decision.ts";

/** Questions of one session that may wait for the second policy; those beyond are not asked. */
const BACKLOG = 100;

/** What a shadow needs. */
export interface ShadowOptions {
  readonly clock: Clock;
  /** Milliseconds that the end of a session waits for the second policy. */
  readonly patience: number;
  /** Told of each difference, perhaps after the session has gone on. */
  readonly differs: (session: SessionFacts, phase: Phase, live: Ruling, shadow: Ruling) => void;
}

/** Makes a judge that decides as `live` does, and asks `shadow` as well. */
export function shadowed(live: Judge, shadow: Judge, options: ShadowOptions): Judge {
  return { open: () => new ShadowedSession(live.open(), shadow.open(), options) };
}

class ShadowedSession implements SessionJudge {
  /** The second policy's questions, one after the other: it has a state of its own. Never rejects. */
  #asked: Promise<void> = Promise.resolve();
  #waiting = 0;
  #over = false;

  constructor(
    readonly live: SessionJudge,
    readonly shadow: SessionJudge,
    readonly options: ShadowOptions,
  ) {}

  transforms(facts: TransactionFacts): readonly MessageTransform[] {
    return this.live.transforms?.(facts) ?? [];
  }

  get window(): number | undefined {
    return this.live.window;
  }

  get seals(): boolean | undefined {
    return this.live.seals;
  }

  seal(facts: SealFacts): Promise<Ruling> {
    return this.live.seal!(facts);
  }

  get quarantines(): boolean | undefined {
    return this.live.quarantines;
  }

  asks(phase: Phase): boolean {
    return this.live.asks(phase) || (phase !== "filter" && this.shadow.asks(phase));
  }

  async judge<P extends Phase>(phase: P, facts: PhaseFacts[P]): Promise<Ruling> {
    const live = this.live.judge(phase, facts);
    // A message can be read while it comes, not after.
    if (phase === "filter") return await live;
    this.#compare(phase, asTheyStand(facts), live);
    if (phase === "close") await this.#settled();
    return await live;
  }

  #compare<P extends Phase>(phase: P, facts: PhaseFacts[P], live: Soon<Ruling>): void {
    if (this.#waiting === BACKLOG) return;
    this.#waiting++;
    this.#asked = this.#asked.then(async () => {
      this.#waiting--;
      if (this.#over) return;
      const rulings = [await live, await this.shadow.judge(phase, facts)] as const;
      const [one, other] = rulings.map(decisionOf);
      if (!sameDecision(one, other)) this.options.differs(sessionOf(facts), phase, ...rulings);
    });
  }

  /** The session is over: what is under way may end, what waits need not begin after a while. */
  async #settled(): Promise<void> {
    const { clock, patience } = this.options;
    await within(clock, patience, "the shadow policy", this.#asked).catch(() => {});
    this.#over = true;
    await this.#asked;
  }
}

function sessionOf(facts: SessionFacts | TransactionFacts): SessionFacts {
  return "session" in facts ? facts.session : facts;
}

/** The envelope grows while a question waits, and nobody listens to the client for a shadow. */
function asTheyStand<F extends SessionFacts | TransactionFacts>(facts: F): F {
  if ("silence" in facts) return { ...facts, silence: () => Promise.resolve(true) };
  if (!("session" in facts)) return facts;
  const { original, current, steps } = facts;
  return { ...facts, original: still(original), current: still(current), steps: [...steps] };
}

function still(envelope: Envelope): Envelope {
  return { ...envelope, recipients: [...envelope.recipients] };
}
