/**
 * Private OpenDKIM and OpenDMARC in temporary directories. Neither asks the DNS for anything: keys and
 * policies are the test's.
 *
 * @module
 */

import type { SocketTarget } from "../../src/channel.ts";
import type { Zone } from "../auth/_zone.ts";
import { type Daemon, startDaemon } from "./_daemon.ts";
import { freePort, runOrThrow } from "./_tools.ts";

/** Name under which both say what they have found. */
export const AUTHSERV_ID = "mx.test.example";

/** Whoever comes from there sends mail of the domain, which is signed. */
export const INSIDE = "192.0.2.1";
/** Mail from there is verified. */
export const OUTSIDE = "198.51.100.1";

/** Domain that signs, and its selector. */
export const DOMAIN = "signed.example";
const SELECTOR = "test";

/** A private milter. */
export interface Milter extends Daemon {
  readonly target: SocketTarget;
}

/** An OpenDKIM that signs and verifies. */
export interface Opendkim extends Milter {
  /** Its public key, as the DNS would have it. */
  readonly zone: Zone;
  /**
   * What the program itself makes of a message in a file, by no protocol: all that it prints. It reads
   * header fields in a way that `simple` does not survive.
   */
  verify(content: string): Promise<string>;
}

/** Starts a program with its settings, and waits for its socket. */
async function start(
  tool: string,
  directory: string,
  transport: SocketTarget["transport"],
  args: (config: string) => readonly string[],
  settings: readonly string[],
): Promise<Milter> {
  const path = `${directory}/socket`;
  const port = freePort();
  const target: SocketTarget = transport === "unix"
    ? { transport, path }
    : { transport, host: "127.0.0.1", port };
  const socket = transport === "unix" ? `local:${path}` : `inet:${port}@127.0.0.1`;
  const config = `${directory}/conf`;
  const common = [`Socket ${socket}`, `PidFile ${directory}/pid`, `AuthservID ${AUTHSERV_ID}`];
  await Deno.writeTextFile(config, [...common, "Syslog no", ...settings, ""].join("\n"));
  const daemon = await startDaemon(tool, {
    args: args(config),
    directory,
    // Asked to end, libmilter looks around for five seconds first.
    signal: "SIGKILL",
    ready: async () => {
      using _conn = transport === "unix"
        ? await Deno.connect({ transport, path })
        : await Deno.connect({ hostname: "127.0.0.1", port });
      // Its socket is there before it has written that.
      return (await Deno.readTextFile(`${directory}/pid`)).trim() !== "";
    },
  });
  return { ...daemon, target };
}

/** What it is to do. */
export interface OpendkimOptions {
  readonly transport: SocketTarget["transport"];
  /** Of header section and body: `relaxed/simple`. */
  readonly canonicalization: string;
}

/** Starts a private OpenDKIM. @throws {Error} If it does not start. */
export async function startOpendkim(
  { transport, canonicalization }: OpendkimOptions,
): Promise<Opendkim> {
  const directory = await Deno.makeTempDir({ prefix: "sluice-opendkim-" });
  const key = await crypto.subtle.generateKey(
    {
      name: "RSASSA-PKCS1-v1_5",
      modulusLength: 2048,
      publicExponent: Uint8Array.of(1, 0, 1),
      hash: "SHA-256",
    },
    true,
    ["sign", "verify"],
  );
  const der = async (form: "pkcs8" | "spki", one: CryptoKey): Promise<string> =>
    new Uint8Array(await crypto.subtle.exportKey(form, one)).toBase64();
  const pem = (await der("pkcs8", key.privateKey)).replace(/.{64}/g, "$&\n");
  await Deno.writeTextFile(
    `${directory}/key`,
    `-----BEGIN PRIVATE KEY-----\n${pem}\n-----END PRIVATE KEY-----\n`,
    { mode: 0o600 },
  );
  const name = `${SELECTOR}._domainkey.${DOMAIN}`;
  const record = `v=DKIM1; k=rsa; p=${await der("spki", key.publicKey)}`;
  await Deno.writeTextFile(`${directory}/public`, `${name} ${record}\n`);
  await Deno.writeTextFile(`${directory}/inside`, `${INSIDE}\n`);
  const verifying = [
    `TestPublicKeys ${directory}/public`,
    "AlwaysAddARHeader yes",
    // Every user may write beside its directory.
    "RequireSafeKeys no",
  ];
  const daemon = await start("opendkim", directory, transport, (config) => ["-x", config], [
    ...["Mode sv", "Background yes", ...verifying],
    `Domain ${DOMAIN}`,
    `Selector ${SELECTOR}`,
    `KeyFile ${directory}/key`,
    `InternalHosts refile:${directory}/inside`,
    `Canonicalization ${canonicalization}`,
  ]);
  const verify = async (content: string): Promise<string> => {
    const [conf, message] = [`${directory}/verify.conf`, `${directory}/message`];
    await Deno.writeTextFile(conf, ["Mode v", ...verifying, ""].join("\n"));
    await Deno.writeTextFile(message, content);
    return await runOrThrow("opendkim", ["-x", conf, "-v", "-v", "-t", message]);
  };
  return { ...daemon, zone: { [`TXT ${name}`]: [[record]] }, verify };
}

/**
 * Starts a private OpenDMARC, which refuses what fails.
 *
 * @param records Policies by domain: `v=DMARC1; p=reject`.
 * @throws {Error} If it does not start.
 */
export async function startOpendmarc(records: Readonly<Record<string, string>>): Promise<Milter> {
  const directory = await Deno.makeTempDir({ prefix: "sluice-opendmarc-" });
  const lines = Object.entries(records).map(([domain, text]) => `_dmarc.${domain} ${text}\n`);
  await Deno.writeTextFile(`${directory}/records`, lines.join(""));
  return await start("opendmarc", directory, "unix", (config) => ["-c", config], [
    `TrustedAuthservIDs ${AUTHSERV_ID}`,
    `TestDNSData ${directory}/records`,
    "RejectFailures true",
    "HoldQuarantinedMessages true",
    "Background true",
  ]);
}
