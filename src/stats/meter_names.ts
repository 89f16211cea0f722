/**
 * How meters may be named: by the conventions of Prometheus and OpenMetrics.
 *
 * @module
 */

/** What a meter is. */
export type MeterType = "counter" | "gauge" | "histogram";

/** The unit that a name ends in. */
export type Unit = "seconds" | "bytes";

/** A name and what belongs to it. */
export interface Naming {
  /** As in `MeterOptions`. */
  readonly name: string;
  /** As in `MeterOptions`. */
  readonly help: string;
  /** Names of labels; absent where there are none. */
  readonly labels?: readonly string[];
}

const word = /^[a-z][a-z0-9_]*$/;

/** What a name may not be, by what it is the name of; `stem` is without `_total` of a counter. */
const refusals: readonly {
  readonly wrong: (stem: string, name: string, type: MeterType) => boolean;
  readonly allowed: string;
}[] = [
  {
    wrong: (_, name) => !word.test(name),
    allowed: "a name has lower-case letters, digits and _, and begins with a letter",
  },
  {
    wrong: (stem, name, type) => type === "counter" && stem === name,
    allowed: "the name of a counter ends in _total",
  },
  {
    wrong: (stem) => /_(?:bucket|count|created|sum|total)$/.test(stem),
    allowed: "_bucket, _count, _created, _sum and _total are for what a meter says",
  },
  {
    wrong: (stem) =>
      /_(?:[mnu]?s|(?:milli|micro|nano)seconds|minutes|hours|days|[kmg]i?b|(?:kilo|mega)bytes|octets)$/
        .test(stem),
    allowed: "units are seconds and bytes",
  },
  {
    wrong: (stem, _, type) => type === "histogram" && unitOf(stem) === undefined,
    allowed: "the name of a histogram ends in _seconds or _bytes",
  },
];

/** A name without `_total` of a counter: OpenMetrics takes both for the same. */
export function stemOf(name: string, type: MeterType): string {
  return type === "counter" && name.endsWith("_total") ? name.slice(0, -"_total".length) : name;
}

/** The unit in which a stem ends, if it is one that is allowed. */
export function unitOf(stem: string): Unit | undefined {
  return (["seconds", "bytes"] as const).find((unit) => stem.endsWith(`_${unit}`));
}

/** What is wrong with how a meter is named, if anything, as what is allowed. */
export function mistake(type: MeterType, { name, help, labels }: Naming): string | undefined {
  const stem = stemOf(name, type);
  const refusal = refusals.find(({ wrong }) => wrong(stem, name, type));
  if (refusal !== undefined) return refusal.allowed;
  if (help === "") return "its help is empty, and has to say what it tells";
  if (labels === undefined) return;
  const odd = labels.find((label) => !word.test(label));
  if (odd !== undefined) return `found label "${odd}": labels are named as meters are`;
  // Prometheus has its own meaning for these two.
  const taken = labels.find((label) => label === "le" || label === "quantile");
  if (taken !== undefined) return `found label "${taken}", which is for buckets`;
  if (new Set(labels).size < labels.length) return "two of its labels have the same name";
}
