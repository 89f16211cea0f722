/**
 * The PROXY protocol, versions 1 and 2, as HAProxy's `doc/proxy-protocol.txt` defines it: a header
 * before all else on a connection, by which a proxy tells whose connection it passes on.
 *
 * @module
 */

import { concat, CR, encode, LF } from "../bytes.ts";
import { ipOctets, ipText } from "./ip_octets.ts";
import type { Framer, Out } from "./stage.ts";

/** One end of the connection that is passed on. */
export interface ProxyEndpoint {
  /** IPv4 or IPv6 address; one that was read has the form of RFC 5952. */
  readonly host: string;
  /** 0 to 65535. */
  readonly port: number;
}

/** An extension field of version 2. */
export interface ProxyTlv {
  /** 0 to 255. */
  readonly type: number;
  /** At most 1024 octets; never written to again. */
  readonly value: Uint8Array;
}

/** What a header says. */
export interface ProxyHeader {
  /** Of the protocol: 1 is a line of text, 2 is binary. */
  readonly version: 1 | 2;
  /**
   * The header names no IP address (`UNKNOWN`, `LOCAL`, a Unix socket): the addresses of the
   * connection itself hold.
   */
  readonly local: boolean;
  /** The client; absent where `local`. */
  readonly source?: ProxyEndpoint;
  /** The address at which the client reached the proxy; absent where `local`. */
  readonly destination?: ProxyEndpoint;
  /** Extension fields of version 2 in their order, not interpreted. */
  readonly tlvs?: readonly ProxyTlv[];
}

/**
 * What came is not a PROXY header; the connection has to be closed without an answer.
 *
 * @example A client that speaks SMTP at once
 * ```ts
 * import { assertThrows } from "@std/assert";
 * import { ProxyHeaderFault, ProxyHeaderReader } from "@sluice/sluice/stages";
 *
 * const octets = new TextEncoder().encode("EHLO client.example\r\n");
 * const out = { enqueue: () => {} };
 * assertThrows(() => new ProxyHeaderReader().take(octets, 0, out), ProxyHeaderFault);
 * ```
 */
export class ProxyHeaderFault extends Error {
  /** Tells it apart in logs, and where two copies of a module make `instanceof` fail. */
  override readonly name = "ProxyHeaderFault";
  /**
   * Is thrown by {@linkcode ProxyHeaderReader}.
   *
   * @param problem What was found, for logs.
   */
  constructor(problem: string) {
    super(`Read a PROXY header: ${problem}`);
  }
}

const LINE_START = encode("PROXY ");
const SIGNATURE = encode("\r\n\r\n\0\r\nQUIT\n");
/** Longest line of version 1 in octets, CRLF included. */
const MAX_LINE = 107;
/** Octets of version 2 before the addresses, and the most that is accepted after them. */
const FIXED = 16;
const MAX_BLOCK = 1024;

/** Octet 12 of version 2: version and command. */
const LOCAL = 0x20;
const PROXY = 0x21;

/** Octet 13 of version 2, address family and transport: lengths of one address and of the block. */
const TCP4 = 0x11;
const TCP6 = 0x21;
const families: ReadonlyMap<number, { readonly address: number; readonly block: number }> = new Map(
  [
    [TCP4, { address: 4, block: 12 }],
    [TCP6, { address: 16, block: 36 }],
    // Unix socket: its names say nothing to SMTP, and only the extension fields are read.
    [0x31, { address: 0, block: 216 }],
  ],
);
const UNSPECIFIED = 0x00;

/**
 * Reads the header of a connection on which one is required, and stops behind it.
 *
 * `take` and `transform` throw {@linkcode ProxyHeaderFault} at the first octet that cannot belong
 * to a header. Holds at most 1040 octets.
 *
 * @example The client behind a load balancer
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { type ProxyHeader, ProxyHeaderReader } from "@sluice/sluice/stages";
 *
 * const line = "PROXY TCP4 192.0.2.7 198.51.100.1 50000 25\r\n";
 * const octets = new TextEncoder().encode(`${line}EHLO client.example\r\n`);
 * const headers: ProxyHeader[] = [];
 * const next = new ProxyHeaderReader().take(octets, 0, { enqueue: (one) => headers.push(one) });
 * assertEquals(headers[0].source, { host: "192.0.2.7", port: 50000 });
 * assertEquals(next, line.length); // SMTP begins here
 * ```
 */
