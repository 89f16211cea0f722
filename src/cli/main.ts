/**
 * The program: `serve` (the default) and its companions.
 *
 * @module
 */

import { ConfigurationError } from "../config/mistake.ts";
import { OptionError } from "../errors.ts";
import { type CommandSpec, help, parse, UsageError } from "./command_line.ts";
import { complain } from "./complain.ts";
import { version as programVersion } from "../version.ts";
import { serve } from "./serve.ts";

const version: CommandSpec = {
  name: "version",
  operands: "",
  maxOperands: 0,
  summary: "Says which version this is.",
  options: { "help": { short: "h", help: "Show this." } },
  examples: [["sluice version", "Prints the version and the runtime's."]],
  run() {
    console.log(`sluice ${programVersion} (deno ${Deno.version.deno})`);
    return Promise.resolve(0);
  },
};

/** Loaded when they are called for: what `serve` does not need costs it no memory. */
const commands: Readonly<Record<string, () => Promise<CommandSpec>>> = {
  serve: () => Promise.resolve(serve),
  stdio: async () => (await import("./stdio.ts")).stdio,
  check: async () => (await import("./check.ts")).check,
  send: async () => (await import("./send.ts")).send,
  explain: async () => (await import("./explain.ts")).explain,
  replay: async () => (await import("./replay.ts")).replay,
  top: async () => (await import("./top.ts")).top,
  tail: async () => (await import("./tail.ts")).tail,
  probe: async () => (await import("./probe.ts")).probe,
  version: () => Promise.resolve(version),
};

/** What is thrown at a command line, or a configuration, that cannot be obeyed. */
const unusable = [UsageError, OptionError, ConfigurationError];

async function overview(): Promise<string> {
  const specs = await Promise.all(Object.values(commands).map((load) => load()));
  return [
    "Sluice, a filtering SMTP proxy that stores nothing.",
    "",
    "Usage: sluice [command] [options]",
    "",
    "Commands:",
    ...specs.map(({ name, summary }) =>
      `  ${name.padEnd(10)}${summary}${name === "serve" ? " The default." : ""}`
    ),
    "",
    "`sluice [command] --help` tells the options of a command.",
  ].join("\n");
}

/**
 * Obeys a command line.
 *
 * @returns The exit status: 0 done, 1 tried and failed, 2 the command line or the configuration
 * cannot be obeyed, 3 a probe has found a weakness, or a replay a change.
 */
export async function main(args: readonly string[]): Promise<number> {
  const [first = "", ...rest] = args;
  if (first === "help" || ((first === "--help" || first === "-h") && rest.length === 0)) {
    console.log(await overview());
    return 0;
  }
  const asked = first === "--version" ? "version" : first;
  const named = Object.hasOwn(commands, asked) ? commands[asked] : undefined;
  try {
    if (named === undefined && first !== "" && !first.startsWith("-")) {
      const known = Object.keys(commands).join(", ");
      throw new UsageError(`Unknown command "${first}"; allowed are ${known}`);
    }
    const command = await (named ?? commands.serve)();
    const given = parse(command, named === undefined ? args : rest);
    if (given.has("help")) {
      console.log(help(command));
      return 0;
    }
    return await command.run(given);
  } catch (error) {
    complain(error);
    return unusable.some((kind) => error instanceof kind) ? 2 : 1;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
