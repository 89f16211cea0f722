import { assertEquals } from "@std/assert";
import fc from "fast-check";
import ipaddr from "ipaddr.js";
import { ipOctets, ipText } from "../../src/stages/ip_octets.ts";

const octets = fc.oneof(
  fc.uint8Array({ minLength: 4, maxLength: 4 }),
  fc.uint8Array({ minLength: 16, maxLength: 16 }),
  // Mostly zeros, so that `::` stands at every place.
  fc.array(fc.constantFrom(0, 0, 0, 1, 255), { minLength: 16, maxLength: 16 })
    .map((values) => Uint8Array.from(values)),
);

/** As ipaddr.js reads it. */
function readByOthers(text: string): Uint8Array | undefined {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) {
    return Uint8Array.from(ipaddr.IPv4.parse(text).toByteArray());
  }
  if (!ipaddr.IPv6.isValid(text)) return undefined;
  return Uint8Array.from(ipaddr.IPv6.parse(text).toByteArray());
}

Deno.test("ipText writes as ipaddr.js does, and ipOctets reads it back", () => {
  fc.assert(fc.property(octets, (octets) => {
    const address = ipaddr.fromByteArray([...octets]);
    const text = address instanceof ipaddr.IPv6 ? address.toRFC5952String() : address.toString();
    assertEquals(ipText(octets), text);
    assertEquals(ipOctets(text), octets);
  }));
});

Deno.test("ipOctets reads what ipaddr.js reads", () => {
  // No IPv4 within IPv6: ipaddr.js takes `::192.0.2.1` for `::ffff:192.0.2.1`.
  const parts = fc.constantFrom("0", "1", "ff", "abcd", "12345", ":", "::", "%");
  fc.assert(
    fc.property(
      fc.array(parts, { maxLength: 17 }),
      (parts) => assertEquals(ipOctets(parts.join("")), readByOthers(parts.join(""))),
    ),
    { numRuns: 2000 },
  );
});

const forms: readonly [string, string | undefined][] = [
  ["192.0.2.1", "192.0.2.1"],
  ["2001:DB8:0:0:0:0:0:1", "2001:db8::1"],
  ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
  ["::ffff:192.0.2.1", "::ffff:c000:201"],
  ["::192.0.2.1", "::c000:201"],
  ["fe80::1%eth0", "fe80::1"],
  ["192.0.2.01", undefined],
  ["192.0.2", undefined],
  ["0x7f.0.0.1", undefined],
  ["1::2::3", undefined],
  ["::1]:25/[", undefined],
  ["::1\n", undefined],
  ["[::1]", undefined],
  ["", undefined],
  [":", undefined],
  ["%", undefined],
  ["mx.example", undefined],
];

for (const [text, read] of forms) {
  Deno.test(`ipOctets reads ${JSON.stringify(text)} as ${read ?? "none"}`, () => {
    const octets = ipOctets(text);
    assertEquals(octets && ipText(octets), read);
  });
}