export class ProxyHeaderReader implements Framer<ProxyHeader> {
  #octets = new Uint8Array(FIXED + MAX_BLOCK);
  #length = 0;

  /**
   * Takes octets up to the end of the header and enqueues it when it is complete.
   *
   * @throws {ProxyHeaderFault} If the octets are not a valid header.
   */
  take(chunk: Uint8Array, from: number, out: Out<ProxyHeader>): number {
    for (let at = from; at < chunk.length; at++) {
      this.#octets[this.#length++] = chunk[at];
      const header = this.#octets[0] === SIGNATURE[0] ? this.#binary() : this.#line();
      if (!header) continue;
      this.flush();
      out.enqueue(header);
      return at + 1;
    }
    return chunk.length;
  }

  /**
   * As `take`, over and over: for input of nothing but headers.
   *
   * @throws {ProxyHeaderFault} If the octets are not a valid header.
   */
  transform(chunk: Uint8Array, out: Out<ProxyHeader>): void {
    for (let at = 0; at < chunk.length;) at = this.take(chunk, at, out);
  }

  /** Drops an unfinished header: it is none. */
  flush(): void {
    // Fresh memory: extension fields are views of the old one.
    this.#octets = new Uint8Array(FIXED + MAX_BLOCK);
    this.#length = 0;
  }

