/**
 * Certificates for tests, made by the openssl program in a temporary directory.
 *
 * @module
 */

import type { CertificatePair } from "../src/adapters/node_tls.ts";

/** A certificate and its key, in PEM and as files. */
export interface TestCertificate extends CertificatePair {
  readonly certPath: string;
  readonly keyPath: string;
  /** SHA-256 of the DER form, lower-case hex. */
  readonly fingerprint: string;
}

/** All of them. Every key is of P-256. */
export interface TestCertificates {
  readonly dir: string;
  /** The authority that has issued the others, unless they say otherwise. */
  readonly ca: TestCertificate;
  /** `a.example`. */
  readonly a: TestCertificate;
  /** `*.b.example`. */
  readonly b: TestCertificate;
  /** `a.example` once more, with another key. */
  readonly renewed: TestCertificate;
  readonly client: TestCertificate;
  /** Issued by an intermediate authority; `cert` holds both. */
  readonly chained: TestCertificate;
  /** Claims to be issued by `a`, which is no authority; `cert` holds both. */
  readonly misissued: TestCertificate;
  /** Has run out. */
  readonly expired: TestCertificate;
  /** Its own authority, unknown to all. */
  readonly stranger: TestCertificate;
  /** The certificate of `a` with a key that claims to be its own and is not. */
  readonly stolen: TestCertificate;
  /** The same of `client`. */
  readonly stolenClient: TestCertificate;
  /** Removes the directory. */
  remove(): Promise<void>;
}

let made: Promise<TestCertificates> | undefined;

/** Makes them once a process. Whoever called first calls `remove` at the end. */
export function makeCertificates(): Promise<TestCertificates> {
  return made ??= make();
}

const LEAF = "basicConstraints=CA:FALSE\n";
const AUTHORITY = "basicConstraints=critical,CA:TRUE\n";

async function make(): Promise<TestCertificates> {
  const dir = await Deno.makeTempDir({ prefix: "sluice-certificates-" });
  const at = (name: string) => `${dir}/${name}`;

  const newKey = (name: string) =>
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", at(`${name}.key`));

  const selfSigned = async (name: string) => {
    await newKey(name);
    await openssl(
      ...["req", "-x509", "-new", "-key", at(`${name}.key`), "-subj", `/CN=${name}.example`],
      ...["-days", "2", "-out", at(`${name}.crt`), "-addext", AUTHORITY.trim()],
    );
  };

  const issue = async (
    name: string,
    { names = "", issuer = "ca", extensions = LEAF, days = 2 } = {},
  ) => {
    await newKey(name);
    const request = at(`${name}.csr`);
    const subject = `/CN=${name}.example`;
    await openssl("req", "-new", "-key", at(`${name}.key`), "-subj", subject, "-out", request);
    const alternatives = names === "" ? "" : `subjectAltName=${names}\n`;
    await Deno.writeTextFile(at(`${name}.ext`), extensions + alternatives);
    await openssl(
      ...["x509", "-req", "-in", request, "-CA", at(`${issuer}.crt`), "-CAkey"],
      ...[at(`${issuer}.key`), "-CAcreateserial", "-days", String(days)],
      ...["-extfile", at(`${name}.ext`), "-out", at(`${name}.crt`)],
    );
    if (issuer === "ca") return;
    const chain = await Deno.readTextFile(at(`${issuer}.crt`));
    await Deno.writeTextFile(at(`${name}.crt`), chain, { append: true });
  };

  const load = async (name: string, keyName = name): Promise<TestCertificate> => {
    const [certPath, keyPath] = [at(`${name}.crt`), at(`${keyName}.key`)];
    const [cert, key] = [await Deno.readTextFile(certPath), await Deno.readTextFile(keyPath)];
    return { cert, key, certPath, keyPath, fingerprint: await fingerprintOf(cert) };
  };

  await Promise.all([selfSigned("ca"), selfSigned("stranger")]);
  // One after the other: they share the authority's file of serial numbers.
  await issue("a", { names: "DNS:a.example" });
  await issue("b", { names: "DNS:*.b.example" });
  await issue("renewed", { names: "DNS:a.example" });
  await issue("client", { names: "DNS:client.example" });
  await issue("middle", { extensions: AUTHORITY });
  await issue("chained", { names: "DNS:chained.example", issuer: "middle" });
  await issue("misissued", { names: "DNS:misissued.example", issuer: "a" });
  await issue("expired", { names: "DNS:a.example", days: -1 });
  await forgeKey(at("a.key"), at("b.key"), at("stolen.key"));
  await forgeKey(at("client.key"), at("b.key"), at("stolen-client.key"));

  return {
    dir,
    ca: await load("ca"),
    a: await load("a"),
    b: await load("b"),
    renewed: await load("renewed"),
    client: await load("client"),
    chained: await load("chained"),
    misissued: await load("misissued"),
    expired: await load("expired"),
    stranger: await load("stranger"),
    stolen: await load("a", "stolen"),
    stolenClient: await load("client", "stolen-client"),
    remove: () => Deno.remove(dir, { recursive: true }),
  };
}

async function openssl(...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("openssl", { args, stdin: "null" }).output();
  if (!success) throw new Error(`openssl ${args[0]}: ${new TextDecoder().decode(stderr)}`);
}

/**
 * Writes the key that has the public half of one and the private half of another: programs that
 * compare public halves only take it for the first one's.
 */
async function forgeKey(publicHalf: string, privateHalf: string, target: string): Promise<void> {
  const forged = derOf(await Deno.readTextFile(publicHalf));
  // RFC 5915 §3: SEQUENCE, version, then the OCTET STRING of the private half.
  const [start, end] = [7, 7 + 32];
  forged.set(derOf(await Deno.readTextFile(privateHalf)).subarray(start, end), start);
  const label = "EC PRIVATE KEY";
  const lines = `-----BEGIN ${label}-----\n${forged.toBase64()}\n-----END ${label}-----\n`;
  await Deno.writeTextFile(target, lines);
}

/** The octets of the first block of a PEM text. */
function derOf(pem: string): Uint8Array<ArrayBuffer> {
  const body = pem.split("-----")[2];
  return Uint8Array.fromBase64(body.replaceAll("\n", ""));
}

async function fingerprintOf(pem: string): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", derOf(pem))).toHex();
}
