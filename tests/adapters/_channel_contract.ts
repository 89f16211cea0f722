/**
 * What every channel promises, whatever it is made of.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { type Channel, ChannelError } from "../../src/channel.ts";

/** Two ends of one connection, and what else has to be put away after a test. */
export interface ChannelPair {
  readonly one: Channel;
  readonly other: Channel;
  readonly dispose?: () => void | Promise<void>;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * Registers the suite for one kind of channel.
 *
 * @param holds The most octets that may lie between a writer and a peer that does not read.
 */
export function channelContract(
  name: string,
  holds: number,
  makePair: () => Promise<ChannelPair>,
): void {
  const contract = (promise: string, body: (one: Channel, other: Channel) => Promise<void>) =>
    Deno.test(`${name}: ${promise}`, async () => {
      const { one, other, dispose } = await makePair();
      try {
        await body(one, other);
      } finally {
        one.close();
        other.close();
        await dispose?.();
      }
    });

  contract("carries 5 MB each way in odd chunks, unchanged and in order", async (one, other) => {
    const sent = pattern(5_000_000);
    const echo = async () => {
      for (let octets; (octets = await other.read(65536)) !== undefined;) await other.write(octets);
      await other.closeWrite();
    };
    const send = async () => {
      for (let at = 0, size = 1; at < sent.length; at += size, size = size * 7 % 99_991) {
        await one.write(sent.subarray(at, at + size));
      }
      await one.closeWrite();
    };
    const [received] = await Promise.all([readAll(one), echo(), send()]);
    assertEquals(received.length, sent.length);
    assert(equal(received, sent), "the octets differ");
  });

  contract("delivers what was written before our end and our close", async (one, other) => {
    const sent = pattern(50_000);
    const hangUp = async () => {
      await one.write(sent);
      await one.closeWrite();
      one.close();
    };
    const [received] = await Promise.all([readAll(other), hangUp()]);
    assert(equal(received, sent), "the octets differ");
  });

  contract("leaves the written octets to the writer afterwards", async (one, other) => {
    const octets = encoder.encode("first");
    await one.write(octets);
    octets.fill(0);
    await one.closeWrite();
    assertEquals(decoder.decode(await readAll(other)), "first");
  });

  contract("lets the peer reply after our end", async (one, other) => {
    await one.write(encoder.encode("question"));
    await one.closeWrite();
    await one.closeWrite();
    assertEquals(decoder.decode(await readAll(other)), "question");
    await other.write(encoder.encode("answer"));
    await other.closeWrite();
    assertEquals(decoder.decode(await readAll(one)), "answer");
  });

  contract("stays at its end once it is there", async (one, other) => {
    await one.closeWrite();
    assertEquals(await other.read(), undefined);
    assertEquals(await other.read(), undefined);
  });

  contract("holds a writer back whose peer does not read", async (one, other) => {
    const chunk = pattern(Math.min(holds, 65536));
    let written = 0;
    const writing = (async () => {
      for (; written <= holds; written += chunk.length) await one.write(chunk);
    })();
    await untilStill(() => written);
    assert(written <= holds, `${written} octets were taken, at most ${holds} may be`);
    // It goes on as soon as the peer reads.
    for (const before = written; written === before;) await other.read(65536);
    one.close();
    await writing.catch(() => {});
  });

  contract("rejects a read that is pending when we close", async (one) => {
    const rejected = assertRejects(() => one.read(), ChannelError);
    one.close();
    assertEquals((await rejected).kind, "closed");
  });

  contract("rejects a write that is pending when we close", async (one) => {
    const chunk = pattern(1024 * 1024);
    let writes = 0;
    const rejected = assertRejects(async () => {
      for (;; writes++) await one.write(chunk);
    }, ChannelError);
    await untilStill(() => writes);
    one.close();
    assertEquals((await rejected).kind, "closed");
  });

  contract("rejects reads and writes after we have closed", async (one) => {
    one.close();
    one.close();
    await one.closeWrite();
    assertEquals((await assertRejects(() => one.read(), ChannelError)).kind, "closed");
    assertEquals(
      (await assertRejects(() => one.write(pattern(1)), ChannelError)).kind,
      "closed",
    );
  });

  contract("rejects a write after our own end", async (one) => {
    await one.closeWrite();
    assertEquals(
      (await assertRejects(() => one.write(pattern(1)), ChannelError)).kind,
      "closed",
    );
  });

  contract("rejects writes, sooner or later, once the peer has closed", async (one, other) => {
    other.close();
    const error = await assertRejects(async () => {
      for (;;) await one.write(pattern(65536));
    }, ChannelError);
    assertEquals(error.kind, "broken");
  });

  contract("takes a write of nothing", async (one, other) => {
    await one.write(new Uint8Array(0));
    await one.write(encoder.encode("x"));
    assertEquals(decoder.decode(await other.read()), "x");
  });

  contract(
    "reads and writes at the same time without waiting for each other",
    async (one, other) => {
      const read = one.read();
      await one.write(encoder.encode("ping"));
      assertEquals(decoder.decode(await other.read()), "ping");
      await other.write(encoder.encode("pong"));
      assertEquals(decoder.decode(await read), "pong");
    },
  );
}

/** Waits until a number has not changed during many turns of the event loop. */
async function untilStill(count: () => number): Promise<void> {
  for (let turns = 0, last = -1; turns < 50; turns = count() === last ? turns + 1 : 0) {
    last = count();
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}

/** Octets that repeat late enough to show any loss or exchange. */
export function pattern(length: number): Uint8Array {
  const octets = new Uint8Array(length);
  for (let i = 0, state = 1; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    octets[i] = state >>> 24;
  }
  return octets;
}

/** Reads to the end. */
export async function readAll(channel: Channel): Promise<Uint8Array> {
  let whole = new Uint8Array(1024);
  let length = 0;
  for (let octets; (octets = await channel.read(65536)) !== undefined;) {
    if (length + octets.length > whole.length) {
      const larger = new Uint8Array(2 * (length + octets.length));
      larger.set(whole);
      whole = larger;
    }
    whole.set(octets, length);
    length += octets.length;
  }
  return whole.subarray(0, length);
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((octet, at) => octet === b[at]);
}
