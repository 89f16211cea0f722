/**
 * A program behind a socket, played by a function, and what comes of it.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { memoryPair } from "../../src/adapters/memory.ts";
import { encode } from "../../src/bytes.ts";
import { type Channel, ChannelError, type Dialer, type Target } from "../../src/channel.ts";
import type { OnFailure, Policy } from "../../src/policy/policy.ts";
import { FakeClock } from "../_clock.ts";
import { rest } from "../_peer.ts";
import { openSession } from "../../src/testing/mod.ts";
import { oddMessagesByData } from "./_odd_messages.ts";
import { deliver, type DeliverOptions, type Outcome } from "./_deliver.ts";

/** Where the program is said to be. */
export const target: Target = { transport: "tcp", host: "192.0.2.9", port: 9 };

/** What it does on one connection; afterwards it hangs up. */
export type Act = (channel: Channel) => Promise<unknown>;

/** See the module. */
export class Program {
  /** Connections that its clients have not closed. */
  open = 0;
  readonly dialer: Dialer = {
    connect: () => {
      const [client, server] = memoryPair();
      const close = client.close.bind(client);
      this.open++;
      client.close = () => {
        client.close = close;
        this.open--;
        close();
      };
      this.act(server).catch((error) => {
        // The client has hung up, as it may.
        if (!(error instanceof ChannelError)) throw error;
      }).finally(() => server.close());
      return Promise.resolve(client);
    },
  };

  constructor(readonly act: Act) {}
}

/** Nobody is there. */
export const nobody: Dialer = {
  connect: () => Promise.reject(new ChannelError("refused", "Nobody is there")),
};

/** Nobody says whether anybody is there. */
export const nowhere: Dialer = {
  connect: (_target, signal) =>
    new Promise((_, reject) =>
      signal.addEventListener("abort", () => reject(new ChannelError("aborted", "Stopped")))
    ),
};

const latin1 = new TextDecoder("latin1");

/** Reads until what has come ends with `mark`, or to the end. */
export async function readThrough(channel: Channel, mark?: string): Promise<string> {
  let all = "";
  while (mark === undefined || !all.endsWith(mark)) {
    const octets = await channel.read(65_536);
    if (octets === undefined) break;
    all += latin1.decode(octets);
  }
  return all;
}

/** Says something and waits for the client to hang up. */
export async function say(channel: Channel, answer: string): Promise<void> {
  await channel.write(encode(answer));
  await readThrough(channel);
}

/** Neither reads nor says anything, until the client hangs up. */
export const silent: Act = (channel) => channel.write(new Uint8Array(1_000_000)).catch(() => {});

export const HEADER = "Subject: Hi\r\n\r\n";
export const LINE = "0123456789abcdef0123456789abcdef0123456789abcdef01\r\n";
/** Larger than what is held on its way. */
export const LARGE = HEADER + LINE.repeat(12_000);

/** Sends a message through a policy, with all the time that it takes. */
export async function delivered(
  policy: Policy,
  content: string,
  options: DeliverOptions = {},
): Promise<Outcome> {
  const clock = new FakeClock();
  let settled = false;
  const outcome = deliver(policy, content, { clock, ...options }).finally(() => settled = true);
  for (let second = 0; !settled && second < 200; second++) {
    await rest();
    if (!settled) await clock.advance(1_000);
  }
  return await outcome;
}

/** What the upstream says to what it takes. */
export const TAKEN = "250 2.0.0 Ok: kept as memory";

/** Every odd message passes octet for octet; with fields on top, where the policy puts any there. */
export async function assertPassesOddMessages(t: Deno.TestContext, policy: Policy): Promise<void> {
  for (const [name, octets] of oddMessagesByData) {
    await t.step(name, async () => {
      await using session = await openSession({ policy });
      await session.cmd("MAIL FROM:<a@x.example>", "250");
      await session.cmd("RCPT TO:<b@y.example>", "250");
      await session.message(octets, "250");
      const [{ content }] = session.captured;
      const text = new TextDecoder("latin1");
      const kept = text.decode(content)
        .replace(/(?<=^|\r\n)X-Spam-[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*/g, "");
      assertEquals(kept, text.decode(octets));
    });
  }
}

const FAILURES: Readonly<Record<OnFailure, string>> = {
  accept: TAKEN,
  defer: "451 4.3.0 Temporary failure, try again later",
  reject: "550 5.7.0 Cannot be checked",
};

/** A program that is of no use: the stated answer, nothing delivered by accident, nothing left open. */
export async function assertFails(
  program: Act | Dialer,
  policyOf: (dialer: Dialer, onFailure: OnFailure) => Policy,
  contents: readonly string[] = [HEADER, LARGE],
): Promise<void> {
  const played = typeof program === "function" ? new Program(program) : undefined;
  const dialer = typeof program === "function" ? played!.dialer : program;
  for (const [onFailure, reply] of Object.entries(FAILURES)) {
    for (const content of contents) {
      const outcome = await delivered(policyOf(dialer, onFailure as OnFailure), content);
      assertEquals(outcome, { reply, ...onFailure === "accept" && { content } });
      await rest();
      assertEquals(played?.open ?? 0, 0, "connections that are left open");
    }
  }
}
