/**
 * Which rules can apply at all: those that ask for one mailbox, domain or network are found by
 * look-ups, however many there are; their conditions are then tried in full.
 *
 * @module
 */

import { firstBits, parseAddress, parsePrefix } from "../../prefix.ts";
import type { Path } from "../../rfc5321/path.ts";
import type { Phase } from "../../session/phases.ts";
import type { When } from "./conditions.ts";
import { foldLocalPart } from "./part.ts";
import { parsePattern } from "./pattern.ts";
import { isTableReference } from "./scope.ts";
import type { View } from "./view.ts";

/** Kinds of keys under which rules are filed, the narrowest first. */
const kinds = ["mailbox", "localPart", "domain", "network", "suffix"] as const;
type Kind = (typeof kinds)[number];

/** Whose key it is. */
type Owner = "recipient" | "sender" | "client";

/** A key that the owner of a rule's condition is sure to have where the rule applies. */
interface Key {
  readonly owner: Owner;
  readonly kind: Kind;
  readonly text: string;
}

/** The key of an address pattern, if it has one. */
function keyOfPattern(owner: Owner, text: string): Key | undefined {
  if (isTableReference(text) || text.startsWith("/")) return undefined;
  const { form } = parsePattern(text, "address");
  if (form.kind === "null") return { owner, kind: "mailbox", text: "<>" };
  if (form.kind === "expression") return undefined;
  const { localPart, domain } = form;
  const name = localPart?.kind === "exact" ? localPart.text : undefined;
  if (domain.kind === "exact") {
    return name === undefined
      ? { owner, kind: "domain", text: domain.text }
      : { owner, kind: "mailbox", text: `${name}@${domain.text}` };
  }
  if (name !== undefined) return { owner, kind: "localPart", text: name };
  return domain.kind === "suffix" ? { owner, kind: "suffix", text: domain.text } : undefined;
}

function networkKey(words: readonly number[], bits: number): string {
  return `${firstBits(words, bits).join(".")}/${bits}`;
}

function keyOfNetwork(owner: Owner, text: string): Key | undefined {
  if (isTableReference(text)) return undefined;
  const { words, bits } = parsePrefix(text);
  return { owner, kind: "network", text: networkKey(words, bits) };
}

/** The keys of all alternatives; none where one of them has no key. */
function every<T>(
  list: readonly T[],
  keysOfOne: (one: T) => readonly Key[] | undefined,
): readonly Key[] | undefined {
  const keys = list.map(keysOfOne);
  return keys.every((some) => some !== undefined) ? keys.flat() : undefined;
}

function alternatives(
  texts: string | readonly string[] | undefined,
  keyOf: (text: string) => Key | undefined,
): readonly Key[] | undefined {
  if (texts === undefined) return undefined;
  return every(typeof texts === "string" ? [texts] : texts, (text) => {
    const key = keyOf(text);
    return key && [key];
  });
}

function breadth(keys: readonly Key[]): number {
  return Math.max(...keys.map(({ kind }) => kinds.indexOf(kind)));
}

/** The narrowest keys of which one is there whenever the conditions are met. */
function keysOf(when: When, phase: Phase): readonly Key[] | undefined {
  const choices = [
    // Behind `rcpt` there are many recipients.
    phase === "rcpt"
      ? alternatives(when.recipient, (text) => keyOfPattern("recipient", text))
      : undefined,
    alternatives(when.sender, (text) => keyOfPattern("sender", text)),
    alternatives(when.client, (text) => keyOfNetwork("client", text)),
    ...(when.and ?? []).map((one) => keysOf(one, phase)),
    when.or && every(when.or, (one) => keysOf(one, phase)),
  ].filter((keys) => keys !== undefined);
  return choices.sort((one, other) => breadth(one) - breadth(other))[0];
}

/** Numbers of rules in ascending order, by their keys' texts. */
type Files = Map<string, number[]>;

/** The rules of one phase by their keys. */
export class RuleIndex {
  readonly #files = new Map<`${Owner} ${Kind}`, Files>();
  /** Lengths of the networks that are asked for: each needs a look-up. */
  readonly #bits: Readonly<Record<"ipv4" | "ipv6", Set<number>>> = {
    ipv4: new Set(),
    ipv6: new Set(),
  };
  /** Rules that have no key. */
  readonly #others: number[] = [];

  /**
   * Files a rule.
   *
   * @param number Greater than that of all rules before.
   */
  add(number: number, when: When, phase: Phase): void {
    const keys = keysOf(when, phase);
    if (keys === undefined) {
      this.#others.push(number);
      return;
    }
    for (const { owner, kind, text } of keys) this.#file(owner, kind, text, number);
  }

  /** The rules from `first` on whose conditions can be met, in ascending order. */
  *candidates(view: View, first: number): Iterable<number> {
    const found = this.#found(view);
    const others = this.#others;
    let nth = placeOf(found, first);
    let other = placeOf(others, first);
    while (nth < found.length || other < others.length) {
      const isOther = nth === found.length || others[other] < found[nth];
      yield isOther ? others[other++] : found[nth++];
    }
  }

  #file(owner: Owner, kind: Kind, text: string, number: number): void {
    if (kind === "network") {
      const [words, bits] = text.split("/");
      this.#bits[words.includes(".") ? "ipv6" : "ipv4"].add(Number(bits));
    }
    const name = `${owner} ${kind}` as const;
    const files = this.#files.get(name) ?? new Map<string, number[]>();
    this.#files.set(name, files);
    const numbers = files.get(text) ?? [];
    files.set(text, numbers);
    // Two of its keys may be the same.
    if (numbers.at(-1) !== number) numbers.push(number);
  }

  #found(view: View): readonly number[] {
    const lists: (readonly number[])[] = [];
    const look = (files: Files | undefined, text: string): void => {
      const numbers = files?.get(text);
      if (numbers !== undefined) lists.push(numbers);
    };
    this.#lookClient(view.client.address, look);
    this.#lookPath("sender", view.sender, look);
    if (view.recipients.length === 1) this.#lookPath("recipient", view.recipients[0], look);
    if (lists.length <= 1) return lists[0] ?? [];
    return [...new Set(lists.flat())].sort((one, other) => one - other);
  }

  #lookClient(address: string, look: (files: Files | undefined, text: string) => void): void {
    const files = this.#files.get("client network");
    const words = files && parseAddress(address);
    if (words === undefined) return;
    for (const bits of this.#bits[words.length === 1 ? "ipv4" : "ipv6"]) {
      look(files, networkKey(words, bits));
    }
  }

  #lookPath(
    owner: "recipient" | "sender",
    path: Path,
    look: (files: Files | undefined, text: string) => void,
  ): void {
    const name = foldLocalPart(path.localPart);
    const { domain } = path;
    look(this.#files.get(`${owner} mailbox`), path.isNull ? "<>" : `${name}@${domain}`);
    look(this.#files.get(`${owner} localPart`), name);
    look(this.#files.get(`${owner} domain`), domain);
    const suffixes = this.#files.get(`${owner} suffix`);
    if (suffixes === undefined) return;
    for (let dot = domain.indexOf(".", 1); dot !== -1; dot = domain.indexOf(".", dot + 1)) {
      look(suffixes, domain.slice(dot));
    }
  }
}

/** Where the first number lies that is not less. */
function placeOf(numbers: readonly number[], number: number): number {
  let [low, high] = [0, numbers.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (numbers[middle] < number) low = middle + 1;
    else high = middle;
  }
  return low;
}
