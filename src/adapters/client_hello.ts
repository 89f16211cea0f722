/**
 * Reads the first message of a TLS client, so that the certificate can be chosen before a TLS
 * engine sees an octet: over a channel, the engines' own callbacks for that hang or are ignored.
 *
 * Nothing here decrypts or verifies; the engine parses the same octets again.
 *
 * @module
 */

/** More than this is no ClientHello: those with post-quantum key shares have about 2 KiB. */
export const MAX_CLIENT_HELLO = 18432;

/** What a server wants to know before it answers. */
export interface ClientHello {
  /** The host_name asked for (RFC 6066 §3), lower case; `""` if none or if it is no host name. */
  readonly serverName: string;
  /** Application protocols offered (RFC 7301 §3.1), in the client's order. */
  readonly alpn: readonly string[];
}

/** How far {@linkcode parseClientHello} came. */
export type ClientHelloResult =
  | { readonly kind: "complete"; readonly hello: ClientHello }
  /** So far all is well; more octets are needed. */
  | { readonly kind: "incomplete" }
  /** No continuation of these octets is a ClientHello. */
  | { readonly kind: "invalid"; readonly problem: string };

const HANDSHAKE_RECORD = 22;
const CLIENT_HELLO_MESSAGE = 1;
const RECORD_HEADER = 5;
const MESSAGE_HEADER = 4;
const MAX_RECORD = 16384;
/** ProtocolVersion and random, which stand before the first vector (RFC 8446 §4.1.2). */
const VERSION_AND_RANDOM = 34;
const SERVER_NAME_EXTENSION = 0;
const ALPN_EXTENSION = 16;
const HOST_NAME = 0;

const HOST_NAME_SYNTAX = /^[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*$/;
const MAX_HOST_NAME = 253;

/**
 * Parses the start of what a TLS client has sent.
 *
 * @param octets All octets from the first on; what follows the ClientHello is not looked at.
 */
export function parseClientHello(octets: Uint8Array): ClientHelloResult {
  const message = messageOf(octets);
  if (message instanceof Uint8Array) {
    const hello = helloOf(message);
    return hello === undefined ? invalid("a length inside it is wrong") : {
      kind: "complete",
      hello,
    };
  }
  if (message.kind === "incomplete" && octets.length >= MAX_CLIENT_HELLO) return tooLarge();
  return message;
}

/** Takes the message out of its records: it may be spread over several (RFC 8446 §5.1). */
function messageOf(
  octets: Uint8Array,
): Uint8Array | Exclude<ClientHelloResult, { hello: unknown }> {
  const message = new Uint8Array(Math.min(octets.length, MAX_CLIENT_HELLO));
  let length = 0;
  for (let at = 0; at < octets.length;) {
    if (octets[at] !== HANDSHAKE_RECORD) {
      return invalid(`its record type is ${octets[at]}, expected ${HANDSHAKE_RECORD}`);
    }
    if (at + 1 < octets.length && octets[at + 1] !== 3) {
      return invalid(`its record's major version is ${octets[at + 1]}, expected 3`);
    }
    if (at + RECORD_HEADER > octets.length) break;
    const size = uint(octets, at + 3, 2);
    if (size === 0 || size > MAX_RECORD) return invalid(`its record has ${size} octets`);
    at += RECORD_HEADER;
    const fragment = octets.subarray(at, at + size);
    at += fragment.length;
    if (length + fragment.length > message.length) return tooLarge();
    message.set(fragment, length);
    length += fragment.length;
    if (length === 0) break;
    if (message[0] !== CLIENT_HELLO_MESSAGE) {
      return invalid(`its message type is ${message[0]}, expected ${CLIENT_HELLO_MESSAGE}`);
    }
    if (length < MESSAGE_HEADER) continue;
    const end = MESSAGE_HEADER + uint(message, 1, 3);
    if (end > MAX_CLIENT_HELLO) return tooLarge();
    if (length >= end) return message.subarray(MESSAGE_HEADER, end);
  }
  return { kind: "incomplete" };
}

/** RFC 8446 §4.1.2, which is RFC 5246 §7.4.1.2 to whoever does not look into the extensions. */
function helloOf(message: Uint8Array): ClientHello | undefined {
  const cursor = new Cursor(message);
  cursor.skip(VERSION_AND_RANDOM);
  cursor.vector(1); // session identifier
  cursor.vector(2); // cipher suites
  cursor.vector(1); // compression methods
  let serverName = "";
  let alpn: string[] = [];
  if (cursor.more) {
    const extensions = new Cursor(cursor.vector(2));
    while (extensions.more) {
      const type = extensions.uint(2);
      const body = new Cursor(extensions.vector(2));
      if (type === SERVER_NAME_EXTENSION) serverName = hostNameIn(body);
      else if (type === ALPN_EXTENSION) alpn = protocolsIn(body);
      if (!body.sound) return undefined;
    }
    if (!extensions.sound) return undefined;
  }
  return cursor.sound ? { serverName, alpn } : undefined;
}

function hostNameIn(body: Cursor): string {
  const list = new Cursor(body.vector(2));
  let found = "";
  while (list.more) {
    const type = list.uint(1);
    const name = ascii(list.vector(2)).toLowerCase();
    if (type === HOST_NAME && isHostName(name)) found = name;
  }
  if (!list.sound) body.fail();
  return found;
}

function protocolsIn(body: Cursor): string[] {
  const list = new Cursor(body.vector(2));
  const found: string[] = [];
  while (list.more) found.push(ascii(list.vector(1)));
  if (!list.sound) body.fail();
  return found;
}

function isHostName(name: string): boolean {
  return name.length <= MAX_HOST_NAME && HOST_NAME_SYNTAX.test(name);
}

/** One character an octet; what is not printable ASCII becomes `?`. */
function ascii(octets: Uint8Array): string {
  let text = "";
  for (const octet of octets) {
    text += octet > 0x20 && octet < 0x7f ? String.fromCharCode(octet) : "?";
  }
  return text;
}

function uint(octets: Uint8Array, at: number, size: number): number {
  let value = 0;
  for (let i = at; i < at + size; i++) value = value * 256 + octets[i];
  return value;
}

function invalid(problem: string): { kind: "invalid"; problem: string } {
  return { kind: "invalid", problem: `Not a TLS ClientHello: ${problem}` };
}

function tooLarge(): { kind: "invalid"; problem: string } {
  return invalid(`it has more than ${MAX_CLIENT_HELLO} octets`);
}

/** Reads on until something does not fit; from then on it is unsound and yields nothing. */
class Cursor {
  readonly #octets: Uint8Array;
  #at = 0;
  #sound = true;

  constructor(octets: Uint8Array) {
    this.#octets = octets;
  }

  get sound(): boolean {
    return this.#sound;
  }

  /** Whether there is anything left to read. */
  get more(): boolean {
    return this.#sound && this.#at < this.#octets.length;
  }

  fail(): void {
    this.#sound = false;
  }

  uint(size: number): number {
    const at = this.#at;
    return this.skip(size) ? uint(this.#octets, at, size) : 0;
  }

  /** A length of `size` octets and as many octets as it says (RFC 8446 §3.4). */
  vector(size: 1 | 2): Uint8Array {
    const length = this.uint(size);
    const at = this.#at;
    return this.skip(length) ? this.#octets.subarray(at, at + length) : this.#octets.subarray(0, 0);
  }

  skip(count: number): boolean {
    if (!this.#sound || this.#at + count > this.#octets.length) {
      this.#sound = false;
      return false;
    }
    this.#at += count;
    return true;
  }
}
