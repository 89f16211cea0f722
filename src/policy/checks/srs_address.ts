/**
 * The local-parts of the Sender Rewriting Scheme.
 *
 *     SRS0=hash=day=domain=local-part              a sender, by whoever forwards its mail first
 *     SRS1=hash=first forwarder==hash=day=domain=local-part      by everybody behind that
 *
 * The hash is an HMAC, in base32 and cut short; the day counts from 1970, modulo 1024, in base32. Both
 * are compared, and all that the hash is of, without the case of ASCII letters: a host on the way may
 * have changed it.
 *
 * @module
 */

import { Path } from "../../rfc5321/path.ts";
import { asciiLowerCase, asciiUpperCase } from "../../rfc5321/text.ts";

const base32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/** Days after which the timestamp begins anew: two characters of five bits. */
const days = 1024;
const day = 86_400_000;

const anySrs = /^SRS[01][-+=]/i;
const srs0 = /^SRS0[-+=]([A-Za-z2-7]+)=([A-Za-z2-7])([A-Za-z2-7])=([^=]+)=([^]*)$/i;
const srs1 = /^SRS1[-+=]([A-Za-z2-7]+)=([^=]+)=([-+=][^]*)$/i;
/** As others may have written it: their hash is theirs. */
const foreignSrs1 = /^SRS1[-+=][^=]*=([^=]+)=([-+=][^]*)$/i;

/** How addresses are signed. */
export interface SrsSettings {
  /** The domain to which bounces come back, in lower case. */
  readonly domain: string;
  /** The first one signs, all of them are good for what comes back. */
  readonly secrets: readonly string[];
  /** Of the HMAC. */
  readonly algorithm: "SHA-1" | "SHA-256";
  /** Characters of the hash. */
  readonly hashLength: number;
  /** Days after which an address is no good any more; less than 1024. */
  readonly expiry: number;
}

/** Whether an address has the form of one that was rewritten, by whomever. */
export function isSrs(path: Path): boolean {
  return anySrs.test(path.localPart);
}

function toBase32(octets: Uint8Array, characters: number): string {
  let text = "";
  for (let bit = 0; text.length < characters; bit += 5) {
    const pair = octets[bit >> 3] << 8 | octets[(bit >> 3) + 1];
    text += base32[pair >> (11 - (bit & 7)) & 31];
  }
  return text;
}

/** Takes the same time wherever two texts of one length differ. */
function equal(one: string, other: string): boolean {
  let difference = one.length ^ other.length;
  for (let at = 0; at < one.length; at++) {
    difference |= one.charCodeAt(at) ^ other.charCodeAt(at);
  }
  return difference === 0;
}

/** Signs senders, and gives back those that it has signed. */
export class SrsSigner {
  readonly #settings: SrsSettings;
  #keys: Promise<readonly CryptoKey[]> | undefined;

  /** Asks nothing of the runtime before the first address. */
  constructor(settings: SrsSettings) {
    this.#settings = settings;
  }

  /**
   * The sender as it appears behind this forwarder.
   *
   * @param now Milliseconds since 1970.
   * @throws {RangeError} If a local-part has no room for it (RFC 5321 §4.5.3.1.1).
   */
  async forward(path: Path, now: number): Promise<Path> {
    const { localPart, domain } = path;
    const [, first, rest] = foreignSrs1.exec(localPart) ?? [];
    if (first !== undefined) return await this.#forwardSrs1(first, rest);
    if (/^SRS0[-+=]/i.test(localPart)) {
      return await this.#forwardSrs1(domain, localPart.slice("SRS0".length));
    }
    const today = Math.floor(now / day) % days;
    const timestamp = base32[today >> 5] + base32[today & 31];
    const [hash] = await this.#hashes(true, "SRS0", timestamp, domain, localPart);
    return this.#local(`SRS0=${hash}=${timestamp}=${domain}=${localPart}`);
  }

  /**
   * Who is meant by an address of this forwarder.
   *
   * @param now Milliseconds since 1970.
   * @returns `undefined` for what it has not signed, or too long ago.
   */
  async reverse({ localPart }: Path, now: number): Promise<Path | undefined> {
    const [, hash0, high, low, domain, local] = srs0.exec(localPart) ?? [];
    if (hash0 !== undefined) {
      if (!await this.#signed(hash0, "SRS0", high + low, domain, local)) return undefined;
      return this.#expired(high, low, now) ? undefined : join(local, domain);
    }
    const [, hash1, first, rest] = srs1.exec(localPart) ?? [];
    if (hash1 === undefined || !await this.#signed(hash1, "SRS1", first, rest)) return undefined;
    return join(`SRS0${rest}`, first);
  }

  async #forwardSrs1(first: string, rest: string): Promise<Path> {
    const [hash] = await this.#hashes(true, "SRS1", first, rest);
    return this.#local(`SRS1=${hash}=${first}=${rest}`);
  }

  #local(localPart: string): Path {
    return Path.from(`x@${this.#settings.domain}`).withLocalPart(localPart);
  }

  #expired(high: string, low: string, now: number): boolean {
    const value = (character: string): number => base32.indexOf(asciiUpperCase(character));
    const stamped = value(high) << 5 | value(low);
    const age = (Math.floor(now / day) - stamped) % days;
    return (age + days) % days > this.#settings.expiry;
  }

  async #signed(hash: string, ...parts: readonly string[]): Promise<boolean> {
    const found = asciiUpperCase(hash);
    const good = (await this.#hashes(false, ...parts)).map((one) => equal(found, one));
    return good.includes(true);
  }

  /** What the secrets, or the first of them, sign the parts with. */
  async #hashes(firstOnly: boolean, ...parts: readonly string[]): Promise<readonly string[]> {
    const { secrets, algorithm, hashLength } = this.#settings;
    const encoder = new TextEncoder();
    this.#keys ??= Promise.all(secrets.map((secret) =>
      crypto.subtle.importKey(
        "raw",
        encoder.encode(secret),
        { name: "HMAC", hash: algorithm },
        false,
        ["sign"],
      )
    ));
    const keys = await this.#keys;
    // No part but the last has an equals sign.
    const message = encoder.encode(asciiLowerCase(parts.join("=")));
    return await Promise.all(
      (firstOnly ? keys.slice(0, 1) : keys).map(async (key) =>
        toBase32(new Uint8Array(await crypto.subtle.sign("HMAC", key, message)), hashLength)
      ),
    );
  }
}

/** The mailbox, where a host on the way has not made something else of it. */
function join(localPart: string, domain: string): Path | undefined {
  try {
    return Path.from(`x@${domain}`).withLocalPart(localPart);
  } catch {
    return undefined;
  }
}
