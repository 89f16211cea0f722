/**
 * A name server on loopback.
 */

import { createSocket } from "node:dgram";
import { encode } from "../../src/bytes.ts";

/** Data of records by name and type, each a record of its own. */
export type Records = Readonly<Record<string, readonly (readonly number[])[]>>;

/** Types of records (RFC 1035 §3.2.2, RFC 3596 §2.1, RFC 2782). */
export const TYPE = { A: 1, PTR: 12, MX: 15, AAAA: 28, SRV: 33 } as const;

/** The octets of a domain name (RFC 1035 §3.1). */
export function nameOctets(name: string): number[] {
  const labels = name === "" ? [] : name.split(".");
  return [...labels.flatMap((label) => [label.length, ...encode(label)]), 0];
}

/** Two octets. */
export function short(number: number): number[] {
  return [number >>> 8, number & 0xff];
}

/** The reply to one question (RFC 1035 §4.1); NXDOMAIN for what is not among the records. */
function replyTo(query: Uint8Array, records: Records): Uint8Array {
  const labels: string[] = [];
  let at = 12;
  for (; query[at] > 0; at += 1 + query[at]) {
    labels.push(new TextDecoder().decode(query.subarray(at + 1, at + 1 + query[at])));
  }
  const type = query[at + 2];
  const found = records[`${labels.join(".").toLowerCase()}/${type}`] ?? [];
  const flags = found.length === 0 ? [0x81, 0x83] : [0x81, 0x80];
  const counts = [0, 1, 0, found.length, 0, 0, 0, 0];
  const answers = found.flatMap((data) => [
    ...[0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60],
    ...short(data.length),
    ...data,
  ]);
  return new Uint8Array([
    ...query.subarray(0, 2),
    ...flags,
    ...counts,
    ...query.subarray(12, at + 5),
    ...answers,
  ]);
}

/** Where it can be asked. */
export interface NameServerAddress {
  readonly ipAddr: string;
  readonly port: number;
}

/** Runs a test against a name server; without records it never answers. */
export async function withNameServer(
  records: Records | undefined,
  play: (at: NameServerAddress) => Promise<void>,
): Promise<void> {
  const server = createSocket("udp4");
  server.on("message", (query, { port, address }) => {
    if (records !== undefined) server.send(replyTo(query, records), port, address);
  });
  await new Promise<void>((resolve) => {
    server.bind(0, "127.0.0.1", resolve);
  });
  await play({ ipAddr: "127.0.0.1", port: server.address().port });
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
}
