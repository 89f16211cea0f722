/**
 * Certificates: which one a server shows to whom, and whether to believe the one that a client
 * shows.
 *
 * @module
 */

import { createPrivateKey, X509Certificate } from "node:crypto";
import { createSecureContext, type DetailedPeerCertificate, type TLSSocket } from "node:tls";
import type { PeerCertificate } from "../channel.ts";
import { messageOf } from "../errors.ts";

/** A certificate chain, the server's own first, and its private key, both in PEM. */
export interface CertificatePair {
  /** The chain. */
  readonly cert: string;
  /** The private key of its first certificate. */
  readonly key: string;
}

/** Chooses a server's certificate, afresh at every handshake. */
export interface CertificateSource {
  /**
   * The certificate for one handshake.
   *
   * @param serverName What the client asked for, lower case, `""` if nothing.
   * @returns The very same object as long as the certificate is the same: what is made of it is
   * kept by that.
   */
  certificateFor(serverName: string): Promise<CertificatePair>;
}

/**
 * Always the same certificates, chosen by server name: the first that bears the exact name, then
 * the first that bears a wildcard for it (RFC 9525 §6.3), else the first of all.
 *
 * @example What cannot be used is refused at once
 * ```ts
 * import { assertThrows } from "@std/assert";
 * import { createTlsServer, staticCertificates } from "@sluice/sluice/deno";
 *
 * const serverOf = (cert: string, key: string) =>
 *   createTlsServer({ certificates: staticCertificates([{ cert, key }]) });
 *
 * // Here, and not at the first handshake.
 * assertThrows(() => serverOf("", ""), Error, "Cannot read the certificate");
 * ```
 *
 * @param pairs At least one.
 * @throws {Error} If there is none, one does not load, or a key is not its certificate's.
 */
export function staticCertificates(pairs: readonly CertificatePair[]): CertificateSource {
  const choose = chooserOf(pairs);
  return { certificateFor: (serverName) => Promise.resolve(choose(serverName)) };
}

/**
 * The choice among certificates by server name, as {@linkcode staticCertificates} has it.
 *
 * @throws {Error} As there.
 */
export function chooserOf(
  pairs: readonly CertificatePair[],
): (serverName: string) => CertificatePair {
  const [first] = pairs;
  if (first === undefined) throw new Error("Cannot serve TLS: no certificate is given");
  const byName = new Map<string, CertificatePair>();
  for (const pair of pairs) {
    for (const name of namesOf(pair)) if (!byName.has(name)) byName.set(name, pair);
  }
  return (serverName) => byName.get(serverName) ?? byName.get(wildcardOf(serverName)) ?? first;
}

/** `mail.example.org` → `*.example.org`. */
function wildcardOf(name: string): string {
  const dot = name.indexOf(".");
  return dot === -1 ? "" : `*${name.slice(dot)}`;
}

/** The DNS names of the certificate's subjectAltName, lower case. */
function namesOf(pair: CertificatePair): string[] {
  const listed = checkedCertificate(pair).subjectAltName ?? "";
  return listed.split(", ").filter((name) => name.startsWith("DNS:"))
    .map((name) => name.slice("DNS:".length).toLowerCase());
}

/**
 * The first certificate of a pair, after a check that a server could use the pair.
 *
 * @throws {Error} If a part does not load, or the key is not the certificate's.
 */
export function checkedCertificate({ cert, key }: CertificatePair): X509Certificate {
  const certificate = attempt("read the certificate", () => new X509Certificate(cert));
  const privateKey = attempt("read the private key", () => createPrivateKey(key));
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new Error("Cannot use the certificate: the private key is not that certificate's");
  }
  attempt("use the certificate", () => createSecureContext({ cert, key }));
  return certificate;
}

function attempt<T>(what: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw new Error(`Cannot ${what}: ${messageOf(error)}`, { cause: error });
  }
}

/** Certificates of a chain that are looked at, the peer's own among them. */
const LONGEST_CHAIN = 8;

/**
 * The certificates that the peer of a TLS socket has shown, its own first, and those that the TLS
 * library added to them. Empty if it has shown none.
 */
export function chainOf(socket: TLSSocket): X509Certificate[] {
  const chain: X509Certificate[] = [];
  let next: Partial<DetailedPeerCertificate> | undefined = socket.getPeerCertificate(true);
  while (next?.raw !== undefined && chain.length < LONGEST_CHAIN) {
    const certificate = new X509Certificate(next.raw);
    // A root is its own issuer.
    if (certificate.fingerprint256 === chain.at(-1)?.fingerprint256) break;
    chain.push(certificate);
    next = next.issuerCertificate;
  }
  return chain;
}

/** What is told of the peer's certificate; `problem` is why it is not verified. */
export function peerCertificateOf(
  certificate: X509Certificate,
  problem: string | undefined,
): PeerCertificate {
  return {
    subject: nameOf(certificate.subject),
    issuer: nameOf(certificate.issuer),
    validTo: Date.parse(certificate.validTo),
    fingerprint: certificate.fingerprint256.replaceAll(":", "").toLowerCase(),
    verified: problem === undefined,
    ...(problem === undefined ? {} : { problem }),
  };
}

/** One attribute a line is how the library prints a name. */
function nameOf(name: string | undefined): string {
  const attributes = (name ?? "").split("\n");
  const commonName = attributes.find((attribute) => attribute.startsWith("CN="));
  const text = commonName?.slice("CN=".length) ?? attributes.join(", ");
  // The peer chose these characters, and they end up in logs.
  // deno-lint-ignore no-control-regex
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, "?");
}

/**
 * Why a certificate chain is not to be believed (RFC 5280 §6.1): validity, issuers and signatures
 * up to an authority. Name and policy constraints are not evaluated.
 *
 * @param chain The peer's own certificate first; the others in any order.
 * @param authorities Trusted as they are.
 * @param now Milliseconds since 1970-01-01T00:00:00Z.
 * @returns `undefined` if it is to be believed.
 */
export function problemOf(
  chain: readonly X509Certificate[],
  authorities: readonly X509Certificate[],
  now: number,
): string | undefined {
  const [own, ...others] = chain;
  const intermediates = others.filter((certificate) => certificate.ca);
  let current = own;
  for (let depth = 0; depth < LONGEST_CHAIN; depth++) {
    const period = validityProblem(current, now);
    if (period !== undefined) return period;
    const itself = ({ fingerprint256 }: X509Certificate) =>
      fingerprint256 === current.fingerprint256;
    if (authorities.some(itself)) return undefined;
    const authority = authorities.find((candidate) => issued(candidate, current));
    if (authority !== undefined) return validityProblem(authority, now);
    const issuer = intermediates.find((candidate) => issued(candidate, current));
    if (issuer === undefined) break;
    current = issuer;
  }
  return `no configured authority issued "${nameOf(current.subject)}"`;
}

function issued(issuer: X509Certificate, certificate: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

function validityProblem(certificate: X509Certificate, now: number): string | undefined {
  const { validFrom, validTo } = certificate;
  return Date.parse(validFrom) <= now && now <= Date.parse(validTo)
    ? undefined
    : `"${nameOf(certificate.subject)}" is valid from ${validFrom} to ${validTo} only`;
}
