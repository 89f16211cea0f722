/**
 * Meters as text that Prometheus and its kin read, in the two formats that they ask for: the text
 * format 0.0.4 of Prometheus, and OpenMetrics 1.0.
 *
 * @module
 */

import type { Family, HistogramSample, Labels, NumberSample } from "./meters.ts";

/** A format of the text. */
export type ExpositionFormat = "prometheus" | "openmetrics";

/** What tells the formats apart. */
interface Dialect {
  readonly contentType: string;
  /** What an `Accept` header calls it. */
  readonly mediaType: string;
  readonly version: string;
  /** What stands behind HELP and TYPE. */
  readonly familyName: (family: Family) => string;
  /** What has to be escaped in the text of HELP. */
  readonly escapedInHelp: RegExp;
  readonly saysUnit: boolean;
  readonly end: string;
}

const dialects: Readonly<Record<ExpositionFormat, Dialect>> = {
  prometheus: {
    contentType: "text/plain; version=0.0.4; charset=utf-8",
    mediaType: "text/plain",
    version: "0.0.4",
    familyName: ({ name }) => name,
    escapedInHelp: /[\\\n]/g,
    saysUnit: false,
    end: "",
  },
  openmetrics: {
    contentType: "application/openmetrics-text; version=1.0.0; charset=utf-8",
    mediaType: "application/openmetrics-text",
    version: "1.0.0",
    familyName: ({ name, type }) => type === "counter" ? name.replace(/_total$/, "") : name,
    escapedInHelp: /[\\\n"]/g,
    saysUnit: true,
    end: "# EOF\n",
  },
};

/** The value of the header `Content-Type` for a format. */
export function contentTypeOf(format: ExpositionFormat): string {
  return dialects[format].contentType;
}

/** One of the media ranges of an `Accept` header (RFC 9110 §12.5.1). */
interface MediaRange {
  readonly name: string;
  readonly version: string | undefined;
  readonly quality: number;
}

function parseRange(text: string): MediaRange {
  const [name, ...parameters] = text.split(";").map((part) => part.trim().toLowerCase());
  const valueOf = (key: string): string | undefined =>
    parameters.find((parameter) => parameter.startsWith(`${key}=`))?.slice(key.length + 1)
      .replaceAll('"', "");
  const quality = valueOf("q") ?? "1";
  // RFC 9110 §12.4.2; what is no weight is taken for none.
  const weighs = /^(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)$/.test(quality);
  return { name, version: valueOf("version"), quality: weighs ? Number(quality) : 0 };
}

/** How much a dialect is wanted, from 0 to 1: the range that names it most closely decides. */
function wanted(ranges: readonly MediaRange[], { mediaType, version }: Dialect): number {
  for (const name of [mediaType, mediaType.replace(/\/.*$/, "/*"), "*/*"]) {
    const fit = ranges.filter((range) =>
      range.name === name && (range.version === undefined || range.version === version)
    );
    if (fit.length > 0) return Math.max(...fit.map(({ quality }) => quality));
  }
  return 0;
}

/**
 * The format for whoever sends this `Accept` header, or `null` for none: OpenMetrics where it is
 * wanted more than the other, as Prometheus does; the text format for all others, also for those who
 * want neither.
 */
export function negotiate(accept: string | null): ExpositionFormat {
  const ranges = (accept ?? "*/*").split(",").map(parseRange);
  const preferred = wanted(ranges, dialects.openmetrics) > wanted(ranges, dialects.prometheus);
  return preferred ? "openmetrics" : "prometheus";
}

const escapes: Readonly<Record<string, string>> = { "\\": "\\\\", "\n": "\\n", '"': '\\"' };

function escape(text: string, special: RegExp): string {
  return text.replace(special, (character) => escapes[character]);
}

function number(value: number): string {
  if (Number.isFinite(value) || Number.isNaN(value)) return String(value);
  return value > 0 ? "+Inf" : "-Inf";
}

/**
 * The end of a bucket as OpenMetrics 1.0 wants it, under "Canonical Numbers": `1.0`, `1e-05`. Both
 * formats get the same, or a bucket would change its identity with the format.
 */
function canonical(bound: number): string {
  if (!Number.isFinite(bound)) return number(bound);
  const [mantissa, power] = bound.toExponential().split("e");
  const exponent = Number(power);
  if (exponent < -4 || exponent > 5) {
    const digits = String(Math.abs(exponent)).padStart(2, "0");
    return `${mantissa}e${exponent < 0 ? "-" : "+"}${digits}`;
  }
  return Number.isInteger(bound) ? `${bound}.0` : String(bound);
}

function sampleLine(name: string, labels: Labels, value: number): string {
  const pairs = Object.entries(labels).map(([label, text]) =>
    `${label}="${escape(text, /[\\\n"]/g)}"`
  );
  const braced = pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
  return `${name}${braced} ${number(value)}\n`;
}

function numberLines(name: string, { labels, value }: NumberSample): string {
  return sampleLine(name, labels, value);
}

function histogramLines(name: string, { labels, buckets, count, sum }: HistogramSample): string {
  const lines = buckets.map((bucket) =>
    sampleLine(`${name}_bucket`, { ...labels, le: canonical(bucket.bound) }, bucket.count)
  );
  return lines.join("") + sampleLine(`${name}_sum`, labels, sum) +
    sampleLine(`${name}_count`, labels, count);
}

function familyLines(family: Family, dialect: Dialect): string {
  const { name, help, type, unit } = family;
  const shown = dialect.familyName(family);
  const head = `# HELP ${shown} ${escape(help, dialect.escapedInHelp)}\n# TYPE ${shown} ${type}\n` +
    (dialect.saysUnit && unit !== undefined ? `# UNIT ${shown} ${unit}\n` : "");
  const samples = family.type === "histogram"
    ? family.samples.map((sample) => histogramLines(name, sample))
    : family.samples.map((sample) => numberLines(name, sample));
  return head + samples.join("");
}

/** Writes what meters say; `families` is what `Meters.collect` gives. */
export function expose(families: readonly Family[], format: ExpositionFormat): string {
  const dialect = dialects[format];
  return families.map((family) => familyLines(family, dialect)).join("") + dialect.end;
}
