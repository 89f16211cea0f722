/**
 * Counters, gauges and histograms as Prometheus knows them: named, described, and cheap where mail
 * passes. Whoever publishes them reads `collect()`.
 *
 * A meter without labels is the thing that counts; one with labels is a `Labelled`, and `with()`
 * finds the thing that counts for the values of its labels. Values are for what we name ourselves or
 * what a table lists, not for what strangers send: a meter has room for 1,000 of them, and all that
 * come later are counted together, under "other".
 *
 * @module
 */

import { type MeterType, mistake, stemOf, type Unit, unitOf } from "./meter_names.ts";

/** Names of labels, at least one. */
export type LabelNames = readonly [string, ...string[]];

/** One value for each label, in the order of their names. */
export type LabelValues<Labels extends LabelNames> = { readonly [Place in keyof Labels]: string };

/** What a meter is made of. */
export interface MeterOptions {
  /**
   * In lower case, with `_` between words; the unit, which is `seconds` or `bytes`, comes last, and
   * after it `_total` if it is a counter.
   */
  readonly name: string;
  /** One sentence; not empty. */
  readonly help: string;
}

/** What a meter with labels is made of. */
export interface LabelledOptions<Labels extends LabelNames> extends MeterOptions {
  /** In lower case, with `_` between words, no two alike. */
  readonly labels: Labels;
  /** Combinations of values that are told apart; those that come later are "other". Default 1,000. */
  readonly maxChildren?: number;
}

/** What is special about a histogram. */
export interface BoundsOptions {
  /** Upper ends of the buckets, in the unit of the name, ascending. Default `defaultBounds`. */
  readonly bounds?: readonly number[];
}

/** Label names and their values. */
export type Labels = Readonly<Record<string, string>>;

/** What a counter or a gauge says. */
export interface NumberSample {
  /** Empty for a meter without labels. */
  readonly labels: Labels;
  /** As counted, or as set. */
  readonly value: number;
}

/** What a histogram says. */
export interface HistogramSample {
  /** Empty for a meter without labels. */
  readonly labels: Labels;
  /** How many values were at most `bound`, for each bound in ascending order; the last is Infinity. */
  readonly buckets: readonly { readonly bound: number; readonly count: number }[];
  /** How many there were. */
  readonly count: number;
  /** All of them added up. */
  readonly sum: number;
}

/** All that is known of one meter. */
export type Family =
  & {
    /** As given. */
    readonly name: string;
    /** As given. */
    readonly help: string;
    /** Absent for what is merely counted. */
    readonly unit?: Unit;
  }
  & (
    | { readonly type: "counter" | "gauge"; readonly samples: readonly NumberSample[] }
    | { readonly type: "histogram"; readonly samples: readonly HistogramSample[] }
  );

/** Seconds, from 10 µs to 1 min; each about three times the one before. */
export const defaultBounds: readonly number[] = [
  ...[0.000_01, 0.000_03, 0.000_1, 0.000_3, 0.001, 0.003, 0.01, 0.03],
  ...[0.1, 0.3, 1, 3, 10, 30, 60],
];

const MAX_CHILDREN = 1_000;

/** The value of every label of the child that has what there is no room for. */
const OTHER = "other";

/** Something that only grows. */
export class Counter {
  #value = 0;

  /** All that was added. */
  get value(): number {
    return this.#value;
  }

  /**
   * Counts `n` more.
   *
   * @param n Not below 0. Default 1.
   */
  add(n: number = 1): void {
    this.#value += n;
  }
}

/** Something that goes up and down. */
export class Gauge {
  #value = 0;
  #read: (() => number) | undefined;

  /** What it stands at. */
  get value(): number {
    return this.#read === undefined ? this.#value : this.#read();
  }

  /** Puts it to a value. */
  set(value: number): void {
    this.#value = value;
  }

  /**
   * Puts it up by `n`.
   *
   * @param n Below 0 to put it down. Default 1.
   */
  add(n: number = 1): void {
    this.#value += n;
  }

  /** From now on the value is what `read` returns whenever somebody looks. It must not throw. */
  read(read: () => number): void {
    this.#read = read;
  }
}

/** How values are spread over buckets. */
export class Histogram {
  readonly #bounds: readonly number[];
  /** For each bound how many were at most that and above the one before; then those above all. */
  readonly #counts: number[];
  #sum = 0;

  /**
   * Has counted nothing yet.
   *
   * @param bounds Ascending.
   */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = [...bounds, Infinity].map(() => 0);
  }

  /**
   * Adds a value, in the unit of the name: seconds or bytes.
   *
   * What is below 0, because a clock was put back, or no number, counts as 0: the sum may not fall.
   */
  observe(value: number): void {
    const counted = value > 0 ? value : 0;
    let low = 0;
    let high = this.#bounds.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (counted <= this.#bounds[middle]) high = middle;
      else low = middle + 1;
    }
    this.#counts[low]++;
    this.#sum += counted;
  }

  /** What it says, without labels. */
  get value(): Omit<HistogramSample, "labels"> {
    let count = 0;
    const buckets = this.#counts.map((own, place) => ({
      bound: this.#bounds[place] ?? Infinity,
      count: count += own,
    }));
    return { buckets, count, sum: this.#sum };
  }
}

/** By the value of a label: that of the next label, or the child where it is the last. */
type Branch<Child> = Map<string, Branch<Child> | Child>;

/** A meter with labels: a child for each combination of their values. */
export class Labelled<Child, Names extends LabelNames> {
  readonly #names: Names;
  readonly #most: number;
  readonly #make: () => Child;
  readonly #root: Branch<Child> = new Map();
  readonly #children: (readonly [Labels, Child])[] = [];

