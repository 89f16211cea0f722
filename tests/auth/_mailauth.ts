/**
 * Mailauth by itself: what it makes of a message, and signatures that it makes.
 *
 * @module
 */

import * as mailauth from "mailauth";
import { Buffer } from "node:buffer";
import { resolverOf, type Zone } from "./_zone.ts";

/** A key that is published at `test._domainkey` of a domain. */
export interface TestKey {
  readonly domain: string;
  readonly pem: string;
}

/** The message with a DKIM signature on top. */
export async function signed(message: string, { domain, pem }: TestKey): Promise<string> {
  const { signatures } = await mailauth.dkimSign(message, {
    signatureData: [{ signingDomain: domain, selector: "test", privateKey: pem }],
    // deno-lint-ignore no-explicit-any -- its types want more than it does
  } as any);
  return signatures + message;
}

/** The message with the first set of an ARC chain on top. */
export async function sealed(
  message: string,
  { domain, pem }: TestKey,
  zone: Zone,
): Promise<string> {
  const { headers } = await mailauth.authenticate(message, {
    ip: "203.0.113.9",
    helo: "list.example",
    sender: "list@list.example",
    mta: "list.example",
    resolver: lookupOf(zone),
    disableBimi: true,
    seal: { signingDomain: domain, selector: "test", privateKey: pem },
  });
  return headers + message;
}

/** The result of each DKIM signature, from the top down. */
export async function dkimResults(message: Uint8Array, zone: Zone): Promise<string[]> {
  const { results } = await mailauth.dkimVerify(Buffer.from(message), {
    resolver: lookupOf(zone),
    strict: true,
    // deno-lint-ignore no-explicit-any -- its types want more than it does
  } as any);
  return results.map(({ status }) => status.result);
}

function lookupOf(zone: Zone): (name: string, type: string) => Promise<string[]> {
  const resolver = resolverOf(zone);
  const { signal } = new AbortController();
  return (name, type) =>
    resolver.records(name, type as "TXT", signal) as unknown as Promise<string[]>;
}
