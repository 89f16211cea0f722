/** Memory of a write upstream that has failed: a runtime may not have done with it. */

import { assertEquals } from "@std/assert";
import type { Channel } from "../../src/channel.ts";
import { definePolicy } from "../../src/policy/mod.ts";
import { text } from "../_chunking.ts";
import { onStage, rest, type StageOptions } from "../_dialogue.ts";
import { Robots } from "../_robot.ts";

/** A channel that reads large octets after their write has been broken off. */
class Dawdling implements Channel {
  readonly localAddress;
  readonly remoteAddress;
  #fail: (error: unknown) => void = () => {};

  constructor(readonly channel: Channel, readonly held: Uint8Array[]) {
    this.localAddress = channel.localAddress;
    this.remoteAddress = channel.remoteAddress;
  }

  read(size?: number): Promise<Uint8Array | undefined> {
    return this.channel.read(size);
  }

  write(octets: Uint8Array): Promise<void> {
    if (this.held.length > 0 || octets.length < 4_000) return this.channel.write(octets);
    this.held.push(octets);
    return new Promise((_, reject) => this.#fail = reject);
  }

  closeWrite(): Promise<void> {
    return this.channel.closeWrite();
  }

  close(): void {
    this.channel.close();
    this.channel.write(new Uint8Array(1)).catch(this.#fail);
  }
}

const message = (letter: string, lines: number): string =>
  `Subject: x\r\n\r\n${`${letter.repeat(60)}\r\n`.repeat(lines)}`;

interface Row {
  readonly options: StageOptions;
  readonly pieces: readonly string[];
  /** Where DATA is said upstream. */
  readonly data?: true;
}

const rows: Readonly<Record<string, Row>> = {
  "the window of a filter": {
    options: {
      proxy: { policy: definePolicy({ content: () => undefined }) },
      upstream: { chunking: "as-received", chunkSize: 1_000 },
    },
    pieces: [`${message("A", 100)}.\r\n`],
  },
  "a message that was held": {
    options: { upstream: { chunking: "small" } },
    pieces: [message("A", 75), `${"A".repeat(60)}\r\n`, message("A", 200)],
    data: true,
  },
};

for (const [name, { options, pieces, data }] of Object.entries(rows)) {
  for (const refused of [true, false]) {
    Deno.test(`failed write: ${name}, ${refused ? "refused before" : "too late"}`, async () => {
      const held: Uint8Array[] = [];
      await onStage({ offers: ["PIPELINING", "CHUNKING"], ...options }, async (stage) => {
        stage.upstream.wrap = (channel) => new Dawdling(channel, held);
        const { client, upstream } = await stage.recipients();
        await client.send("DATA\r\n");
        await client.expect("354 *");
        for (const piece of pieces) {
          await client.send(piece);
          await rest();
        }
        if (data) {
          await upstream.expect("DATA");
          await upstream.send("354 Go on\r\n");
          await rest();
        }
        const before = held.map(text);
        assertEquals(before.length, 1);
        upstream.take();
        if (refused) await upstream.send("421 4.3.2 Going down\r\n");
        await rest();
        await stage.clock.advance(180_000);
        await rest();
        const robots = new Robots(stage);
        const other = await stage.ready();
        const opening = ["MAIL FROM:<o@x.example>\r\n", "RCPT TO:<b@y.example>\r\n", "DATA\r\n"];
        for (const octets of [...opening, `${message("B", 75)}.\r\n`]) {
          await other.send(octets);
          await robots.rest();
        }
        assertEquals(robots.messages.length, 1);
        assertEquals(held.map(text), before);
        for (const peer of [other, client, upstream]) peer.take();
      });
    });
  }
}
