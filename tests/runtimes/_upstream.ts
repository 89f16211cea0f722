/**
 * The server behind a proxy, in the test's own process: it takes messages, and shows which were never
 * ended.
 *
 * @module
 */

import { listen } from "../../src/adapters/deno/listener.ts";
import { concat } from "../../src/bytes.ts";
import type { Channel, SocketTarget, TlsServer } from "../../src/channel.ts";
import { systemClock, within } from "../../src/clock.ts";
import { createProxy } from "../../src/proxy.ts";
import { CaptureUpstream, type MessageStore } from "../../src/upstream/capture.ts";

/** A message that the upstream has taken. */
export interface Received {
  readonly reversePath: string;
  readonly forwardPaths: readonly string[];
  readonly content: Uint8Array;
}

/** See the module. */
export interface TestUpstream extends AsyncDisposable {
  readonly target: SocketTarget;
  /** Oldest first. */
  readonly messages: readonly Received[];
  /** Waits until a message with this reverse-path has been given up before its end. */
  abandoned(reversePath: string): Promise<void>;
}

/** To this mailbox: the upstream gets the whole message, and dies before its reply. */
export const DEADLY = "deadly@mx.example";

/**
 * Starts one.
 *
 * @param at Default: any free TCP port of 127.0.0.1.
 * @param tls Certificates for STARTTLS, without which it takes no mail then.
 */
export async function startUpstream(
  { at = { transport: "tcp", host: "127.0.0.1", port: 0 }, tls }: {
    readonly at?: SocketTarget;
    readonly tls?: TlsServer;
  } = {},
): Promise<TestUpstream> {
  const messages: Received[] = [];
  const abandoned = new Map<string, PromiseWithResolvers<void>>();
  const waitOf = (reversePath: string) => {
    const wait = abandoned.get(reversePath) ?? Promise.withResolvers<void>();
    abandoned.set(reversePath, wait);
    return wait;
  };
  const channels: Channel[] = [];
  const store: MessageStore = {
    open({ reversePath, recipients }) {
      const forwardPaths = recipients.map(({ forwardPath }) => forwardPath.address);
      const pieces: Uint8Array[] = [];
      return Promise.resolve({
        write: (octets) => Promise.resolve(void pieces.push(octets.slice())),
        commit() {
          if (forwardPaths.includes(DEADLY)) { for (const channel of channels) channel.close(); }
          else {
            messages.push({
              reversePath: reversePath.address,
              forwardPaths,
              content: concat(pieces),
            });
          }
          return Promise.resolve("received");
        },
        discard: () => Promise.resolve(waitOf(reversePath.address).resolve()),
      });
    },
  };
  const proxy = createProxy({
    hostname: "upstream.example",
    upstream: new CaptureUpstream("capture:", store),
    trace: false,
    tls,
    tlsRequired: tls !== undefined,
  });
  const listener = await listen(at);
  const served = proxy.serve({
    address: listener.address,
    close: () => listener.close(),
    async *[Symbol.asyncIterator]() {
      for await (const channel of listener) {
        channels.push(channel);
        yield channel;
      }
    },
  });
  return {
    target: listener.address as SocketTarget,
    messages,
    abandoned: (reversePath) =>
      within(
        systemClock,
        10_000,
        `the message of ${reversePath} to be given up`,
        waitOf(reversePath).promise,
      ),
    async [Symbol.asyncDispose]() {
      await proxy.close(0);
      await served;
    },
  };
}
