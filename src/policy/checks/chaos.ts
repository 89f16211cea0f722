/**
 * Failures on purpose, for staging and for tests: delays, refusals, lost connections and cut messages
 * by chance.
 *
 * @module
 */

import { systemClock } from "../../clock.ts";
import { type Disconnect, type Phase, phases, type Reject } from "../../session/phases.ts";
import { type Checks, definePolicy, type Policy } from "../policy.ts";
import { defer, disconnect, reject } from "../verdicts.ts";
import {
  type CheckEnvironment,
  type Duration,
  type Octets,
  OptionReader,
} from "./option_reader.ts";
import { GRACE, wait } from "./wait.ts";

/** A phase in which something can be decided. */
export type ChaosPhase = Exclude<Phase, "close">;

/** What happens, when, and how often. The probabilities together are at most 1. */
export interface ChaosOptions {
  /** When. @default ["mail", "rcpt", "data", "content"] */
  readonly at?: ChaosPhase | readonly ChaosPhase[];
  /** The longest delay; each is somewhere between none and this. At most `60s`. @default 0 */
  readonly delay?: Duration;
  /** How probable a 4xx is, from 0 to 1. @default 0 */
  readonly defer?: number;
  /** How probable a 5xx is, from 0 to 1. @default 0 */
  readonly reject?: number;
  /** How probable a 421 with the end of the connection is, from 0 to 1. @default 0 */
  readonly disconnect?: number;
  /**
   * How probable it is that the connection is lost in the middle of the mail data, from 0 to 1.
   *
   * @default 0
   */
  readonly cut?: number;
  /** The last octet at which that happens; each time it is somewhere before. @default 4096 */
  readonly cutWithin?: Octets;
  /** The same seed, the same chances. @default another one each time */
  readonly seed?: number;
  /** Numbers from 0 to below 1, in place of `seed`. */
  readonly random?: () => number;
}

/** Octets within which a message is cut, unless told otherwise. */
const CUT_WITHIN = 4096;

const verdicts = {
  reject: reject("554 5.3.0 Failure on purpose"),
  defer: defer("451 4.3.0 Failure on purpose"),
  disconnect: disconnect("421 4.3.0 Failure on purpose"),
};

/** Numbers from 0 to below 1: a counter with the steps of the golden ratio, mixed (SplitMix32). */
function randomFrom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = state + 0x9e3779b9 | 0;
    let mixed = Math.imul(state ^ state >>> 16, 0x21f0aaad);
    mixed = Math.imul(mixed ^ mixed >>> 15, 0x735a2d97);
    return ((mixed ^ mixed >>> 15) >>> 0) / 2 ** 32;
  };
}

/**
 * Failures on purpose.
 *
 * @throws {OptionError} If an option cannot be used.
 */
export function chaos(options: ChaosOptions, environment?: CheckEnvironment): Policy {
  const reader = new OptionReader("chaos", options, environment);
  const allowed = phases.filter((phase) => phase !== "close");
  const named = reader.texts("at", allowed.join(", "), (text) => allowed.some((p) => p === text));
  const at = named.length > 0 ? named : ["mail", "rcpt", "data", "content"];
  const delay = reader.milliseconds("delay", "60s", 0);
  const chances = (["reject", "defer", "disconnect"] as const)
    .map((name) => [name, reader.probability(name)] as const);
  const sum = chances.reduce((total, [, chance]) => total + chance, 0);
  if (sum > 1) reader.refuse("reject + defer + disconnect", sum, "at most 1");
  const cut = reader.probability("cut");
  const within = options.cutWithin === undefined ? CUT_WITHIN : reader.octets("cutWithin");
  const anySeed = crypto.getRandomValues(new Uint32Array(1))[0];
  const seed = reader.count("seed", { least: 0, most: 0xffffffff }, anySeed);
  const random = reader.callback<() => number>("random") ?? randomFrom(seed);
  reader.finish();
  const { clock = systemClock } = environment ?? {};

  const decide = async (phase: string): Promise<Reject | Disconnect | undefined> => {
    if (delay > 0) await wait(clock, random() * delay);
    let left = random();
    for (const [name, chance] of chances) {
      if (left < chance) return verdicts[name];
      left -= chance;
    }
    if (phase === "data" && random() < cut) {
      return disconnect(verdicts.disconnect.reply, { after: Math.floor(random() * within) });
    }
    return undefined;
  };
  const checks: Checks = Object.fromEntries(at.map((phase) => [phase, () => decide(phase)]));
  return definePolicy({ ...checks, name: "chaos", timeLimit: delay + GRACE });
}