  /**
   * Has no children yet.
   *
   * @param names Of the labels.
   * @param most Children at most, not counting the one for all others.
   * @param make Makes a child.
   */
  constructor(names: Names, most: number, make: () => Child) {
    this.#names = names;
    this.#most = most;
    this.#make = make;
  }

  /** All children with their labels, in the order in which they came. */
  get children(): readonly (readonly [Labels, Child])[] {
    return this.#children;
  }

  /**
   * The child for these values, which is always the same one and may be kept. Where there is no room
   * for a new one, that whose labels are all "other".
   */
  with(...values: LabelValues<Names>): Child {
    // Maps within maps: a joined key would be a new string to hash at each look-up.
    let node: Branch<Child> | Child = this.#root;
    for (let place = 0; place < values.length; place++) {
      const next: Branch<Child> | Child | undefined = (node as Branch<Child>).get(values[place]);
      // Handed on one by one: then there need be no array of them.
      if (next === undefined) return this.#missing(...values);
      node = next;
    }
    return node as Child;
  }

  #missing(...values: LabelValues<Names>): Child {
    const others = this.#names.map(() => OTHER) as unknown as LabelValues<Names>;
    const full = this.#children.length >= this.#most;
    return full && values.some((value) => value !== OTHER)
      ? this.with(...others)
      : this.#add(values);
  }

  #add(values: readonly string[]): Child {
    const child = this.#make();
    let branch = this.#root;
    for (const value of values.slice(0, -1)) {
      const next = branch.get(value) as Branch<Child> | undefined ?? new Map();
      branch.set(value, next);
      branch = next;
    }
    branch.set(values[values.length - 1], child);
    const labels = Object.fromEntries(this.#names.map((name, place) => [name, values[place]]));
    this.#children.push([labels, child]);
    return child;
  }
}

/** Anything that a meter can be made of. */
type AnyOptions = MeterOptions & Partial<LabelledOptions<LabelNames>>;

/** All meters of one program; no two with the same name. */
export class Meters {
  /** By name without `_total`: OpenMetrics would take `a` and the counter `a_total` for one. */
  readonly #families = new Map<string, () => Family>();

  /**
   * Makes a counter, for what only grows.
   *
   * @throws {RangeError} If the name is taken or breaks the rules of `MeterOptions`.
   */
  counter<const L extends LabelNames>(options: LabelledOptions<L>): Labelled<Counter, L>;
  /** The same without labels. */
  counter(options: MeterOptions): Counter;
  counter(options: AnyOptions): Counter | Labelled<Counter, LabelNames> {
    return this.#make("counter", options, () => new Counter(), ({ value }) => ({ value }));
  }

  /**
   * Makes a gauge, for what goes up and down.
   *
   * @throws {RangeError} If the name is taken or breaks the rules of `MeterOptions`.
   */
  gauge<const L extends LabelNames>(options: LabelledOptions<L>): Labelled<Gauge, L>;
  /** The same without labels. */
  gauge(options: MeterOptions): Gauge;
  gauge(options: AnyOptions): Gauge | Labelled<Gauge, LabelNames> {
    return this.#make("gauge", options, () => new Gauge(), ({ value }) => ({ value }));
  }

  /**
   * Makes a histogram, for how long or how large things are.
   *
   * @throws {RangeError} If the name is taken or breaks the rules of `MeterOptions`, or the bounds do
   * not ascend.
   */
  histogram<const L extends LabelNames>(
    options: LabelledOptions<L> & BoundsOptions,
  ): Labelled<Histogram, L>;
  /** The same without labels. */
  histogram(options: MeterOptions & BoundsOptions): Histogram;
  histogram(options: AnyOptions & BoundsOptions): Histogram | Labelled<Histogram, LabelNames> {
    const { name, bounds = defaultBounds } = options;
    const ascending = bounds.every((bound, place) =>
      Number.isFinite(bound) && (place === 0 || bound > bounds[place - 1])
    );
    if (!ascending || bounds.length === 0) {
      throw new RangeError(
        `Cannot make the histogram "${name}": found bounds ${bounds.join(", ")}: ` +
          "there has to be one, and each has to be above the one before",
      );
    }
    return this.#make("histogram", options, () => new Histogram(bounds), ({ value }) => value);
  }

  /** What all meters say now, in the order in which they were made. */
  collect(): Family[] {
    return Array.from(this.#families.values(), (family) => family());
  }

  #make<Child>(
    type: MeterType,
    options: AnyOptions,
    make: () => Child,
    read: (child: Child) => object,
  ): Child | Labelled<Child, LabelNames> {
    const { labels, maxChildren = MAX_CHILDREN } = options;
    if (labels === undefined) {
      const meter = make();
      this.#publish(type, options, () => [{ labels: {}, ...read(meter) }]);
      return meter;
    }
    const meter = new Labelled(labels, maxChildren, make);
    const sample = ([labels, child]: readonly [Labels, Child]) => ({ labels, ...read(child) });
    this.#publish(type, options, () => meter.children.map(sample));
    return meter;
  }

  #publish(type: MeterType, options: AnyOptions, samples: () => readonly object[]): void {
    const { name, help } = options;
    const stem = stemOf(name, type);
    const wrong = this.#families.has(stem)
      ? `there is a "${stem}" already, with or without _total`
      : mistake(type, options);
    if (wrong !== undefined) throw new RangeError(`Cannot make the ${type} "${name}": ${wrong}`);
    const unit = unitOf(stem);
    const facts = { name, help, ...(unit !== undefined && { unit }), type };
    // The methods above see to it that samples are of their type.
    this.#families.set(stem, () => ({ ...facts, samples: samples() } as Family));
  }
}
