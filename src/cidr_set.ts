/**
 * Sets of IPv4 and IPv6 prefixes, each with a value; the longest prefix of an address is found in a
 * time that the address bounds, not the number of prefixes.
 *
 * A binary trie with compressed paths for each family: a node is a prefix, its children are longer
 * prefixes that begin with it, one for each value of the next bit. So a look-up goes down 32 (IPv4)
 * or 128 (IPv6) nodes at most, and n prefixes take less than 2n nodes. The nodes lie in one array of
 * integers: a million objects would cost several times the memory and the time to follow them.
 *
 * @module
 */

import { firstBits, parseAddress, parsePrefix, type Prefix, type Words } from "./prefix.ts";

// Where a node's integers lie: the children for a next bit of 0 and of 1, the number of its value,
// the length of its prefix, the words of its prefix.
const valuePlace = 2;
const bitsPlace = 3;
const wordsPlace = 4;
/** No child and no value: the root is nobody's child, and values count from 1. */
const none = 0;

function bitAt(words: ArrayLike<number>, place: number): number {
  return (words[place >>> 5] >>> (31 - (place & 31))) & 1;
}

/** A trie over prefixes of one family, with a number greater than zero for each. */
class Trie {
  readonly #stride: number;
  #nodes: Int32Array;
  #end: number;

  constructor(words: number) {
    this.#stride = wordsPlace + words;
    // The root is the prefix of no bits.
    this.#end = this.#stride;
    this.#nodes = new Int32Array(this.#stride * 16);
  }

  #append({ words, bits }: Prefix): number {
    const node = this.#end;
    this.#end += this.#stride;
    if (this.#end > this.#nodes.length) {
      const wider = new Int32Array(this.#nodes.length * 2);
      wider.set(this.#nodes);
      this.#nodes = wider;
    }
    this.#nodes[node + bitsPlace] = bits;
    this.#nodes.set(words, node + wordsPlace);
    return node;
  }

  /** How many first bits an address and a node's prefix share, at most those of the prefix. */
  #shared(words: Words, node: number): number {
    const bits = this.#nodes[node + bitsPlace];
    for (let place = 0; place * 32 < bits; place++) {
      const different = words[place] ^ this.#nodes[node + wordsPlace + place];
      if (different !== 0) return Math.min(place * 32 + Math.clz32(different), bits);
    }
    return bits;
  }

  /** The number of a prefix, which is `next` if it had none. */
  numberOf(prefix: Prefix, next: number): number {
    const place = this.#nodeOf(prefix) + valuePlace;
    if (this.#nodes[place] === none) this.#nodes[place] = next;
    return this.#nodes[place];
  }

  /** The node of a prefix, which is added where it is missing. */
  #nodeOf(prefix: Prefix): number {
    const { words, bits } = prefix;
    let node = 0;
    while (this.#nodes[node + bitsPlace] < bits) {
      const side = node + bitAt(words, this.#nodes[node + bitsPlace]);
      const child = this.#nodes[side];
      const shared = child === none ? 0 : Math.min(this.#shared(words, child), bits);
      if (child === none) {
        node = this.#append(prefix);
        this.#nodes[side] = node;
      } else if (shared === this.#nodes[child + bitsPlace]) {
        node = child;
      } else {
        // The paths part inside the child's prefix: a node of what they share goes between.
        node = this.#append({ words: firstBits(words, shared), bits: shared });
        this.#nodes[side] = node;
        this.#nodes[node + bitAt(this.#words(child), shared)] = child;
      }
    }
    return node;
  }

  #words(node: number): ArrayLike<number> {
    return this.#nodes.subarray(node + wordsPlace, node + this.#stride);
  }

  /** The number of the longest prefix of an address. */
  longest(words: Words): number {
    const nodes = this.#nodes;
    const width = words.length * 32;
    let found = nodes[valuePlace];
    let node = 0;
    while (nodes[node + bitsPlace] < width) {
      node = nodes[node + bitAt(words, nodes[node + bitsPlace])];
      if (node === none || this.#shared(words, node) < nodes[node + bitsPlace]) break;
      found = nodes[node + valuePlace] || found;
    }
    return found;
  }
}

/**
 * IPv4 and IPv6 prefixes, each with a value. IPv4-mapped IPv6 addresses count as IPv4, and so do
 * prefixes that lie within `::ffff:0:0/96`.
 */
export class CidrSet<Value> {
  readonly #ipv4 = new Trie(1);
  readonly #ipv6 = new Trie(4);
  /** By number less one. */
  readonly #values: Value[] = [];

  /** How many prefixes there are. */
  get size(): number {
    return this.#values.length;
  }

  /**
   * Adds a prefix, or gives it another value.
   *
   * @param prefix `192.0.2.0/24`, `2001:db8::/32`, or a single address.
   * @returns The value that it had before, if any.
   * @throws {RangeError} If it is neither, or has bits set behind the prefix.
   */
  add(prefix: string, value: Value): Value | undefined {
    const parsed = parsePrefix(prefix);
    const number = this.#trieOf(parsed.words).numberOf(parsed, this.#values.length + 1);
    const before = this.#values[number - 1];
    this.#values[number - 1] = value;
    return before;
  }

  /** The value of the longest prefix of the address; `undefined` also for what is no IP address. */
  get(address: string): Value | undefined {
    return this.#values[this.#numberOf(address) - 1];
  }

  /** Whether the address has one of the prefixes; what is no IP address never does. */
  has(address: string): boolean {
    return this.#numberOf(address) !== none;
  }

  #numberOf(address: string): number {
    const words = parseAddress(address);
    return words === undefined ? none : this.#trieOf(words).longest(words);
  }

  #trieOf(words: Words): Trie {
    return words.length === 1 ? this.#ipv4 : this.#ipv6;
  }
}
