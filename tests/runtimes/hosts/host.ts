/**
 * The program of a process under test, whatever its runtime: a proxy as its first argument, the JSON of
 * a `Setup`, asks for. It prints where it listens, as one line of JSON, and ends in good order at SIGTERM.
 *
 * @module
 */

import process from "node:process";
import {
  type CertificateSource,
  createTlsClient,
  createTlsServer,
} from "../../../src/adapters/node_tls.ts";
import type { ChannelListener, Dialer, Target } from "../../../src/channel.ts";
import { createProxy } from "../../../src/proxy.ts";
import { smtpUpstream } from "../../../src/upstream/smtp/upstream.ts";
import type { Setup } from "../_suite.ts";
import { policy } from "./policy.ts";

/** What differs from runtime to runtime. */
export interface Adapter {
  readonly dialer: Dialer;
  fileCertificates(
    files: readonly { readonly cert: string; readonly key: string }[],
  ): Promise<CertificateSource>;
  listen(address: Target, options?: { readonly mode?: number }): Promise<ChannelListener>;
}

/** Runs it. */
export async function run({ dialer, fileCertificates, listen }: Adapter): Promise<void> {
  const setup: Setup = JSON.parse(process.argv[2]);
  const { upstreamTls, certificate } = setup;
  const proxy = createProxy({
    hostname: "proxy.example",
    trace: false,
    policy,
    tls: createTlsServer({
      certificates: await fileCertificates([{
        cert: certificate.certPath,
        key: certificate.keyPath,
      }]),
    }),
    upstream: smtpUpstream({
      target: setup.upstream,
      dialer,
      tlsClient: createTlsClient(),
      tls: upstreamTls === undefined ? { mode: "none" } : {
        mode: "required",
        verify: { kind: "name", name: upstreamTls.name, authorities: [upstreamTls.authority] },
      },
    }),
  });
  const anyPort = { transport: "tcp", host: "127.0.0.1", port: 0 } as const;
  const smtp = await listen(anyPort);
  const smtps = await listen(anyPort);
  const unix = await listen({ transport: "unix", path: setup.unix }, { mode: 0o600 });
  const served = [
    proxy.serve(smtp),
    proxy.serve(smtps, { implicitTls: true }),
    proxy.serve(unix),
  ];
  // Nothing is ended by force: a process that keeps something open does not end.
  process.once("SIGTERM", () => void proxy.close(10_000));
  const addresses = { smtp: smtp.address, smtps: smtps.address, unix: unix.address };
  process.stdout.write(`${JSON.stringify(addresses)}\n`);
  await Promise.all(served);
}
