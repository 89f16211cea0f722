/**
 * A proxy in memory with clients and an upstream that count for themselves: all that a mail
 * transaction is to come to stands in its addresses.
 */

import { memoryPair } from "../../src/adapters/memory.ts";
import type { Channel, Dialer } from "../../src/channel.ts";
import {
  definePolicy,
  discard,
  disconnect,
  Path,
  type Policy,
  quarantine,
  reject,
  rewrite,
} from "../../src/policy/mod.ts";
import { octets, text } from "../_chunking.ts";
import { settle } from "../_clock.ts";

/** Counts by name. */
export class Count {
  readonly #counts = new Map<string, number>();

  add(key: string, n: number = 1): void {
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + n);
  }

  /** In the order of the names, without those that are 0. */
  get all(): Record<string, number> {
    const counted = [...this.#counts].filter(([, n]) => n !== 0);
    return Object.fromEntries(counted.sort(([a], [b]) => a < b ? -1 : 1));
  }
}

/** `data-p451` → the policy says 451 at DATA. */
function order(localPart: string, phase: string, who: "p" | "u"): string | undefined {
  return new RegExp(`^(?:${phase}-)?${who}([0-9]{3})$`).exec(localPart)?.[1];
}

/** Refuses, discards and rewrites as the addresses say. */
export const obedient: Policy = definePolicy({
  name: "obedient",
  mail({ reversePath: { localPart } }) {
    if (localPart === "mail-discard") return discard();
    const code = order(localPart, "mail", "p");
    return code === undefined ? undefined : reject(`${code} No`);
  },
  rcpt({ forwardPath: { localPart, domain } }) {
    if (localPart === "discard") return discard();
    if (localPart === "nobody") return rewrite([]);
    if (localPart === "several") {
      return rewrite(["one", "two", "three"].map((one) => Path.parse(`<${one}@${domain}>`)!));
    }
    const code = order(localPart, "rcpt", "p");
    if (code === "421") return disconnect("421 Enough");
    return code === undefined ? undefined : reject(`${code} No`);
  },
  data({ original: { reversePath: { localPart } } }) {
    if (localPart === "data-cut") return disconnect("421 Cut", { after: 5 });
    const code = order(localPart, "data", "p");
    return code === undefined ? undefined : reject(`${code} No`);
  },
  headers({ original: { reversePath: { localPart } } }) {
    const code = order(localPart, "headers", "p");
    return code === undefined ? undefined : reject(`${code} No`);
  },
  content({ original: { reversePath: { localPart } } }) {
    if (localPart === "content-discard") return discard();
    if (localPart === "content-quarantine") return quarantine();
    const code = order(localPart, "content", "p");
    return code === undefined ? undefined : reject(`${code} No`);
  },
});

/** Octets of a channel as lines and pieces. */
class Reader {
  #buffer = "";

  constructor(readonly channel: Channel) {}

  /** Up to and with the mark; nothing at the end. */
  async through(mark: string): Promise<string | undefined> {
    let end;
    while ((end = this.#buffer.indexOf(mark)) < 0) if (!await this.#fill()) return undefined;
    return this.#take(end + mark.length);
  }

  async exactly(count: number): Promise<string | undefined> {
    while (this.#buffer.length < count) if (!await this.#fill()) return undefined;
    return this.#take(count);
  }

  #take(count: number): string {
    const taken = this.#buffer.slice(0, count);
    this.#buffer = this.#buffer.slice(count);
    return taken;
  }

  async #fill(): Promise<boolean> {
    const octets = await this.channel.read().catch(() => undefined);
    if (octets !== undefined) this.#buffer += text(octets);
    return octets !== undefined;
  }
}

/** A server that obeys the addresses, too. */
export class CountingUpstream implements Dialer {
  /** Its replies: `MAIL 250`; `message none` where it hung up instead. */
  readonly replies = new Count();
  /** Messages that it has taken, their recipients and octets. */
  readonly taken = { messages: 0, recipients: 0, octets: 0 };
  open = 0;

