/**
 * What the tests of TLS share: both sides of a handshake over memory.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { memoryPair } from "../../src/adapters/memory.ts";
import {
  createTlsClient,
  createTlsServer,
  staticCertificates,
  type TlsServerOptions,
} from "../../src/adapters/node_tls.ts";
import {
  type Channel,
  ChannelError,
  type SecureChannel,
  type Target,
  type TlsClient,
  type TlsServer,
  type TlsVerification,
} from "../../src/channel.ts";
import { makeCertificates } from "../_certificates.ts";

const { a, b } = await makeCertificates();

/** A signal that never comes. */
export const never = new AbortController().signal;
/** A port of this machine that the system chooses. */
export const loopback = { transport: "tcp", host: "127.0.0.1", port: 0 } as const satisfies Target;

/** A server with two certificates, the first for whatever is not the second's. */
export function serverOf(options: Partial<TlsServerOptions> = {}): TlsServer {
  return createTlsServer({ certificates: staticCertificates([a, b]), ...options });
}

/** Runs both handshakes over memory. */
export async function handshake(
  server: Partial<TlsServerOptions>,
  client: { tls?: TlsClient; serverName?: string; verify?: TlsVerification } = {},
): Promise<[SecureChannel, SecureChannel]> {
  const { tls = createTlsClient(), serverName = "a.example", verify = { kind: "none" } } = client;
  const [below, above] = memoryPair();
  return await Promise.all([
    tls.connect(below, { serverName, verify }, never),
    serverOf(server).accept(above, never),
  ]);
}

/** Closes them. */
export function closeAll(...channels: Channel[]): void {
  for (const channel of channels) channel.close();
}

/** Fails unless the channel has been closed at this end. */
export async function assertClosed(channel: Channel): Promise<void> {
  assertEquals((await assertRejects(() => channel.read(), ChannelError)).kind, "closed");
}
