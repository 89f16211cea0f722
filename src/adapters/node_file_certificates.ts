/**
 * Certificates from files, taken anew when the files change.
 *
 * @module
 */

import { readFile, stat } from "node:fs/promises";
import { type Clock, systemClock } from "../clock.ts";
import { messageOf } from "../errors.ts";
import {
  type CertificatePair,
  type CertificateSource,
  checkedCertificate,
  chooserOf,
} from "./node_certificates.ts";

/** Where a certificate chain and its private key lie, both in PEM. */
export interface CertificateFiles {
  /** Path of the chain. */
  readonly cert: string;
  /** Path of the private key. */
  readonly key: string;
}

/** What {@linkcode fileCertificates} can be told. */
export interface FileCertificatesOptions {
  /**
   * Times the looks at the files.
   *
   * @default systemClock
   */
  readonly clock?: Clock;
  /**
   * Milliseconds for which the files are not looked at again.
   *
   * @default 1000
   */
  readonly recheckMs?: number;
  /** Learns, once a change, of files that cannot be used: the old pair stays in use. */
  readonly onError?: (error: Error) => void;
  /** Learns of files that have been taken anew. */
  readonly onReload?: (files: CertificateFiles) => void;
}

/**
 * Certificates from PEM files, chosen by server name as `staticCertificates` does.
 *
 * A handshake looks at the files first, at most once each `recheckMs`, and takes anew those that
 * have changed; nothing is watched and no timer runs. Sessions that are under way keep theirs. A
 * changed pair that does not load, or whose key is not its certificate's (one of the two may be
 * new already), is not taken.
 *
 * @example Certificates that are renewed while the server runs
 * ```ts ignore
 * import { createTlsServer, fileCertificates } from "@sluice/sluice/deno";
 *
 * const certificates = await fileCertificates([
 *   { cert: "/etc/ssl/mx.pem", key: "/etc/ssl/mx.key" },
 *   { cert: "/etc/ssl/other.pem", key: "/etc/ssl/other.key" },
 * ], { onError: (error) => console.error(error.message) });
 * const tls = createTlsServer({ certificates });
 * ```
 *
 * @param files At least one pair.
 * @throws {Error} If a pair cannot be used at the start; the message names its files.
 */
export async function fileCertificates(
  files: readonly CertificateFiles[],
  options: FileCertificatesOptions = {},
): Promise<CertificateSource> {
  const entries = await Promise.all(files.map(firstEntryOf));
  return new FileCertificates(entries, options);
}

/** A pair as it is in use, and the state of its files when they were last looked at. */
interface Entry {
  readonly files: CertificateFiles;
  pair: CertificatePair;
  stamp: string;
}

class FileCertificates implements CertificateSource {
  readonly #entries: readonly Entry[];
  readonly #options: FileCertificatesOptions;
  readonly #clock: Clock;
  readonly #recheckMs: number;
  #choose: (serverName: string) => CertificatePair;
  #checkedAt: number;
  /** The check that is under way or was the last: handshakes at the same time share it. */
  #check: Promise<void> = Promise.resolve();

  constructor(entries: readonly Entry[], options: FileCertificatesOptions) {
    const { clock = systemClock, recheckMs = 1000 } = options;
    this.#entries = entries;
    this.#options = options;
    this.#clock = clock;
    this.#recheckMs = recheckMs;
    this.#choose = this.#chooser();
    this.#checkedAt = clock.now();
  }

  async certificateFor(serverName: string): Promise<CertificatePair> {
    const now = this.#clock.now();
    if (now - this.#checkedAt >= this.#recheckMs) {
      this.#checkedAt = now;
      this.#check = this.#recheck();
    }
    await this.#check;
    return this.#choose(serverName);
  }

  async #recheck(): Promise<void> {
    const changes = await Promise.all(this.#entries.map((entry) => this.#refresh(entry)));
    if (changes.includes(true)) this.#choose = this.#chooser();
  }

  /** Whether the pair is a new one. */
  async #refresh(entry: Entry): Promise<boolean> {
    try {
      const stamp = await stampOf(entry.files);
      if (stamp === entry.stamp) return false;
      // Noted before the files are read: what changes meanwhile is seen the next time.
      entry.stamp = stamp;
      entry.pair = await pairOf(entry.files);
    } catch (error) {
      this.#options.onError?.(error as Error);
      return false;
    }
    this.#options.onReload?.(entry.files);
    return true;
  }

  #chooser(): (serverName: string) => CertificatePair {
    return chooserOf(this.#entries.map(({ pair }) => pair));
  }
}

async function firstEntryOf(files: CertificateFiles): Promise<Entry> {
  const stamp = await stampOf(files);
  return { files, pair: await pairOf(files), stamp };
}

/** Reads a pair of files and makes sure that a server could use it. */
async function pairOf(files: CertificateFiles): Promise<CertificatePair> {
  const pair = { cert: await textOf(files.cert), key: await textOf(files.key) };
  try {
    checkedCertificate(pair);
  } catch (error) {
    throw new Error(`${messageOf(error)} (${files.cert}, ${files.key})`, { cause: error });
  }
  return pair;
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new Error(`Cannot read ${path}: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * Something that differs once a file has been written or replaced. A file that is not there has a
 * stamp too, so that its absence is reported once and not each time.
 */
async function stampOf({ cert, key }: CertificateFiles): Promise<string> {
  const stamps = await Promise.all([cert, key].map(async (path) => {
    try {
      const { mtimeMs, ctimeMs, ino, size } = await stat(path);
      return [mtimeMs, ctimeMs, ino, size].join();
    } catch (error) {
      return messageOf(error);
    }
  }));
  return stamps.join(";");
}
