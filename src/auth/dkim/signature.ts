/**
 * Makes the value of a DKIM-Signature field (RFC 6376 §3.5), with both canonical forms `relaxed`.
 *
 * @module
 */

import { encode } from "../../bytes.ts";
import type { Field } from "../../message/field.ts";
import { octetsOf, relaxedBody, relaxedField } from "./canonical.ts";
import type { SigningKey } from "./signing_key.ts";

/** Whose signature it is, and of what. */
export interface Signing {
  /** In ASCII. */
  readonly domain: string;
  readonly selector: string;
  readonly key: SigningKey;
  /** Names of the fields that are signed, in lower case. */
  readonly fields: readonly string[];
  /** Of those: the names under which no further field may be added. */
  readonly sealed: ReadonlySet<string>;
  /** Seconds since 1970. */
  readonly time: number;
}

/** Characters of base64 in a line. */
const LINE = 64;

/**
 * Signs a message.
 *
 * @param header All fields.
 * @param body Without the empty line before it.
 * @returns The field's value, with white space where it may be folded.
 */
export async function signatureOf(
  { domain, selector, key, fields, sealed, time }: Signing,
  header: readonly Field[],
  body: Uint8Array,
): Promise<string> {
  const signed = fields.flatMap((name) => signedFields(header, name));
  const names = fields.flatMap((name) => [
    ...signed.filter((field) => field.is(name)).map(() => name),
    ...sealed.has(name) ? [name] : [],
  ]);
  const value = [
    ...["v=1", `a=${key.algorithm}`, "c=relaxed/relaxed", `d=${domain}`, `s=${selector}`],
    ...[`t=${time}`, `h=${names.join(": ")}`, `bh=${base64(await sha256(relaxedBody(body)))}`],
    "b=",
  ].join("; ");
  const text = [
    ...signed.map(({ octets }) => relaxedField(octets)),
    relaxedField(encode(`DKIM-Signature: ${value}`)),
  ].join("\r\n");
  const signature = base64(await key.sign(octetsOf(text)));
  return value + (signature.match(new RegExp(`.{1,${LINE}}`, "g")) ?? []).join(" ");
}

/** Those of a name from the bottom up (RFC 6376 §5.4.2). */
function signedFields(header: readonly Field[], name: string): Field[] {
  return header.filter((field) => field.is(name)).reverse();
}

async function sha256(octets: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", octets as Uint8Array<ArrayBuffer>));
}

function base64(octets: Uint8Array): string {
  return btoa(String.fromCharCode(...octets));
}
