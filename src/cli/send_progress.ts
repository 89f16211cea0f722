/**
 * How far a large message has come, on a terminal.
 *
 * @module
 */

const MEBIBYTE = 1024 ** 2;

/** Rewrites one line of standard error; where that is no terminal, says nothing. */
export class Progress {
  #octets = 0;
  #shown = 0;
  readonly #terminal: boolean = Deno.stderr.isTerminal();

  /** @param total Octets in all, if known. */
  constructor(readonly total: number | undefined) {}

  advance(octets: number): void {
    this.#octets += octets;
    if (!this.#terminal || this.#octets - this.#shown < MEBIBYTE) return;
    this.#shown = this.#octets;
    print(`\r${progressLine(this.#octets, this.total)}`);
  }

  /** Takes the line away again. */
  clear(): void {
    if (this.#shown > 0) print("\r\x1b[K");
  }
}

/** `12 of 50 MiB (24 %)`, or `12 MiB` where the total is not known. */
export function progressLine(octets: number, total: number | undefined): string {
  const done = Math.floor(octets / MEBIBYTE);
  if (total === undefined) return `${done} MiB`;
  const percent = Math.floor(100 * Math.min(octets / total, 1));
  return `${done} of ${Math.ceil(total / MEBIBYTE)} MiB (${percent} %)`;
}

function print(text: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(text));
}
