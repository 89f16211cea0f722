import { assertEquals, assertThrows } from "@std/assert";
import { reverseDomain } from "../../src/dns/reverse_domain.ts";

Deno.test("reverse domain: IPv4, IPv6 and IPv4 within IPv6", () => {
  const rows = [
    ["192.0.2.1", "1.2.0.192.in-addr.arpa"],
    ["255.254.0.9", "9.0.254.255.in-addr.arpa"],
    ["::ffff:192.0.2.1", "1.2.0.192.in-addr.arpa"],
    // RFC 3596 §2.5
    [
      "4321:0:1:2:3:4:567:89ab",
      "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.0.0.0.0.1.2.3.4.ip6.arpa",
    ],
    ["::1", `1.${"0.".repeat(31)}ip6.arpa`],
  ];
  for (const [address, domain] of rows) assertEquals(reverseDomain(address), domain);
});

Deno.test("reverse domain: only of addresses", () => {
  for (const text of ["", "mx.example", "192.0.2", "fe80::1%eth0"]) {
    assertThrows(() => reverseDomain(text), RangeError, "Cannot make a reverse domain: found");
  }
});