  #line(): ProxyHeader | undefined {
    const last = this.#length - 1;
    this.#mustBegin(LINE_START);
    const afterCr = last > 0 && this.#octets[last - 1] === CR;
    if (afterCr !== (this.#octets[last] === LF)) {
      throw new ProxyHeaderFault("found a CR or an LF by itself in the line");
    }
    if (afterCr) return parseLine(this.#octets.subarray(0, last - 1));
    if (this.#length === MAX_LINE) {
      throw new ProxyHeaderFault(`no CRLF within ${MAX_LINE} octets`);
    }
    return undefined;
  }

  #binary(): ProxyHeader | undefined {
    this.#mustBegin(SIGNATURE);
    if (this.#length < FIXED) return undefined;
    const block = uint16(this.#octets, FIXED - 2);
    if (block > MAX_BLOCK) {
      throw new ProxyHeaderFault(`length is ${block}, at most ${MAX_BLOCK} is accepted`);
    }
    if (this.#length < FIXED + block) return undefined;
    return parseBinary(this.#octets.subarray(0, FIXED + block));
  }

  #mustBegin(expected: Uint8Array): void {
    const last = this.#length - 1;
    if (last < expected.length && this.#octets[last] !== expected[last]) {
      throw new ProxyHeaderFault("found neither `PROXY ` nor the signature of version 2");
    }
  }
}

const address = "([0-9A-Fa-f:.]{1,45})";
const port = "(0|[1-9][0-9]{0,4})";
const tcpLine = new RegExp(`^PROXY TCP([46]) ${address} ${address} ${port} ${port}$`);
const unknownLine = /^PROXY UNKNOWN(?: |$)/;
const singleOctets = new TextDecoder("latin1");

function parseLine(octets: Uint8Array): ProxyHeader {
  const line = singleOctets.decode(octets);
  if (unknownLine.test(line)) return { version: 1, local: true };
  const match = tcpLine.exec(line);
  if (!match) throw new ProxyHeaderFault("the line of version 1 is malformed");
  const length = match[1] === "4" ? 4 : 16;
  const [source, destination] = [[match[2], match[4]], [match[3], match[5]]].map(([host, port]) => {
    const octets = ipOctets(host);
    if (octets?.length !== length) {
      throw new ProxyHeaderFault(`found the address ${host}, allowed is one of IPv${match[1]}`);
    }
    if (Number(port) > 0xffff) throw new ProxyHeaderFault(`found the port ${port}`);
    return { host: ipText(octets), port: Number(port) };
  });
  return { version: 1, local: false, source, destination };
}

function parseBinary(octets: Uint8Array): ProxyHeader {
  const command = octets[12];
  if (command === LOCAL) return { version: 2, local: true };
  if (command !== PROXY) {
    throw new ProxyHeaderFault(`version and command are 0x${command.toString(16)}`);
  }
  if (octets[13] === UNSPECIFIED) return { version: 2, local: true };
  const family = families.get(octets[13]);
  if (!family) {
    throw new ProxyHeaderFault(`family and transport are 0x${octets[13].toString(16)}`);
  }
  const { address, block } = family;
  if (octets.length < FIXED + block) {
    throw new ProxyHeaderFault(`length is ${octets.length - FIXED}, at least ${block} is needed`);
  }
  const tlvs = parseTlvs(octets.subarray(FIXED + block));
  if (address === 0) return { version: 2, local: true, tlvs };
  const ports = FIXED + 2 * address;
  return {
    version: 2,
    local: false,
    source: {
      host: ipText(octets.subarray(FIXED, FIXED + address)),
      port: uint16(octets, ports),
    },
    destination: {
      host: ipText(octets.subarray(FIXED + address, ports)),
      port: uint16(octets, ports + 2),
    },
    tlvs,
  };
}

function parseTlvs(octets: Uint8Array): ProxyTlv[] {
  const tlvs: ProxyTlv[] = [];
  for (let at = 0; at < octets.length;) {
    const value = at + 3;
    const end = value <= octets.length ? value + uint16(octets, at + 1) : Infinity;
    if (end > octets.length) throw new ProxyHeaderFault("an extension field exceeds the header");
    tlvs.push({ type: octets[at], value: octets.subarray(value, end) });
    at = end;
  }
  return tlvs;
}

/**
 * Makes the header that tells an upstream whose connection this is.
 *
 * Where one end is IPv4 and the other IPv6, both are written as IPv6.
 *
 * @example A header of version 1
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { encodeProxyHeader } from "@sluice/sluice/stages";
 *
 * const source = { host: "2001:db8::7", port: 50000 };
 * const destination = { host: "2001:db8::1", port: 25 };
 * assertEquals(
 *   new TextDecoder().decode(encodeProxyHeader(1, source, destination)),
 *   "PROXY TCP6 2001:db8::7 2001:db8::1 50000 25\r\n",
 * );
 * ```
 *
 * @param version 1 is a line of text, 2 is binary.
 * @param source The client; without it or `destination` the header says `UNKNOWN` or `LOCAL`.
 * @throws {RangeError} If a host is not an IP address or a port is not from 0 to 65535.
 */
export function encodeProxyHeader(
  version: 1 | 2,
  source?: ProxyEndpoint,
  destination?: ProxyEndpoint,
): Uint8Array {
  if (!source || !destination) {
    return version === 1
      ? encode("PROXY UNKNOWN\r\n")
      : concat([SIGNATURE, Uint8Array.of(LOCAL, UNSPECIFIED, 0, 0)]);
  }
  let hosts = [source, destination].map(checkedHost);
  if (hosts[0].length !== hosts[1].length) hosts = hosts.map(asIpv6);
  const ipv4 = hosts[0].length === 4;
  if (version === 1) {
    const [from, to] = hosts.map(ipText);
    return encode(
      `PROXY TCP${ipv4 ? 4 : 6} ${from} ${to} ${source.port} ${destination.port}\r\n`,
    );
  }
  const block = concat([...hosts, ...[source.port, destination.port].map(octetPair)]);
  const head = Uint8Array.of(PROXY, ipv4 ? TCP4 : TCP6, ...octetPair(block.length));
  return concat([SIGNATURE, head, block]);
}

function checkedHost({ host, port }: ProxyEndpoint): Uint8Array {
  const octets = ipOctets(host);
  if (!octets) throw new RangeError(`Write a PROXY header: "${host}" is not an IP address`);
  if (!Number.isInteger(port) || port < 0 || port > 0xffff) {
    throw new RangeError(`Write a PROXY header: port is ${port}, allowed is 0 to 65535`);
  }
  return octets;
}

function asIpv6(octets: Uint8Array): Uint8Array {
  return octets.length === 16 ? octets : Uint8Array.of(...Array(10).fill(0), 255, 255, ...octets);
}

function uint16(octets: Uint8Array, at: number): number {
  return octets[at] << 8 | octets[at + 1];
}

function octetPair(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value & 0xff);
}
