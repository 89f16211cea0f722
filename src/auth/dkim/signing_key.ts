/**
 * Private keys of DKIM: RSA (RFC 6376 §3.3.1) and Ed25519 (RFC 8463).
 *
 * @module
 */

import { concat } from "../../bytes.ts";
import { OptionError } from "../../errors.ts";

/** A private key. Made by {@linkcode signingKey}. */
export interface SigningKey {
  /** As it stands in signatures. */
  readonly algorithm: "rsa-sha256" | "ed25519-sha256";
  /** The signature of what has been hashed. */
  readonly sign: (octets: Uint8Array) => Promise<Uint8Array>;
}

const SHORTEST = 1024;

const ALLOWED = `an RSA key of at least ${SHORTEST} bits or an Ed25519 key, in PEM, not encrypted`;

const PEM =
  /^\s*-----BEGIN (RSA )?PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END (?:RSA )?PRIVATE KEY-----\s*$/;

/**
 * Reads a private key.
 *
 * @param pem PKCS #8 (`PRIVATE KEY`) or, for RSA, PKCS #1 (`RSA PRIVATE KEY`).
 * @param option Where it stands, for the error.
 * @throws {OptionError} If it cannot be used.
 */
export async function signingKey(pem: string, option: string = "key"): Promise<SigningKey> {
  const [, rsa, base64] = PEM.exec(pem) ?? [];
  if (base64 === undefined) throw new OptionError(option, "something else", ALLOWED);
  try {
    const der = Uint8Array.from(atob(base64.replace(/\s/g, "")), (one) => one.charCodeAt(0));
    const pkcs8 = rsa === undefined ? der : wrapped(der);
    return await rsaKey(pkcs8) ?? await ed25519Key(pkcs8);
  } catch {
    // Nothing of a secret in errors.
    throw new OptionError(option, "a key that cannot be read", ALLOWED);
  }
}

/** @returns `undefined` where it is a key of another kind. */
async function rsaKey(pkcs8: Uint8Array<ArrayBuffer>): Promise<SigningKey | undefined> {
  const name = "RSASSA-PKCS1-v1_5";
  const key = await crypto.subtle
    .importKey("pkcs8", pkcs8, { name, hash: "SHA-256" }, false, ["sign"])
    .catch(() => undefined);
  if (key === undefined) return undefined;
  // RFC 8301 §3.2
  if ((key.algorithm as RsaHashedKeyAlgorithm).modulusLength < SHORTEST) throw new RangeError();
  return {
    algorithm: "rsa-sha256",
    sign: async (octets) => new Uint8Array(await crypto.subtle.sign(name, key, bufferOf(octets))),
  };
}

async function ed25519Key(pkcs8: Uint8Array<ArrayBuffer>): Promise<SigningKey> {
  const name = "Ed25519";
  const key = await crypto.subtle.importKey("pkcs8", pkcs8, name, false, ["sign"]);
  return {
    algorithm: "ed25519-sha256",
    sign: async (octets) => {
      // RFC 8463 §3: the hash is what is signed.
      const hash = await crypto.subtle.digest("SHA-256", bufferOf(octets));
      return new Uint8Array(await crypto.subtle.sign(name, key, hash));
    },
  };
}

/** WebCrypto does not want memory that is shared. */
function bufferOf(octets: Uint8Array): Uint8Array<ArrayBuffer> {
  return octets as Uint8Array<ArrayBuffer>;
}

/** INTEGER 0, and the name of RSA with no parameters (RFC 8017 §A.1), as they stand in PKCS #8. */
const VERSION_AND_RSA = Uint8Array.of(
  ...[0x02, 0x01, 0x00],
  ...[0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00],
);

/** PKCS #1 in PKCS #8 (RFC 5208 §5): all that WebCrypto reads. */
function wrapped(pkcs1: Uint8Array): Uint8Array<ArrayBuffer> {
  return piece(0x30, concat([VERSION_AND_RSA, piece(0x04, pkcs1)]));
}

/** A value in DER with its tag and a length of two octets at least, which such keys have. */
function piece(tag: number, value: Uint8Array): Uint8Array<ArrayBuffer> {
  const { length } = value;
  const head = Uint8Array.of(tag, 0x82, length >>> 8, length & 0xff);
  return concat([head, value]) as Uint8Array<ArrayBuffer>;
}
