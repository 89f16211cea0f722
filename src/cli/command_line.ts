/**
 * Command lines from tables: what may be given, what it means, and the help, in one place.
 *
 * @module
 */

import { parseArgs } from "node:util";

/** One option of a command. */
export interface OptionRow {
  /** What stands behind it, in words; absent for a switch. */
  readonly argument?: string;
  /** One sentence, with the default where there is one. */
  readonly help: string;
  /** May be given more than once. */
  readonly repeatable?: boolean;
  readonly short?: string;
}

/** A command of the program. */
export interface CommandSpec {
  readonly name: string;
  /** What follows the name and the options: `[file]`. */
  readonly operands: string;
  /** How many operands there may be. */
  readonly maxOperands: number;
  /** One sentence. */
  readonly summary: string;
  readonly options: Readonly<Record<string, OptionRow>>;
  /** Complete command lines with what they do. */
  readonly examples: readonly (readonly [line: string, does: string])[];
  /** @returns The exit status. */
  run(given: Given): Promise<number>;
}

/** What was given, checked against the table. */
export interface Given {
  readonly operands: readonly string[];
  /** The only or last value of an option. */
  value(name: string): string | undefined;
  /** All values of a repeatable option. */
  values(name: string): readonly string[];
  has(name: string): boolean;
}

/** A command line that cannot be obeyed: one line, and exit status 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** @throws {UsageError} */
export function parse(spec: CommandSpec, args: readonly string[]): Given {
  const options = Object.fromEntries(
    Object.entries(spec.options).map(([name, row]) => [name, {
      type: row.argument === undefined ? "boolean" as const : "string" as const,
      multiple: row.repeatable ?? false,
      ...(row.short === undefined ? {} : { short: row.short }),
    }]),
  );
  let values: Record<string, unknown>;
  let operands: string[];
  try {
    const parsed = parseArgs({ args: [...args], options, strict: true, allowPositionals: true });
    values = parsed.values;
    operands = parsed.positionals;
  } catch (error) {
    const reason = error instanceof Error ? error.message.split(/\.[ \n]/)[0] : String(error);
    throw new UsageError(`${spec.name}: ${reason}; see \`sluice ${spec.name} --help\``);
  }
  if (operands.length > spec.maxOperands) {
    throw new UsageError(
      `${spec.name}: found "${operands[spec.maxOperands]}", ` +
        (spec.maxOperands === 0 ? "no operand is allowed" : `allowed is ${spec.operands}`) +
        `; see \`sluice ${spec.name} --help\``,
    );
  }
  const values_ = (name: string): readonly string[] => {
    const value = values[name];
    return value === undefined ? [] : Array.isArray(value) ? value : [String(value)];
  };
  return {
    operands,
    value: (name) => values_(name).at(-1),
    values: values_,
    has: (name) => values[name] !== undefined,
  };
}

const WIDTH = 30;

/** The help of one command. */
export function help(spec: CommandSpec): string {
  const rows = Object.entries(spec.options).map(([name, row]) => {
    const short = row.short === undefined ? "" : `-${row.short}, `;
    const left = `  ${short}--${name}${row.argument === undefined ? "" : ` ${row.argument}`}`;
    const lines = wrap(row.help + (row.repeatable ? " Repeatable." : ""), 100 - WIDTH - 2);
    const first = left.length <= WIDTH ? left.padEnd(WIDTH + 2) + lines.shift() : left;
    return [first, ...lines.map((line) => " ".repeat(WIDTH + 2) + line)].join("\n");
  });
  const examples = spec.examples.map(([line, does]) => `  ${line}\n      ${does}`);
  return [
    spec.summary,
    "",
    `Usage: sluice ${spec.name} [options]${spec.operands === "" ? "" : ` ${spec.operands}`}`,
    "",
    "Options:",
    ...rows,
    "",
    "Examples:",
    ...examples,
  ].join("\n");
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else lines.push(word);
  }
  return lines;
}
