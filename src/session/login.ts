/**
 * Whose login an AUTH exchange was: the name only, never a secret.
 *
 * @module
 */

import { decodeStrict } from "../bytes.ts";

/** How much of a name is kept, in characters. */
const MAX_NAME = 255;

/** The name in the client's n-th response, for mechanisms that show it. */
const readers: Readonly<Record<string, (response: string, nth: number) => string | undefined>> = {
  // RFC 4616 §2: authzid NUL authcid NUL passwd
  "PLAIN": (text, nth) => nth === 0 ? text.split("\0")[1] : undefined,
  // draft-murchison-sasl-login: the user name is the first response.
  "LOGIN": (text, nth) => nth === 0 ? text : undefined,
  // RFC 2195 §2: name SP digest
  "CRAM-MD5": (text) => text.slice(0, Math.max(0, text.lastIndexOf(" "))),
  // Fields that end with SOH: `user=name SOH auth=Bearer token SOH SOH`.
  "XOAUTH2": (text, nth) =>
    nth === 0 ? text.split("\x01").find((one) => one.startsWith("user="))?.slice(5) : undefined,
  // RFC 7628 §3.1: the GS2 header carries the name.
  "OAUTHBEARER": (text, nth) => nth === 0 ? /^[ny],a=([^,]*),/.exec(text)?.[1] : undefined,
};

/** RFC 5802 §5.1: `n,,n=user,r=nonce`, for every SCRAM mechanism. */
function scram(text: string, nth: number): string | undefined {
  if (nth > 0) return undefined;
  return /^[ny],[^,]*,n=([^,]*)/.exec(text)?.[1].replaceAll("=2C", ",").replaceAll("=3D", "=");
}

/** Follows one exchange and keeps nothing of it but the name. */
export class Login {
  readonly #read: (response: string, nth: number) => string | undefined;
  #nth = 0;
  #name = "";

  constructor(mechanism: string) {
    this.#read = mechanism.startsWith("SCRAM-") ? scram : readers[mechanism] ?? (() => undefined);
  }

  /** The name, or `""` where the mechanism does not show it. */
  get name(): string {
    return this.#name;
  }

  /** Takes a response of the client as it came, in base64. */
  response(base64: string): void {
    const name = this.#read(decode(base64), this.#nth++);
    if (this.#name === "" && name !== undefined && name.length <= MAX_NAME) this.#name = name;
  }
}

function decode(base64: string): string {
  try {
    return decodeStrict(Uint8Array.from(atob(base64), (octet) => octet.charCodeAt(0))) ?? "";
  } catch {
    return "";
  }
}
