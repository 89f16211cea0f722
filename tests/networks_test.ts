import { assertEquals, assertThrows } from "@std/assert";
import { Networks } from "../src/networks.ts";

Deno.test("networks: which addresses lie in which network", () => {
  const rows: readonly [network: string, inside: string[], outside: string[]][] = [
    ["192.0.2.0/24", ["192.0.2.0", "192.0.2.255", "::ffff:192.0.2.9"], ["192.0.3.0", "::1", ""]],
    ["192.0.2.7", ["192.0.2.7", "::ffff:c000:207"], ["192.0.2.8", "2001:db8::1"]],
    ["0.0.0.0/0", ["255.255.255.255", "::ffff:1.2.3.4"], ["::1", "2001:db8::1"]],
    ["2001:db8::/32", ["2001:db8:ffff::1", "2001:DB8::1"], ["2001:db9::1", "192.0.2.1"]],
    ["::1", ["::1", "0:0:0:0:0:0:0:1"], ["::2", "127.0.0.1"]],
    ["::ffff:192.0.2.7", ["192.0.2.7", "::ffff:192.0.2.7"], ["192.0.2.8"]],
  ];
  for (const [network, inside, outside] of rows) {
    const networks = new Networks([network]);
    for (const address of inside) {
      assertEquals(networks.has(address), true, `${network} ${address}`);
    }
    for (const address of outside) {
      assertEquals(networks.has(address), false, `${network} ${address}`);
    }
  }
});

Deno.test("networks: none holds nothing, and several hold what each of them holds", () => {
  assertEquals(new Networks().has("127.0.0.1"), false);
  const both = new Networks(["127.0.0.0/8", "::1"]);
  assertEquals(["127.0.0.1", "::1", "10.0.0.1", "x"].map((one) => both.has(one)), [
    true,
    true,
    false,
    false,
  ]);
});

Deno.test("networks: what is none is refused where it is written", () => {
  for (
    const text of ["", "localhost", "192.0.2.0/33", "192.0.2.0/-1", "2001:db8::/129", "1.2.3.4/"]
  ) {
    assertThrows(() => new Networks([text]), RangeError, `found "${text}"`);
  }
});
