import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { CidrSet } from "../src/cidr_set.ts";
import { parseAddress } from "../src/prefix.ts";

Deno.test("parseAddress: the words of every form", () => {
  const rows: readonly [text: string, words: readonly number[] | undefined][] = [
    ["192.0.2.1", [0xc0000201 | 0]],
    ["255.255.255.255", [-1]],
    ["0.0.0.0", [0]],
    ["::", [0, 0, 0, 0]],
    ["::1", [0, 0, 0, 1]],
    ["1::", [0x10000, 0, 0, 0]],
    ["1:2:3:4:5:6:7:8", [0x10002, 0x30004, 0x50006, 0x70008]],
    ["1:2::7:8", [0x10002, 0, 0, 0x70008]],
    ["2001:DB8::FFFF", [0x20010db8, 0, 0, 0xffff]],
    ["2001:db8::192.0.2.1", [0x20010db8, 0, 0, 0xc0000201 | 0]],
    ["::ffff:192.0.2.1", [0xc0000201 | 0]],
    ["::ffff:c000:201", [0xc0000201 | 0]],
    ["::fffe:192.0.2.1", [0, 0, 0xfffe, 0xc0000201 | 0]],
    ["", undefined],
    ["192.0.2", undefined],
    ["192.0.2.01", undefined],
    ["[192.0.2.1]", undefined],
    ["fe80::1%eth0", undefined],
    ["1".repeat(100_000), undefined],
  ];
  for (const [text, words] of rows) assertEquals(parseAddress(text), words, text.slice(0, 50));
});

Deno.test("CidrSet: the longest prefix counts", () => {
  const set = new CidrSet<string>();
  const prefixes = [
    ...["10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "10.1.2.3", "10.1.2.128/25"],
    ...["2001:db8::/32", "2001:db8:0:1::/64", "2001:db8::7", "::ffff:192.0.2.0/120"],
  ];
  for (const prefix of prefixes) assertEquals(set.add(prefix, prefix), undefined);
  assertEquals(set.size, prefixes.length);
  const rows: readonly [address: string, prefix: string | undefined][] = [
    ["10.9.9.9", "10.0.0.0/8"],
    ["10.1.9.9", "10.1.0.0/16"],
    ["10.1.2.9", "10.1.2.0/24"],
    ["10.1.2.3", "10.1.2.3"],
    ["::ffff:10.1.2.3", "10.1.2.3"],
    ["10.1.2.200", "10.1.2.128/25"],
    ["11.0.0.0", undefined],
    ["192.0.2.200", "::ffff:192.0.2.0/120"],
    ["2001:db8:ffff::1", "2001:db8::/32"],
    ["2001:db8:0:1::9", "2001:db8:0:1::/64"],
    ["2001:db8::7", "2001:db8::7"],
    ["2001:db9::7", undefined],
    ["::10.1.2.3", undefined],
    ["mail.example", undefined],
  ];
  for (const [address, prefix] of rows) {
    assertEquals(set.get(address), prefix, address);
    assertEquals(set.has(address), prefix !== undefined, address);
  }
});

Deno.test("CidrSet: the prefix of no bits is one of its family", () => {
  const set = new CidrSet<string>();
  set.add("::/0", "six");
  assertEquals([set.get("::1"), set.get("1.2.3.4")], ["six", undefined]);
  set.add("0.0.0.0/0", "four");
  assertEquals([set.get("::1"), set.get("1.2.3.4")], ["six", "four"]);
  // All that is IPv4-mapped is all of IPv4; a prefix that holds more is one of IPv6.
  assertEquals(set.add("::ffff:0:0/96", "mapped"), "four");
  assertEquals(set.add("::fffe:0:0/95", "wider"), undefined);
  assertEquals([set.get("::ffff:1.2.3.4"), set.get("::fffe:1.2.3.4")], ["mapped", "wider"]);
});

Deno.test("CidrSet: a prefix that comes again gives the value it had and takes the new one", () => {
  const set = new CidrSet<string>();
  assertEquals(set.add("2001:DB8::/32", ""), undefined);
  assertEquals(set.add("2001:db8:0::/32", "new"), "");
  assertEquals([set.size, set.get("2001:db8::1")], [1, "new"]);
});

Deno.test("CidrSet: what is no prefix is refused where it is written", () => {
  const wrong: readonly [text: string, message: string][] = [
    ...["", "/", "/8", "x", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/08", "10.0.0.0/ 8", "10/8"],
    ...["10.0.0.0/8/8", "::/129", "::/-1", "::/1e1", "10.0.0.0/8\n"],
  ].map((text) => [text, "allowed is an IP address or address/bits"]);
  const set = new CidrSet<true>();
  for (
    const [text, message] of [
      ...wrong,
      ["10.0.0.1/8", "bits set behind the first 8"],
      ["0.0.0.1/0", "bits set behind the first 0"],
      ["2001:db8::1/127", "bits set behind the first 127"],
      ["::ffff:10.0.0.1/104", "bits set behind the first 104"],
    ]
  ) {
    assertThrows(() => set.add(text, true), RangeError, message, text);
    assertThrows(() => set.add(text, true), RangeError, JSON.stringify(text));
  }
  assertEquals(set.size, 0);
});

/** Addresses of few bits that differ, so that prefixes often contain one another. */
const bits = fc.array(fc.constantFrom("0", "1"), { minLength: 0, maxLength: 7 })
  .map((digits) => digits.join(""));

/** The first seven bits at the beginning, across words, or at the end of an address. */
function textOf(family: 4 | 6, place: number, digits: string): string {
  const width = family === 4 ? 32 : 128;
  const all = digits.padStart(digits.length + place, "0").padEnd(width, "0").slice(0, width);
  const size = family === 4 ? 8 : 16;
  const parts = Array.from(
    { length: width / size },
    (_, index) => Number(`0b${all.slice(index * size, (index + 1) * size)}`),
  );
  return family === 4 ? parts.join(".") : parts.map((part) => part.toString(16)).join(":");
}

Deno.test("CidrSet: finds what looking at every prefix finds", () => {
  const where = fc.constantFrom<[4 | 6, number]>([4, 0], [4, 25], [6, 0], [6, 29], [6, 61], [
    6,
    121,
  ]);
  fc.assert(
    fc.property(
      where,
      fc.array(bits, { maxLength: 24 }),
      fc.array(bits),
      (at, prefixes, probes) => {
        const [family, place] = at;
        const set = new CidrSet<string>();
        const all = new Map<string, string>();
        for (const prefix of prefixes) {
          const text = `${textOf(family, place, prefix)}/${place + prefix.length}`;
          assertEquals(set.add(text, prefix), all.get(text));
          all.set(text, prefix);
        }
        assertEquals(set.size, all.size);
        for (const probe of probes) {
          const digits = probe.padEnd(7, "0");
          const longest = [...all.values()].filter((prefix) => digits.startsWith(prefix))
            .sort((a, b) => b.length - a.length)[0];
          assertEquals(set.get(textOf(family, place, digits)), longest);
        }
      },
    ),
    { numRuns: 1000, seed: 5321 },
  );
});

Deno.test("CidrSet: text of any kind is a prefix or refused by the documented error", () => {
  const set = new CidrSet<true>();
  const text = fc.string({
    unit: fc.constantFrom(..."0123456789abcfF:./%- \n", "::", "255", "ffff", "/128"),
    maxLength: 14,
  });
  fc.assert(
    fc.property(text, (text) => {
      set.has(text);
      try {
        set.add(text, true);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        return;
      }
      assertEquals(set.has(text.split("/")[0]), true);
    }),
    { numRuns: 5000, seed: 5321 },
  );
});
