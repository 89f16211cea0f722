/** What ends mail data and what is wrong with it, written once more in the plainest way. */

import type { DataFault, EndOfData } from "../../src/stages/mod.ts";

/** What came of a wire; `end` is absent where the data did not end. */
export interface Reading {
  /** The content, up to the first fault. */
  readonly content: string;
  /** The same, as it goes to an upstream. */
  readonly wire: string;
  readonly end?: EndOfData;
  /** What followed the end. */
  readonly rest: string;
}

/** Reads a whole wire in `reject` mode. */
export function readWire(wire: string): Reading {
  const end = wire.startsWith(".\r\n") ? 0 : wire.indexOf("\r\n.\r\n") + 2;
  const ended = wire.startsWith(".\r\n") || end > 1;
  const data = ended ? wire.slice(0, end) : wire;
  const [first] = faultsOf(data).sort((a, b) => a.at - b.at);
  const good = first ? data.slice(0, first.at) : data;
  const lines = good.split("\r\n");
  const content = lines.map((line) => line.replace(/^\./, "")).join("\r\n");
  const kept = lines.map((line) => line.replace(/^\.(?!\.)/, "")).join("\r\n");
  const rest = ended ? wire.slice(end + 3) : "";
  if (!ended) return { content, wire: kept, rest };
  const octets = content.length;
  return {
    content,
    wire: kept,
    end: first ? { end: true, fault: first.fault, octets } : { end: true, octets },
    rest,
  };
}

function faultsOf(data: string): { at: number; fault: DataFault }[] {
  const find = (pattern: RegExp, fault: DataFault) =>
    [...data.matchAll(pattern)].map((match) => ({ at: match.index + match[0].length - 1, fault }));
  return [
    ...find(/\r(?!\n)/g, "bare-cr"),
    ...find(/(?<!\r)\n/g, "bare-lf"),
    // deno-lint-ignore no-control-regex
    ...find(/(?<=^|\n)(?:\x00+\.|\.\x00)/g, "nul-dot"),
  ];
}

/** Wires that look like the end of data to some parser: CVE-2023-51764, -51765, -51766 and kin. */
export const endLookalikes: readonly string[] = [
  "\n.\n",
  "\n.\r\n",
  "\r\n.\n",
  "\n.\r",
  "\r.\n",
  "\r.\r",
  "\r.\r\n",
  "\r\n.\r",
  "\r\n\r.\r\n",
  "\r\n\n.\r\n",
  "\r\n.\r\r\n",
  "\r\n.\n\r\n",
  "\r\r\n.\r\r\n",
  "\r\r\n.\n",
  "\n\r.\r\n",
  "\n\r.\n\r",
  "\n.\r\r\n",
  "\r\n.\r\n".replace("\n", "\0\n"),
  "\r\n\0.\r\n",
  "\r\n\0\0.\r\n",
  "\r\n.\0\r\n",
  "\r\n.\r\0\n",
  "\r\0\n.\r\n",
  "\r\n\0.\0\r\n",
  "\r\n.\0.\r\n",
  "\n\0.\r\n",
];

/** Whether a parser that drops NULs and takes CRLF, LF, CR CR LF and CR for newlines sees an end. */
export function lenientSeesEnd(wire: string): boolean {
  const lines = wire.replaceAll("\0", "").split(/\r+\n|\n|\r/);
  // The last one is not ended.
  return lines.slice(0, -1).includes(".");
}
