import { assertEquals } from "@std/assert";
import { concat, encode } from "../../src/bytes.ts";
import { transferDecoder } from "../../src/content/transfer_decoder.ts";

const everyOctet = Uint8Array.from({ length: 256 }, (_, octet) => octet);
const escaped = Array.from(everyOctet, (octet) => `=${octet.toString(16).padStart(2, "0")}`);

const rows: readonly (readonly [encoding: string, encoded: Uint8Array, decoded: Uint8Array])[] = [
  [
    "base64",
    encode(everyOctet.toBase64().replace(/.{7}/g, "$&\r\n -!")),
    everyOctet.subarray(0, 255),
  ],
  ["quoted-printable", encode(escaped.join("=\r\n")), everyOctet],
  ["quoted-printable", encode("a=3D=3dd=\r\nb=zz=\r\n=0"), encode("a==db=zz")],
  ["quoted-printable", Uint8Array.of(0x80, 0x95, 0xff), Uint8Array.of(0x80, 0x95, 0xff)],
  ["7bit", everyOctet, everyOctet],
  ["", everyOctet, everyOctet],
];

for (const [encoding, encoded, decoded] of rows) {
  for (const size of [1, 2, 3, 1_000]) {
    Deno.test(`transfer decoder: ${encoding} ${encoded.length} in pieces of ${size}`, () => {
      const decode = transferDecoder(encoding);
      const pieces: Uint8Array[] = [];
      for (let at = 0; at < encoded.length; at += size) {
        pieces.push(decode(encoded.subarray(at, at + size)));
      }
      assertEquals(concat(pieces), decoded);
    });
  }
}
