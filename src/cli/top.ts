/**
 * `sluice top`: what a running Sluice is doing, in the terminal.
 *
 * @module
 */

import type { AdminClient, CallOptions } from "../admin/client.ts";
import { encode } from "../bytes.ts";
import { systemClock, within } from "../clock.ts";
import { adminOf, adminRows, lossOf, type NamedAdmin } from "./admin_client.ts";
import type { CommandSpec, Given } from "./command_line.ts";
import { screen, type Shown, type Size } from "./top_screen.ts";

/** Milliseconds for an answer. */
const PATIENCE = 10_000;
/** Sessions that are asked for: more than a terminal has lines. */
const SESSIONS = 200;

/** Where there is no terminal that could tell. */
const USUAL: Size = { columns: 80, rows: 24 };

/** See the module. */
export const top: CommandSpec = {
  name: "top",
  operands: "",
  maxOperands: 0,
  summary: "Shows what a running Sluice is doing, each second anew.",
  options: {
    ...adminRows,
    "once": { help: "Print it once, as where standard output is no terminal." },
  },
  examples: [
    ["sluice top", "Watches the Sluice of this machine; Ctrl-C ends it."],
    [
      "sluice top --admin https://mail.example/sluice/ --token env:SLUICE_TOKEN",
      "Watches one elsewhere.",
    ],
  ],
  run,
};

async function run(given: Given): Promise<number> {
  const admin = await adminOf(given);
  const first = await within(systemClock, PATIENCE, `the admin at ${admin.url}`, look(admin));
  if (given.has("once") || !Deno.stdout.isTerminal()) {
    console.log(screen(first, sizeOfConsole()).map(({ text }) => text).join("\n"));
    return 0;
  }
  const interruption = new AbortController();
  const interrupt = (): void => interruption.abort();
  for (const signal of signals) Deno.addSignalListener(signal, interrupt);
  try {
    await watch(admin.client, first, ownTerminal, interruption.signal);
  } finally {
    for (const signal of signals) Deno.removeSignalListener(signal, interrupt);
  }
  return 0;
}

const signals = ["SIGINT", "SIGTERM"] as const;

/** Where a screen is drawn. */
export interface Terminal {
  write(text: string): void;
  size(): Size;
}

const ownTerminal: Terminal = {
  write: (text) => void Deno.stdout.writeSync(encode(text)),
  size: sizeOfConsole,
};

function sizeOfConsole(): Size {
  try {
    return Deno.consoleSize();
  } catch {
    return USUAL;
  }
}

async function look({ url, client }: NamedAdmin): Promise<Shown> {
  const [stats, sessions, { rules }, upstreams] = await Promise.all([
    client.stats(),
    client.sessions(SESSIONS),
    client.policy(),
    client.upstreams(),
  ]);
  return { url, stats, sessions, rules, upstreams };
}

/** The alternate screen without a cursor, where a line that is too long goes nowhere. */
const ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l";
const LEAVE = "\x1b[?7h\x1b[?25h\x1b[?1049l";

/**
 * Draws a screen with each snapshot that comes, until the signal, and leaves the terminal as it was.
 *
 * @param first What is known already.
 * @throws {AdminError} Where trying again would mend nothing.
 */
export async function watch(
  client: Pick<AdminClient, "followStats" | "sessions" | "policy" | "upstreams">,
  first: Shown,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  let shown = first;
  const show = (change: Partial<Shown>): void => {
    shown = { ...shown, ...change };
    terminal.write(drawn(shown, terminal.size()));
  };
  const ended = new AbortController();
  const options = (): CallOptions => ({
    signal: AbortSignal.any([ended.signal, AbortSignal.timeout(PATIENCE)]),
  });
  const parts = [
    async () => ({ sessions: await client.sessions(SESSIONS, options()) }),
    async () => ({ rules: (await client.policy(options())).rules }),
    async () => ({ upstreams: await client.upstreams(options()) }),
  ].map((ask) =>
    new Part(async () => {
      const answer = await ask();
      // What has come meanwhile stays.
      shown = { ...shown, ...answer };
    })
  );
  terminal.write(ENTER);
  try {
    show({});
    const lost = (error: unknown, pause: number): void => show({ trouble: lossOf(error, pause) });
    for await (const stats of client.followStats({ signal, lost })) {
      for (const part of parts) part.refresh();
      show({ stats, trouble: undefined });
    }
  } finally {
    terminal.write(LEAVE);
    ended.abort();
    await Promise.all(parts.map(({ asking }) => asking));
  }
}

/** What is asked anew with each snapshot, but not while it is being asked. */
class Part {
  asking: Promise<void> | undefined;

  constructor(readonly ask: () => Promise<void>) {}

  refresh(): void {
    // What is wrong with the connection the stream of snapshots tells.
    this.asking ??= this.ask().catch(() => {}).finally(() => this.asking = undefined);
  }
}

/** Everything anew, but at once, so that nothing flickers. */
function drawn(shown: Shown, size: Size): string {
  const lines = screen(shown, size).map(({ text, heading }) =>
    `\x1b[2K${heading ? `\x1b[1m${text}\x1b[m` : text}`
  );
  const below = lines.length < size.rows ? "\r\n\x1b[J" : "";
  return `\x1b[H${lines.join("\r\n")}${below}`;
}