  connect(): Promise<Channel> {
    const [near, far] = memoryPair({ names: ["proxy", "upstream"] });
    void this.#serve(far);
    return Promise.resolve(near);
  }

  async #serve(channel: Channel): Promise<void> {
    this.open++;
    const reader = new Reader(channel);
    const say = (line: string): Promise<void> => channel.write(octets(`${line}\r\n`));
    const answer = async (verb: string, reply: string): Promise<void> => {
      this.replies.add(`${verb} ${reply.slice(0, 3)}`);
      await say(reply);
    };
    let from = "";
    let recipients = 0;
    const end = async (message: string): Promise<void> => {
      if (from === "message-hangup") {
        this.replies.add("message none");
        return channel.close();
      }
      const refusal = order(from, "message", "u");
      if (refusal === undefined) {
        this.taken.messages++;
        this.taken.recipients += recipients;
        this.taken.octets += message.length;
      }
      await answer("message", `${refusal ?? "250"} Heard`);
    };
    try {
      await say("220 upstream.example ESMTP");
      for (let line; (line = await reader.through("\r\n")) !== undefined;) {
        const [, verb, localPart = ""] = /^([A-Z]+)(?:[^<]*<([^@]*)@)?/.exec(line)!;
        switch (verb) {
          case "EHLO":
            await say("250-upstream.example\r\n250-PIPELINING\r\n250 CHUNKING");
            break;
          case "MAIL":
            from = localPart;
            recipients = 0;
            // So that recipients are on their way when MAIL is refused.
            await settle();
            await answer("MAIL", `${order(from, "mail", "u") ?? "250"} Heard`);
            break;
          case "RCPT": {
            const refusal = order(localPart, "rcpt", "u");
            if (refusal === undefined) recipients++;
            await answer("RCPT", `${refusal ?? "250"} Heard`);
            break;
          }
          case "DATA": {
            const refusal = order(from, "data", "u");
            await answer("DATA", `${refusal ?? "354"} Heard`);
            if (refusal !== undefined) break;
            const message = await reader.through("\r\n.\r\n");
            if (message === undefined) return;
            await end(message.slice(0, -3).replace(/^\./gm, ""));
            break;
          }
          case "BDAT": {
            const [, size, last] = /^BDAT ([0-9]+)( LAST)?/.exec(line)!;
            const chunk = await reader.exactly(Number(size));
            if (chunk === undefined) return;
            if (last === undefined) throw new Error("a message of that size needs one chunk");
            const refusal = order(from, "data", "u");
            if (refusal !== undefined) await answer("message", `${refusal} Heard`);
            else await end(chunk);
            break;
          }
          case "QUIT":
            return await say("221 Bye");
          default:
            await say("250 Ok");
        }
      }
    } catch {
      // The proxy has hung up.
    } finally {
      channel.close();
      this.open--;
    }
  }
}

/** A client that counts what it says and hears. */
export class CountingClient {
  /** Verbs of commands that the proxy has taken in. */
  readonly commands: Count;
  /** Codes of replies. */
  readonly replies: Count;
  readonly #reader: Reader;

  constructor(readonly channel: Channel, counts: { commands: Count; replies: Count }) {
    this.commands = counts.commands;
    this.replies = counts.replies;
    this.#reader = new Reader(channel);
  }

  /** Sends commands in one piece. */
  async send(...lines: readonly string[]): Promise<void> {
    for (const line of lines) this.commands.add(/^[A-Z]+/.exec(line)![0]);
    await this.raw(lines.map((line) => `${line}\r\n`).join(""));
  }

  async raw(data: string): Promise<void> {
    await this.channel.write(octets(data));
  }

  /** The code of the next reply; nothing at the end. */
  async code(): Promise<number | undefined> {
    for (let line; (line = await this.#reader.through("\r\n")) !== undefined;) {
      if (line[3] === "-") continue;
      this.replies.add(line.slice(0, 3));
      return Number(line.slice(0, 3));
    }
    return undefined;
  }

  /** Sends a command and waits for its reply. */
  async ask(line: string): Promise<number | undefined> {
    await this.send(line);
    return await this.code();
  }
}
