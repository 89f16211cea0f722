/**
 * A certificate authority of the test's own, made with openssl.
 *
 * @module
 */

import { runOrThrow } from "./_tools.ts";

/** PEM files of one server. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
  /** SHA-256 of the certificate's DER form, upper-case hex. */
  readonly fingerprint: string;
}

/** An authority whose files live until it is disposed of. */
export interface Authority extends AsyncDisposable {
  /** PEM file of its certificate. */
  readonly file: string;
  /** Makes a server certificate for `name`, `localhost` and 127.0.0.1. */
  issue(name: string): Promise<Certificate>;
}

const profile = (extensions: string) =>
  `[req]
prompt = no
distinguished_name = name
x509_extensions = extensions
[name]
O = Sluice test
[extensions]
subjectKeyIdentifier = hash
${extensions}
`;

const AUTHORITY = profile(`basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign`);

const server = (name: string) =>
  profile(`authorityKeyIdentifier = keyid
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:${name}, DNS:localhost, IP:127.0.0.1`);

/** Makes an authority. */
export async function createAuthority(): Promise<Authority> {
  const directory = await Deno.makeTempDir({ prefix: "sluice-authority-" });

  const make = async (name: string, text: string, ...signer: string[]): Promise<Certificate> => {
    const path = `${directory}/${name}`;
    const [cert, key] = [`${path}.pem`, `${path}.key`];
    await Deno.writeTextFile(`${path}.cnf`, text);
    await runOrThrow("openssl", [
      ...["req", "-x509", "-new", "-config", `${path}.cnf`, "-subj", `/CN=${name}`, "-days", "2"],
      ...["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"],
      ...["-keyout", key, "-out", cert, ...signer],
    ]);
    const printed = await runOrThrow("openssl", [
      ...["x509", "-in", cert, "-noout", "-fingerprint", "-sha256"],
    ]);
    const fingerprint = printed.trim().split("=")[1].replaceAll(":", "");
    return { cert, key, fingerprint };
  };

  const own = await make("authority", AUTHORITY);
  return {
    file: own.cert,
    issue: (name) => make(name, server(name), "-CA", own.cert, "-CAkey", own.key),
    async [Symbol.asyncDispose]() {
      await Deno.remove(directory, { recursive: true });
    },
  };
}
