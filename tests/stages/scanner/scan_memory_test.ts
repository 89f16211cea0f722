import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import {
  LEASE_OCTETS,
  type ScanLease,
  ScanMemory,
  scanMemory,
} from "../../../src/stages/scanner/scan_memory.ts";

/** A memory of small buffers that counts how many it has made. */
function counting(): { memory: ScanMemory; made(): number } {
  let made = 0;
  return { memory: new ScanMemory(() => new Uint8Array(++made)), made: () => made };
}

Deno.test("ScanMemory: what is given back is lent again, once", () => {
  const { memory, made } = counting();
  const one = memory.lease()!;
  const two = memory.lease()!;
  assert(one.octets !== two.octets);
  one.giveBack();
  one.giveBack();
  one[Symbol.dispose]();
  assertEquals(memory.leases, 1);
  assertStrictEquals(memory.lease()!.octets, one.octets);
  assert(memory.lease()!.octets !== one.octets);
  assertEquals([memory.leases, made()], [3, 3]);
});

Deno.test("ScanMemory: what somebody may still use is never lent again", () => {
  const { memory } = counting();
  let octets: Uint8Array;
  {
    using lease = memory.lease()!;
    octets = lease.octets;
  }
  assertEquals(memory.leases, 0);
  assert(memory.lease()!.octets !== octets);
});

Deno.test("ScanMemory: 64 leases at a time, of which 16 are kept", () => {
  const { memory, made } = counting();
  const lend = () => Array.from({ length: 64 }, () => memory.lease() as ScanLease);
  const leases = lend();
  assertEquals(memory.lease(), undefined);
  leases[7][Symbol.dispose]();
  leases[7] = memory.lease()!;
  assert(leases[7] !== undefined);
  assertEquals(memory.lease(), undefined);
  for (const lease of leases) lease.giveBack();
  assertEquals([memory.leases, made()], [0, 65]);
  lend();
  assertEquals(made(), 65 + 64 - 16);
});

Deno.test("ScanMemory: no lease where there is no memory", () => {
  const memory = new ScanMemory(() => undefined);
  assertEquals([memory.lease(), memory.leases], [undefined, 0]);
});

Deno.test("scanMemory: leases have their size", () => {
  const lease = scanMemory.lease()!;
  assertEquals(lease.octets.length, LEASE_OCTETS);
  lease.giveBack();
});
