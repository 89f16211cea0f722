/**
 * Records that are known by heart, and keys for them.
 *
 * @module
 */

import { RecordError, type RecordResolver } from "../../src/dns/records.ts";

/** Records by type and name, `TXT x.example`; `"fails"`: the name server fails. */
export type Zone = Readonly<Record<string, readonly unknown[] | "fails">>;

/** A resolver that knows these records and nothing else. */
export function resolverOf(zone: Zone): RecordResolver {
  const names = new Set(Object.keys(zone).map((key) => key.split(" ")[1]));
  return {
    records(name, type) {
      const found = zone[`${type} ${name}`];
      if (found === "fails") return Promise.reject(new RecordError("ESERVFAIL", name));
      if (found !== undefined) return Promise.resolve(found as never);
      return Promise.reject(new RecordError(names.has(name) ? "ENODATA" : "ENOTFOUND", name));
    },
  };
}

/** A pair of keys: the private one in PEM, the public one as a record has it. */
export interface KeyPair {
  readonly pem: string;
  readonly record: string;
}

/** Makes a pair of keys. */
export async function keyPair(kind: "rsa" | "ed25519"): Promise<KeyPair> {
  const rsa = {
    name: "RSASSA-PKCS1-v1_5",
    modulusLength: 2048,
    publicExponent: Uint8Array.of(1, 0, 1),
    hash: "SHA-256",
  };
  const made = await crypto.subtle.generateKey(
    kind === "rsa" ? rsa : { name: "Ed25519" },
    true,
    ["sign", "verify"],
  ) as CryptoKeyPair;
  const der = new Uint8Array(await crypto.subtle.exportKey("pkcs8", made.privateKey));
  const form = kind === "rsa" ? "spki" : "raw";
  const open = new Uint8Array(await crypto.subtle.exportKey(form, made.publicKey));
  const lines = der.toBase64().match(/.{1,64}/g)!.join("\n");
  return {
    pem: `-----BEGIN PRIVATE KEY-----\n${lines}\n-----END PRIVATE KEY-----\n`,
    record: `v=DKIM1; k=${kind}; p=${open.toBase64()}`,
  };
}
