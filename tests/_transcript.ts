/**
 * Transcripts: dialogues in files, which say what each of the three parties does next.
 *
 * ```
 * note: Anything, for the reader.
 * options: {"offers": ["PIPELINING"]}
 * client: EHLO client.example        the client sends this line
 * proxy: 250 proxy.example*          the client receives this line; * is any rest
 * upstream< MAIL FROM:<a@b.example>  the upstream receives this line
 * upstream: 250 2.1.0 Ok             the upstream sends this line
 * clock: +5m                         time passes
 * ```
 *
 * A line is sent with CRLF, unless a backslash ends it; `\r`, `\n`, `\0`, `\xHH` and `\\` stand for
 * octets. What is no line stands in brackets: `[close]`, `[half-close]`, `[reset]`, `[nothing]`,
 * `[tls]`; for the upstream also `[refuse]` and `[stall]` (the next dial), `[accept]` (go on with
 * the next connection), for the client `[ready]` (greeted, EHLO said and answered). `[dropped n]` says how many octets a handshake has swept away.
 *
 * Options: those of {@linkcode StageOptions}. With `offers`, greeting, EHLO and the probes before
 * EHLO's reply are played behind the scenes; without, the transcript shows them.
 */

import { assertEquals } from "@std/assert";
import { text } from "./_chunking.ts";
import { leave, type Peer, rest, Stage, type StageOptions } from "./_dialogue.ts";

const STEP = /^(note|options|clock|client|proxy|upstream<|upstream):? ?([^\n]*)$/;
const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 };

interface Step {
  readonly role: string;
  readonly says: string;
  readonly at: number;
}

function* steps(transcript: string): Generator<Step> {
  for (const [index, line] of transcript.split("\n").entries()) {
    if (line === "") continue;
    const match = STEP.exec(line);
    if (match === null) throw new SyntaxError(`Line ${index + 1} has no role: ${line}`);
    yield { role: match[1], says: match[2], at: index + 1 };
  }
}

/** Undoes the escapes. */
function unescaped(written: string): string {
  const raw = text(new TextEncoder().encode(written));
  const escapes: Readonly<Record<string, string>> = { r: "\r", n: "\n", "0": "\0", "\\": "\\" };
  return raw.replace(
    /\\(?:x([0-9A-F]{2})|([rn0\\]))/g,
    (_, hex, letter) =>
      hex === undefined ? escapes[letter] : String.fromCharCode(parseInt(hex, 16)),
  );
}

/** The octets of a line: with CRLF, unless it ends with a backslash that is not itself escaped. */
function wire(written: string): string {
  return /(?:^|[^\\])(?:\\\\)*\\$/.test(written)
    ? unescaped(written.slice(0, -1))
    : `${unescaped(written)}\r\n`;
}

/** Plays one transcript. */
export async function play(transcript: string): Promise<void> {
  const all = [...steps(transcript)];
  await new Play(new Stage(optionsOf(all))).run(all);
}

/**
 * Plays one transcript with upstream connections that are kept. Then QUIT comes when nobody wants the
 * connection any more, which is none of the dialogue's business: it is answered behind the scenes.
 */
export async function playPooled(transcript: string): Promise<void> {
  const all = [...steps(transcript)];
  await new Play(new Stage({ ...optionsOf(all), pool: {} })).run(withoutFarewells(all));
}

/** Whether that can be: not where it is shown how connections are made, or each is one client's. */
export function poolable(transcript: string): boolean {
  const { offers, upstream } = optionsOf([...steps(transcript)]);
  return offers !== undefined && upstream?.identify !== "xclient";
}

function optionsOf(all: readonly Step[]): StageOptions {
  const written = all.filter(({ role }) => role === "options").map(({ says }) => says).join("");
  return JSON.parse(written || "{}");
}

