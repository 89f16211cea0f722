/**
 * Numbers, times and outcomes in words, as the dashboard shows them.
 *
 * @module
 */

import type { Outcome, TransactionView } from "../../../stats/views.ts";

const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const toTenth = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

/** Three digits that count: `1.25`, `12.5`, `125`. */
function threeDigits(value: number): string {
  const digits = value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return String(Number(value.toFixed(digits)));
}

/** `1,234,567` */
export function count(value: number): string {
  return grouped.format(value);
}

/** A number a second: `0.4`, `37`, `5,012`. */
export function rate(value: number): string {
  return value < 10 ? toTenth.format(value) : grouped.format(value);
}

const sizes = ["B", "kB", "MB", "GB", "TB", "PB"];

/** Octets: `512 B`, `12.3 kB`. */
export function octets(value: number): string {
  let size = 0;
  for (; value >= 999.5 && size < sizes.length - 1; size++) value /= 1000;
  return `${size === 0 ? Math.round(value) : threeDigits(value)} ${sizes[size]}`;
}

/** `k`, `M` and `G` for the axis of a chart: `5k`, `1.5M`. */
export function brief(value: number): string {
  const steps = [[1e9, "G"], [1e6, "M"], [1e3, "k"]] as const;
  const step = steps.find(([least]) => value >= least);
  return step ? `${threeDigits(value / step[0])}${step[1]}` : threeDigits(value);
}

/** Milliseconds: `4.2 µs`, `0.42 ms`, `12 ms`, `1.2 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`. */
export function duration(milliseconds: number): string {
  if (milliseconds < 0.00001) return "0 ms";
  if (milliseconds < 0.00995) return `${threeDigits(milliseconds * 1000)} µs`;
  if (milliseconds < 999.5) return `${threeDigits(milliseconds)} ms`;
  if (milliseconds < 59_950) return `${threeDigits(milliseconds / 1000)} s`;
  const seconds = Math.round(milliseconds / 1000);
  const units = [[86_400, "d", 3600, "h"], [3600, "h", 60, "min"], [60, "min", 1, "s"]] as const;
  for (const [length, unit, within, smaller] of units) {
    if (seconds < length) continue;
    const rest = Math.floor(seconds % length / within);
    return `${Math.floor(seconds / length)} ${unit}${rest ? ` ${rest} ${smaller}` : ""}`;
  }
  return `${seconds} s`;
}

/** A duration of so many times; none of no times at all. */
export function durationOf(times: number, milliseconds: number): string {
  return times === 0 ? "–" : duration(milliseconds);
}

/** A share of 1: `0.4 %`, `37 %`. */
export function percent(share: number): string {
  return `${share > 0 && share < 0.0995 ? toTenth.format(share * 100) : Math.round(share * 100)} %`;
}

const twoDigits = (value: number) => String(value).padStart(2, "0");

/** `14:03:07`, in the viewer's zone. */
export function timeOfDay(at: number): string {
  const date = new Date(at);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(twoDigits).join(":");
}

/** `14:03:07` today, `Nov 22, 14:03:07` else; in the viewer's zone. */
export function moment(at: number, now: number): string {
  const [then, today] = [new Date(at), new Date(now)];
  if (then.toDateString() === today.toDateString()) return timeOfDay(at);
  const day = then.toLocaleDateString("en", { month: "short", day: "numeric" });
  return `${day}, ${timeOfDay(at)}`;
}

// Controls, halves of surrogate pairs, and what turns the direction of text or takes no room: a
// stranger's name must not look like another.
// deno-lint-ignore no-control-regex
const unseen = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]|\p{Cs}/gu;

/** A stranger's text with everything that cannot be seen in it as `\u{202e}`. */
export function visible(text: string): string {
  return text.replace(unseen, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);
}

/** An address as it is shown; `<>` for the null reverse-path. */
export function address(path: string): string {
  return path === "" ? "<>" : visible(path);
}

/** `a@b.example`, `a@b.example and 2 more`; `nobody` without any. */
export function recipients(to: TransactionView["to"]): string {
  if (to.length === 0) return "nobody";
  const more = to.length > 1 ? ` and ${count(to.length - 1)} more` : "";
  return address(to[0].address) + more;
}

/** Who connected: its name where it is known, its address, or where it came in. */
export function clientOf(of: { name?: string; client: string; listener: string }): string {
  return visible(of.name ?? (of.client || of.listener));
}

const refusals: Readonly<Record<NonNullable<TransactionView["refusedAt"]>, string>> = {
  mail: "MAIL",
  rcpt: "RCPT",
  data: "DATA",
  message: "the end of the message",
};

const starts: Readonly<Record<Outcome, string>> = {
  accepted: "Accepted",
  discarded: "Accepted to come to nothing",
  quarantined: "Accepted and kept aside",
  rejected: "Refused for good",
  deferred: "Refused for now",
  abandoned: "The client gave it up before the message",
  broken: "The session ended in the midst of it",
};

/** Whose decision it was. */
function decidedBy({ outcome, rule, upstream, refusedAt }: TransactionView): string {
  if (outcome === "abandoned" || outcome === "broken") return "";
  if (outcome === "accepted") {
    const by = upstream === undefined ? "" : ` by upstream “${visible(upstream)}”`;
    return rule === undefined ? by : `${by}, where “${visible(rule)}” sent it`;
  }
  if (rule !== undefined) return ` by “${visible(rule)}”`;
  if (upstream !== undefined && refusedAt !== undefined) {
    return ` by upstream “${visible(upstream)}”`;
  }
  return " by Sluice itself";
}

/** One sentence on what became of a mail transaction, and why. */
export function account(transaction: TransactionView): string {
  const { outcome, refusedAt, keptAs, reply } = transaction;
  const where = keptAs === undefined ? "" : ` as “${visible(keptAs)}”`;
  const at = refusedAt === undefined ? where : ` at ${refusals[refusedAt]}`;
  const end = reply === undefined ? "." : `: ${visible(reply)}`;
  return `${starts[outcome]}${at}${decidedBy(transaction)}${end}`;
}
