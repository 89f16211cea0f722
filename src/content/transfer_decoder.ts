/**
 * Undoes a transfer encoding (RFC 2045 §6) as it comes, as lenient readers do.
 *
 * @module
 */

/** The next octets, decoded as far as they can be yet. */
export type TransferDecoder = (octets: Uint8Array) => Uint8Array;

/** How an encoding is undone; octets of one that nobody knows stay as they are. */
export function transferDecoder(encoding: string): TransferDecoder {
  if (encoding === "base64") return base64();
  return encoding === "quoted-printable" ? quotedPrintable() : (octets) => octets;
}

/** RFC 2045 §6.8 */
function base64(): TransferDecoder {
  let rest = "";
  return (octets) => {
    const text = rest + textOf(octets).replace(/[^A-Za-z0-9+/]+/g, "");
    const whole = text.length - text.length % 4;
    rest = text.slice(whole);
    return octetsOf(atob(text.slice(0, whole)));
  };
}

/** RFC 2045 §6.7 */
function quotedPrintable(): TransferDecoder {
  let rest = "";
  return (octets) => {
    const text = rest + textOf(octets);
    // What is written with three characters may come in two pieces.
    const sign = text.indexOf("=", text.length - 2);
    const whole = sign < 0 ? text.length : sign;
    rest = text.slice(whole);
    const joined = text.slice(0, whole).replace(/=\r\n/g, "");
    const decoded = joined.replace(
      /=([0-9A-Fa-f]{2})/g,
      (_escaped, digits) => String.fromCharCode(Number.parseInt(digits, 16)),
    );
    return octetsOf(decoded);
  };
}

/** One character for each octet: what a decoder calls `latin1` has others at 0x80 to 0x9f. */
function textOf(octets: Uint8Array): string {
  let text = "";
  for (const octet of octets) text += String.fromCharCode(octet);
  return text;
}

function octetsOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