/** Leaves out each QUIT upstream and what the upstream does about it. */
function withoutFarewells(all: readonly Step[]): Step[] {
  let leaving = false;
  return all.filter(({ role, says }) => {
    leaving = (role === "upstream<" && says === "QUIT") ||
      (leaving && role.startsWith("upstream") && (says === "[close]" || says.startsWith("221 ")));
    return !leaving;
  });
}

class Play {
  readonly #client: Peer;
  #upstream: Peer | undefined;
  #dropped = 0;

  constructor(readonly stage: Stage) {
    this.#client = stage.connect();
  }

  async run(all: readonly Step[]): Promise<void> {
    for (const { role, says, at } of all) {
      try {
        await this.#step(role, says);
      } catch (error) {
        throw new Error(`Line ${at}: ${role} ${says}`, { cause: error });
      }
    }
    await this.stage.end();
  }

  async #step(role: string, says: string): Promise<void> {
    switch (role) {
      case "clock":
        return await this.#pass(says);
      case "client":
        if (says === "[ready]") return void await this.stage.ready(this.#client);
        return await this.#acts(this.#client, says);
      case "proxy":
        return await this.#sees(this.#client, says);
      case "upstream":
        return await this.#upstreamActs(says);
      case "upstream<":
        return await this.#sees(this.#ending(says) ?? await this.#connected(), says);
    }
  }

  async #pass(says: string): Promise<void> {
    const [, count, unit] = /^\+([0-9]+)([smh])$/.exec(says) ?? [];
    await rest();
    await this.stage.clock.advance(Number(count) * SECONDS[unit] * 1000);
  }

  /** The connection that is being played; the next one where the last has ended. */
  async #connected(): Promise<Peer> {
    const { upstream, options } = this.stage;
    if (options.pool !== undefined && this.#upstream?.unread === "QUIT\r\n") {
      await leave(this.#upstream);
    }
    if (this.#upstream?.closed || this.#upstream?.ended && this.#upstream.unread === "") {
      this.#upstream = undefined;
    }
    return this.#upstream ??= await upstream.accept();
  }

  async #upstreamActs(says: string): Promise<void> {
    const { upstream } = this.stage;
    if (says === "[refuse]") upstream.refusals++;
    else if (says === "[stall]") upstream.stalls++;
    else if (says === "[accept]") this.#upstream = await upstream.accept();
    else await this.#acts(this.#ending(says) ?? await this.#connected(), says);
  }

  /** The end of a connection is that of the one being played, even if it has ended already. */
  #ending(says: string): Peer | undefined {
    return says === "[close]" || says === "[reset]" ? this.#upstream : undefined;
  }

  async #acts(peer: Peer, says: string): Promise<void> {
    const actions: Readonly<Record<string, () => void | Promise<void>>> = {
      "[close]": () => peer.close(),
      "[reset]": () => peer.reset(),
      "[half-close]": () => peer.halfClose(),
    };
    await (actions[says]?.() ?? (says in actions ? undefined : peer.send(wire(says))));
  }

  async #sees(peer: Peer, says: string): Promise<void> {
    const [, dropped] = /^\[dropped ([0-9]+)\]$/.exec(says) ?? [];
    if (dropped !== undefined) {
      const { client, upstream } = this.stage.dropped;
      this.#dropped += Number(dropped);
      return assertEquals(client + upstream, this.#dropped, "octets dropped at handshakes");
    }
    if (says === "[nothing]") return await peer.expectNothing();
    if (says === "[close]") return await this.#seesEnd(peer);
    if (!says.endsWith("\\")) return await peer.expect(unescaped(says));
    const expected = wire(says);
    assertEquals(await peer.octets(expected.length), expected);
  }

  /** What an open transaction ends with: where the connection is kept, RSET. */
  async #seesEnd(peer: Peer): Promise<void> {
    await rest();
    const kept = this.stage.options.pool !== undefined && peer === this.#upstream;
    if (!kept || peer.unread !== "RSET\r\n") return await peer.expectClose();
    peer.take();
    await peer.send("250 2.0.0 Ok\r\n");
  }
}
