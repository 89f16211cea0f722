import { assert } from "@std/assert";
import fc from "fast-check";
import ipaddr from "ipaddr.js";
import { isAddressLiteral, isIpv4, isIpv6 } from "../../src/rfc5321/address_literal.ts";

Deno.test("isIpv4", () => {
  for (const text of ["0.0.0.0", "192.0.2.1", "255.255.255.255", "10.9.99.199"]) {
    assert(isIpv4(text), text);
  }
  for (
    const text of [
      "",
      "1.2.3",
      "1.2.3.4.5",
      "256.1.1.1",
      "1.2.3.04",
      "1.2.3.4 ",
      " 1.2.3.4",
      "1.2.3.4\n",
      "1..2.3",
      "0x1.2.3.4",
      "-1.2.3.4",
      "१.2.3.4",
    ]
  ) {
    assert(!isIpv4(text), JSON.stringify(text));
  }
});

Deno.test("isIpv6: every form of RFC 5321 §4.1.3", () => {
  const forms = [
    "1:2:3:4:5:6:7:8",
    "2001:DB8:0:0:8:800:200C:417A",
    "::",
    "::1",
    "1::",
    "2001:db8::1",
    "1:2:3::4:5:6",
    "1:2:3:4:5:6::",
    "::1:2:3:4:5:6",
    "1:2:3:4:5:6:192.0.2.1",
    "::192.0.2.1",
    "::ffff:192.0.2.1",
    "1:2::3:4:192.0.2.1",
  ];
  for (const text of forms) assert(isIpv6(text), text);
});

Deno.test("isIpv6: what is none", () => {
  const others = [
    "",
    ":",
    ":::",
    "1",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1::2::3",
    // "::" represents at least two groups, RFC 5321 §4.1.3
    "1:2:3:4:5:6:7::",
    "1:2:3:4:5::192.0.2.1",
    "12345::",
    "g::",
    "::1%eth0",
    "192.0.2.1",
    "192.0.2.1::",
    "1:2:3:4:5:6:7:192.0.2.1",
    "::192.0.2.256",
    "::1 ",
    "::1\n",
    ":1::",
    "::1:",
  ];
  for (const text of others) assert(!isIpv6(text), JSON.stringify(text));
});

Deno.test("isIpv6 and isIpv4 agree with ipaddr.js on addresses that it prints", () => {
  const groups = fc.array(fc.constantFrom(0, 0, 1, 0xffff), { minLength: 8, maxLength: 8 });
  fc.assert(fc.property(groups, (parts) => {
    const address = new ipaddr.IPv6(parts);
    return isIpv6(address.toNormalizedString()) && isIpv6(address.toRFC5952String());
  }));
  const octets = fc.array(fc.nat(255), { minLength: 4, maxLength: 4 });
  fc.assert(fc.property(octets, (parts) => isIpv4(new ipaddr.IPv4(parts).toString())));
});

Deno.test("isIpv6 accepts nothing that ipaddr.js refuses", () => {
  const alphabet = fc.constantFrom("0", "1", "f", "ffff", "::", ":", ":", ":", ".", "1.2.3.4", "g");
  fc.assert(
    fc.property(
      fc.array(alphabet, { maxLength: 17 }).map((parts) => parts.join("")),
      (text) => !isIpv6(text) || ipaddr.IPv6.isValid(text),
    ),
    { numRuns: 2000 },
  );
});

Deno.test("isAddressLiteral", () => {
  const literals = [
    "[192.0.2.1]",
    // Snum allows leading zeros, RFC 5321 §4.1.3
    "[192.000.002.001]",
    "[IPv6:2001:db8::1]",
    "[ipv6:::]",
    "[x-tag:anything@all!]",
    "[9:a]",
    // By the grammar a general literal with the tag "2001", though no such tag is registered
    "[2001:db8::1]",
  ];
  for (const text of literals) assert(isAddressLiteral(text), text);
  const others = [
    "",
    "[]",
    "192.0.2.1",
    "[192.0.2.1",
    "192.0.2.1]",
    "[192.0.2.256]",
    "[2001:db8::1:2:3:4:5:6:]x",
    "[IPv6:]",
    "[IPv6:192.0.2.1]",
    "[IPv6:g::]",
    "[tag:]",
    "[-:a]",
    "[tag-:a]",
    "[tag:a b]",
    "[tag:a]b]",
    "[tag:a\\]",
    "[tag:ü]",
    "[[192.0.2.1]]",
  ];
  for (const text of others) assert(!isAddressLiteral(text), JSON.stringify(text));
});
