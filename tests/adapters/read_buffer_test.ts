import { assert, assertEquals, assertRejects } from "@std/assert";
import { channelOfConn } from "../../src/adapters/deno/conn.ts";
import { type Channel, ChannelError } from "../../src/channel.ts";
import { LEASE_OCTETS, type ScanLease, scanMemory } from "../../src/stages/scanner/scan_memory.ts";

/** Both ends of a connection. */
async function pair(): Promise<[ours: Channel, peer: Deno.Conn]> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const [conn, peer] = await Promise.all([
    listener.accept(),
    Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port }),
  ]);
  return [channelOfConn(conn), peer];
}

/** Reads what the peer has written, as mail data is read. */
async function readLarge(channel: Channel, peer: Deno.Conn, octet: number): Promise<Uint8Array> {
  await peer.write(Uint8Array.of(octet));
  const octets = await channel.read(LEASE_OCTETS);
  assertEquals(octets, Uint8Array.of(octet));
  return octets!;
}

Deno.test("a large read buffer is leased, and given back with the next read that is small", async () => {
  const [channel, peer] = await pair();
  const first = await readLarge(channel, peer, 1);
  assertEquals(scanMemory.leases, 1);
  assertEquals((await readLarge(channel, peer, 2)).buffer === first.buffer, true);
  await peer.write(Uint8Array.of(3));
  await channel.read();
  assertEquals(scanMemory.leases, 0);
  using lease = scanMemory.lease()!;
  assert(lease.octets.buffer === first.buffer);
  channel.close();
  peer.close();
});

Deno.test("a lease ends where the client ends its side", async () => {
  const [channel, peer] = await pair();
  await readLarge(channel, peer, 1);
  peer.close();
  assertEquals(await channel.read(LEASE_OCTETS), undefined);
  assertEquals(scanMemory.leases, 0);
  channel.close();
});

Deno.test("a connection that is closed keeps what it has read from the next one", async () => {
  for (const waiting of [false, true]) {
    const [channel, peer] = await pair();
    // Whoever writes this to an upstream may go on with it after the close.
    const last = await readLarge(channel, peer, 1);
    const read = waiting ? channel.read(LEASE_OCTETS) : undefined;
    channel.close();
    if (read) assertEquals((await assertRejects(() => read, ChannelError)).kind, "closed");
    assertEquals(scanMemory.leases, 0);
    const [next, nextPeer] = await pair();
    const other = await readLarge(next, nextPeer, 2);
    assert(other.buffer !== last.buffer);
    assertEquals(last, Uint8Array.of(1));
    next.close();
    peer.close();
    nextPeer.close();
  }
});

Deno.test("a closed channel leases nothing", async () => {
  const [channel, peer] = await pair();
  channel.close();
  await assertRejects(() => channel.read(LEASE_OCTETS), ChannelError);
  assertEquals(scanMemory.leases, 0);
  peer.close();
});

Deno.test("without a lease an ordinary buffer does", async () => {
  const leases: ScanLease[] = [];
  for (let lease = scanMemory.lease(); lease !== undefined; lease = scanMemory.lease()) {
    leases.push(lease);
  }
  const [channel, peer] = await pair();
  const read = await readLarge(channel, peer, 1);
  assertEquals(read.buffer.byteLength, LEASE_OCTETS);
  for (const lease of leases) lease.giveBack();
  channel.close();
  peer.close();
  assertEquals(scanMemory.leases, 0);
});
