/** A milter that says whatever a test wants, in memory. */

import { memoryPair } from "../../../src/adapters/memory.ts";
import { concat, encode } from "../../../src/bytes.ts";
import { type Channel, ChannelError, type Dialer } from "../../../src/channel.ts";
import { ACTION } from "../../../src/content/milter/negotiation.ts";
import {
  LARGEST,
  number32,
  type Packet,
  packet,
  PacketSplitter,
  string,
} from "../../../src/content/milter/packet.ts";

const latin1 = new TextDecoder("latin1");

/** What it does when it is told something: octets to send, perhaps its last, or nothing. */
export type Deed = Uint8Array | { readonly last: Uint8Array } | "silence" | "death" | "deafness";

/** What it does, or how it decides upon that. */
export type Reaction = Deed | ((told: string) => Deed);

/** What it is. */
export interface Script {
  /** @default 6 */
  readonly version?: number;
  /** Bits of `ACTION`. @default adding and changing header fields, and quarantine */
  readonly actions?: number;
  /** Bits of `STEP`. @default 0 */
  readonly steps?: number;
  /** Macros that it wants, by the number of the moment. @default the usual ones */
  readonly macros?: Readonly<Record<number, string>>;
  /** In the place of its part of the negotiation. */
  readonly negotiation?: Reaction;
  /** By the command's code. @default "continue" where an answer belongs */
  readonly on?: Readonly<Record<string, Reaction>>;
}

const NAMES: Readonly<Record<string, string>> = {
  A: "abort",
  B: "body",
  C: "connect",
  E: "end",
  H: "helo",
  L: "header",
  M: "mail",
  N: "endOfHeaders",
  Q: "quit",
  R: "rcpt",
  T: "data",
};

/** Answers. */
export const CONTINUE = packet("c");
export const ACCEPT = packet("a");
export const REJECT = packet("r");
export const TEMPFAIL = packet("t");
export const DISCARD = packet("d");
export const SKIP = packet("s");
export const PROGRESS = packet("p");
export const QUARANTINE = packet("q", string("odd"));
export const replyCode = (text: string): Uint8Array => packet("y", string(text));
export const addHeader = (name: string, value: string): Uint8Array =>
  packet("h", string(name), string(value));
export const insertHeader = (index: number, name: string, value: string): Uint8Array =>
  packet("i", number32(index), string(name), string(value));
export const changeHeader = (index: number, name: string, value: string): Uint8Array =>
  packet("m", number32(index), string(name), string(value));
export const all = (...packets: readonly Uint8Array[]): Uint8Array => concat(packets);

/** Those that have no answer, whatever was agreed upon. */
const UNANSWERED = "ADQ";

/** See the file. It is its own dialer. */
export class FakeMilter implements Dialer {
  /** What it was told, without macros. */
  readonly told: string[] = [];
  /** The macros that it was told: `C {daemon_name}=smtp`. */
  readonly macros: string[] = [];
  /** Connections so far. */
  connections = 0;
  /** Connections of which both ends are not closed yet. */
  open = 0;
  readonly #ends: Promise<void>[] = [];

  /** @param script May be changed between two connections. */
  constructor(public script: Script = {}) {}

  connect(): Promise<Channel> {
    const [near, far] = memoryPair({ names: ["milter", "sluice"] });
    this.serve(far);
    return Promise.resolve(near);
  }

  /** Begins with a connection that somebody else has opened. */
  serve(channel: Channel, script: Script = this.script): void {
    this.connections++;
    this.open++;
    this.#ends.push(this.#listen(channel, script).finally(() => this.open--));
  }

  /** All that it has been told, once every connection is closed. */
  async end(): Promise<readonly string[]> {
    await Promise.all(this.#ends);
    return this.told;
  }

  async #listen(channel: Channel, script: Script): Promise<void> {
    const splitter = new PacketSplitter();
    const packets: Packet[] = [];
    try {
      for (let octets; (octets = await channel.read(LARGEST)) !== undefined;) {
        splitter.transform(octets, { enqueue: (one) => void packets.push(one) });
        for (const one of packets.splice(0)) {
          const deed = this.#react(one, script);
          if (deed === "deafness") return;
          if (deed === "death") return channel.close();
          if (deed === "silence") continue;
          await channel.write("last" in deed ? deed.last : deed);
          if ("last" in deed) return await channel.closeWrite();
        }
      }
      channel.close();
    } catch (error) {
      if (!(error instanceof ChannelError)) throw error;
      channel.close();
    }
  }

  #react(told: Packet, script: Script): Deed {
    const words = inWords(told);
    if (told.code === "D") this.macros.push(words);
    else if (told.code !== "O") this.told.push(words);
    const reaction = told.code === "O"
      ? script.negotiation ?? agreement(script)
      : script.on?.[told.code] ?? (UNANSWERED.includes(told.code) ? "silence" : CONTINUE);
    return typeof reaction === "function" ? reaction(words) : reaction;
  }
}

function agreement({ version = 6, actions, steps = 0, macros = {} }: Script): Uint8Array {
  const { addHeaders, changeHeaders, quarantine } = ACTION;
  return packet(
    "O",
    number32(version),
    number32(actions ?? (addHeaders | changeHeaders | quarantine)),
    number32(steps),
    ...Object.entries(macros).flatMap(([at, names]) => [number32(Number(at)), string(names)]),
  );
}

/** `mail <a@x.example>|SIZE=3`: NULs are bars. */
function inWords({ code, data }: Packet): string {
  if (code === "D") {
    const [, ...words] = latin1.decode(data).replace(/^./, "$&\0").split("\0").slice(0, -1);
    const pairs = words.flatMap((word, at) => at % 2 === 0 ? [`${word}=${words[at + 1]}`] : []);
    return [latin1.decode(data.subarray(0, 1)), ...pairs].join(" ");
  }
  const name = NAMES[code] ?? code;
  if (code === "C") {
    const end = data.indexOf(0) + 1;
    const [family, high, low] = data.subarray(end);
    const host = latin1.decode(data.subarray(0, end - 1));
    const address = latin1.decode(data.subarray(end + 3, -1));
    return family === 0x55
      ? `${name} ${host}`
      : `${name} ${host} ${String.fromCharCode(family)} ${high * 256 + low} ${address}`;
  }
  const text = code === "B" ? latin1.decode(data) : latin1.decode(data.subarray(0, -1));
  return text === "" ? name : `${name} ${text.replaceAll("\0", "|")}`;
}

/** Octets that are no packet of any kind. */
export const GARBAGE = encode("HTTP/1.1 400 Bad Request\r\n\r\n");
