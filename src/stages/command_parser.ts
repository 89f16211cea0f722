/**
 * Lines to commands: the grammar, after the framing.
 *
 * @module
 */

import { encode, SP } from "../bytes.ts";
import {
  type Command,
  type CommandFault,
  type CommandOptions,
  parseCommand,
} from "../rfc5321/command.ts";
import type { Line, LineFault } from "./line_splitter.ts";
import type { Out, Stage } from "./stage.ts";

/** A line that was refused before its grammar was looked at. */
export interface CommandLineFault {
  /**
   * `line-too-long`: 500 (RFC 5321 §4.5.3.1.9). `bare-newline`: a CR or LF by itself. `octets`: a
   * NUL, as also {@linkcode CommandFault} has it for other controls.
   */
  readonly fault: "line-too-long" | "bare-newline" | "octets";
}

/** What a line turned out to be. A command has no `fault`. */
export type ParsedLine = Command | CommandFault | CommandLineFault;

const faults: Readonly<Record<LineFault, CommandLineFault>> = {
  "too-long": { fault: "line-too-long" },
  "bare-cr": { fault: "bare-newline" },
  "bare-lf": { fault: "bare-newline" },
  "nul": { fault: "octets" },
};

const AUTH = encode("AUTH");
const CRLF_LENGTH = 2;
/** Set in the octet of a lower-case ASCII letter, clear in that of the upper-case one. */
const CASE_BIT = 0x20;

/** How command lines are read. */
export interface CommandParserOptions extends CommandOptions {
  /**
   * Longest line in octets, CRLF included (RFC 5321 §4.5.3.1.4). Only AUTH may be longer
   * (RFC 4954 §4), up to what the splitter lets through.
   */
  readonly limit: number;
}

/**
 * Parses each line; a fault of the line comes before the grammar. Holds nothing.
 *
 * @example From octets to commands
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { CommandParser, fuse, LineSplitter, type ParsedLine } from "@sluice/sluice/stages";
 *
 * const stage = fuse(new LineSplitter({ limit: 12_288 }), new CommandParser({ limit: 512 }));
 * const parsed: ParsedLine[] = [];
 * const octets = new TextEncoder().encode("BDAT 86 LAST\r\nRSET\nQUIT\r\nTURN\r\n");
 * stage.transform(octets, { enqueue: (one) => parsed.push(one) });
 * assertEquals(parsed, [
 *   { verb: "BDAT", size: 86, last: true },
 *   { fault: "bare-newline" },
 *   { fault: "unknown-verb" },
 * ]);
 * ```
 */
export class CommandParser implements Stage<Line, ParsedLine> {
  readonly #options: CommandParserOptions;

  /** Makes a parser; it has no state, so one may serve many sessions. */
  constructor(options: CommandParserOptions) {
    this.#options = options;
  }

  /** Enqueues one command or one fault for each line. */
  transform(line: Line, out: Out<ParsedLine>): void {
    out.enqueue(this.#parse(line));
  }

  #parse({ octets, fault }: Line): ParsedLine {
    if (fault) return faults[fault];
    const tooLong = octets.length + CRLF_LENGTH > this.#options.limit;
    if (tooLong && !isAuth(octets)) return faults["too-long"];
    return parseCommand(octets, this.#options);
  }
}

function isAuth(octets: Uint8Array): boolean {
  return octets[AUTH.length] === SP &&
    AUTH.every((letter, at) => (octets[at] & ~CASE_BIT) === letter);
}
