/**
 * Does a look-up in a table cost the same whatever its number of entries, and a question to rules
 * whatever their number?
 *
 * Half of what is looked up is in the table, half is not, in no order; the measured time includes the
 * reading of IP addresses from their text. Patterns are tried in turn and do grow: they are here to
 * show by how much, and for no million of them. So are rules for which there is no look-up.
 *
 *     deno bench --allow-read bench/rules_bench.ts
 *
 * @module
 */

import { systemClock } from "../src/clock.ts";
import type { When } from "../src/policy/rules/conditions.ts";
import { compileRules } from "../src/policy/rules/rule.ts";
import { parseTable, type Table, type TableKey } from "../src/policy/rules/table.ts";
import { RecipientCount } from "../src/policy/rules/view.ts";
import { Path } from "../src/rfc5321/path.ts";
import type { PhaseFacts } from "../src/session/phases.ts";

/** Look-ups in one measured iteration, so that the timer's own cost does not show. */
const lookups = 1000;

/** One kind of key: the key and the look-up of entry `n`, for any non-negative integer. */
interface Kind {
  readonly name: string;
  readonly sizes: readonly number[];
  readonly key: (n: number) => string;
  readonly lookup: (n: number) => TableKey;
}

/** Spreads numbers over 32 bits, no two alike (only prefixes cut from them may be). */
function spread(n: number): number {
  return Math.imul(n, 0x9e3779b1) >>> 0;
}

function ipv4(word: number): string {
  return [24, 16, 8, 0].map((shift) => word >>> shift & 255).join(".");
}

function ipv6(word: number, end: string): string {
  return `2001:${(word >>> 16).toString(16)}:${(word & 0xffff).toString(16)}:${end}`;
}

const sizes = [10, 10_000, 1_000_000];

const kinds: readonly Kind[] = [
  {
    name: "mailbox",
    sizes,
    key: (n) => `user${n}@dom${n % 1000}.example`,
    lookup: (n) => ({ path: Path.from(`user${n}@dom${n % 1000}.example`) }),
  },
  {
    name: "domain",
    sizes,
    key: (n) => `dom${spread(n)}.example`,
    lookup: (n) => ({ domain: `dom${spread(n)}.example` }),
  },
  {
    name: "suffix",
    sizes,
    key: (n) => `.dom${spread(n)}.example`,
    lookup: (n) => ({ path: Path.from(`user@a.b.dom${spread(n)}.example`) }),
  },
  {
    name: "IPv4 /17 to /32",
    sizes,
    key: (n) => {
      const bits = 32 - n % 16;
      return `${ipv4((spread(n) & (-1 << (32 - bits))) >>> 0)}/${bits}`;
    },
    lookup: (n) => ({ address: ipv4(spread(n)) }),
  },
  {
    name: "IPv6 /48 and /64",
    sizes,
    key: (n) => n % 2 === 0 ? ipv6(spread(n), ":/48") : ipv6(spread(n), "7::/64"),
    lookup: (n) => ({ address: ipv6(spread(n), "7::1") }),
  },
  {
    name: "wildcards, in turn",
    sizes: [10, 10_000],
    key: (n) => `user${n}-*@dom?.example`,
    lookup: (n) => ({ path: Path.from(`user${n}-x@dom1.example`) }),
  },
];

function textOf({ key }: Kind, size: number): string {
  return Array.from({ length: size }, (_, n) => `${key(n)} listed\n`).join("");
}

/** The table of one kind and size; only the last one made is kept. */
let current: { kind: Kind; size: number; table: Table } | undefined;
function tableOf(kind: Kind, size: number): Table {
  if (current?.kind !== kind || current.size !== size) {
    current = { kind, size, table: parseTable(textOf(kind, size), kind.name) };
  }
  return current.table;
}

for (const kind of kinds) {
  for (const size of kind.sizes) {
    const few = size > 10 && kind.sizes !== sizes;
    const keys = Array.from(
      { length: few ? lookups / 100 : lookups },
      (_, n) => kind.lookup(spread(n + 1) % (2 * size)),
    );
    Deno.bench({
      name: `${kind.name}: ${keys.length} look-ups among ${size.toLocaleString("en")}`,
      group: kind.name,
      fn: (b) => {
        const table = tableOf(kind, size);
        b.start();
        for (const key of keys) table.get(key);
        b.end();
      },
    });
  }
}

for (const kind of kinds.filter((kind) => kind.sizes === sizes)) {
  let text: string | undefined;
  Deno.bench({
    name: `${kind.name}: reading 1,000,000 entries`,
    group: "reading",
    n: 3,
    warmup: 1,
    fn: (b) => {
      text ??= textOf(kind, 1_000_000);
      b.start();
      parseTable(text, kind.name);
      b.end();
    },
  });
}

/** Conditions of rule `n`, and a recipient, sender and client that meet those of rule `n`. */
interface RuleKind {
  readonly name: string;
  readonly sizes: readonly number[];
  readonly when: (n: number) => When;
}

const ruleSizes = [10, 10_000];

const ruleKinds: readonly RuleKind[] = [
  { name: "recipient", sizes: ruleSizes, when: (n) => ({ recipient: `u@dom${n}.example` }) },
  { name: "recipient domain", sizes: ruleSizes, when: (n) => ({ recipient: `*@dom${n}.example` }) },
  { name: "sender subdomain", sizes: ruleSizes, when: (n) => ({ sender: `.dom${n}.example` }) },
  { name: "client", sizes: ruleSizes, when: (n) => ({ client: ipv4(spread(n)) }) },
  { name: "all three", sizes: ruleSizes, when: (n) => ruleKinds[n % 3].when(n) },
  { name: "no look-up", sizes: [10, 1_000], when: (n) => ({ recipient: `u*@dom${n}*` }) },
];

/** RCPT as a session tells of it, for rule `n`. */
function factsOf(n: number): PhaseFacts["rcpt"] {
  const reversePath = Path.from(`u@a.b.dom${n}.example`);
  const forwardPath = Path.from(`u@dom${n}.example`);
  const envelope = { reversePath, parameters: {}, recipients: [] };
  const client = {
    address: ipv4(spread(n)),
    port: 25,
    hello: "client.example",
    extended: true,
    trusted: false,
  };
  const server = { transport: "memory", name: "server" } as const;
  return {
    id: "s-1",
    session: { id: "s", startedAt: 0, client, server, listener: "smtp" },
    original: envelope,
    current: envelope,
    octets: 0,
    steps: [],
    forwardPath,
    given: forwardPath,
    parameters: {},
  };
}

for (const { name, sizes, when } of ruleKinds) {
  for (const size of sizes) {
    const rules = Array.from({ length: size }, (_, n) => ({
      name: `rule ${n}`,
      at: "rcpt" as const,
      when: when(n),
      then: { rewrite: `rewritten${n}@other.example` },
    }));
    const tables = new Map();
    const environment = { tables, upstreams: new Set(""), checks: new Map(), clock: systemClock };
    const [{ rcpt }] = compileRules(rules, environment).definitions;
    const own = { session: undefined, transaction: new RecipientCount() };
    const count = name === "no look-up" ? lookups / 100 : lookups;
    const questions = Array.from({ length: count }, (_, n) => factsOf(spread(n + 1) % (2 * size)));
    Deno.bench({
      name: `${name}: ${count} questions to ${size.toLocaleString("en")} rules`,
      group: `rules: ${name}`,
      fn: () => {
        for (const facts of questions) rcpt!(facts, own);
      },
    });
  }
}
