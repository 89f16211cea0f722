/**
 * `sluice replay`: which decisions of a recording another policy would not have made.
 *
 * @module
 */

import { TextLineStream } from "@std/streams";
import { systemClock } from "../clock.ts";
import { messageOf, OptionError } from "../errors.ts";
import { printDecision } from "../policy/decision.ts";
import { judgeOf } from "../policy/judge.ts";
import { type Change, replay as replayed } from "../policy/replay.ts";
import { type CommandSpec, type Given, UsageError } from "./command_line.ts";
import { namedPolicy, policyOptions } from "./policy_source.ts";

/** The exit status where decisions would change. */
const CHANGED = 3;

/** See the module. */
export const replay: CommandSpec = {
  name: "replay",
  operands: "recording",
  maxOperands: 1,
  summary: "Tells which recorded decisions another policy would not have made.",
  options: { ...policyOptions, "help": { short: "h", help: "Show this." } },
  examples: [
    [
      "sluice replay sessions.jsonl --config new.toml",
      "Prints each decision that changes. The exit status is 0 for none, 3 for some.",
    ],
  ],
  run,
};

async function run(given: Given): Promise<number> {
  const [recording] = given.operands;
  if (recording === undefined) {
    throw new UsageError("replay: found no operand, needed is a recording");
  }
  const { policy, timeLimit, onFailure } = await namedPolicy(given, "replay");
  const judge = judgeOf(policy, {
    clock: systemClock,
    timeLimit,
    onFailure,
    failed: (phase, check, error) => {
      const why = messageOf(error);
      console.error(`sluice: the check "${check}" failed at ${phase}: ${why}`);
    },
  });
  let changes = 0;
  for await (const change of replayed(await linesOf(recording), judge)) {
    changes++;
    console.log(printChange(change));
  }
  console.log(`decisions that would change: ${changes}`);
  return changes === 0 ? 0 : CHANGED;
}

async function linesOf(path: string): Promise<ReadableStream<string>> {
  try {
    const file = await Deno.open(path);
    if ((await file.stat()).isDirectory) {
      file.close();
      throw new Error("it is a directory");
    }
    return file.readable.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
  } catch (error) {
    const why = messageOf(error);
    throw new OptionError("recording", path, `a file that can be read (${why})`);
  }
}

function printChange({ line, question, decision, by }: Change): string {
  const { session, phase, about } = question;
  const who = (names: readonly string[]): string =>
    names.length === 0 ? "" : ` [${names.join(", ")}]`;
  return [
    `line ${line}: ${session.id} ${phase}${about === undefined ? "" : ` ${about}`}`,
    `  was: ${printDecision(question.decision)}${who(question.by)}`,
    `  now: ${printDecision(decision)}${who(by)}`,
  ].join("\n");
}
