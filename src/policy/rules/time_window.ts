/**
 * Windows of the week in UTC: `mon-fri 08:00-18:00`, `sat,sun`, `22:00-06:00`.
 *
 * @module
 */

const days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const minutesOfDay = 24 * 60;
const minutesOfWeek = 7 * minutesOfDay;
/** 1970-01-01 was a Thursday. */
const epoch = 3 * minutesOfDay;

const day = `(?:${days.join("|")})`;
const someDays = `${day}(?:-${day})?`;
const time = "(?:[01][0-9]|2[0-3]):[0-5][0-9]";
const syntax = new RegExp(
  `^(${someDays}(?:,${someDays})*)?(?:(?:^|(?<=[a-z]) )(${time})-(${time}|24:00))?$`,
  "i",
);

/** What {@link parseTimeWindow} reads, for errors. */
export const timeWindowForm =
  "days of the week, a time of day, or both, in UTC, as mon-fri 08:00-18:00";

function daysOf(text: string): readonly number[] {
  return text.toLowerCase().split(",").flatMap((range) => {
    const [first, last = first] = range.split("-").map((name) => days.indexOf(name));
    const count = (last - first + days.length) % days.length + 1;
    return Array.from({ length: count }, (_, nth) => (first + nth) % days.length);
  });
}

function minutesOf(time: string): number {
  const [hours, minutes] = time.split(":");
  return Number(hours) * 60 + Number(minutes);
}

/**
 * Reads a window: days, a time of day, or both. Its end does not belong to it. One that ends before it
 * begins goes on into the next day, and `fri-mon` over the weekend.
 *
 * @returns Whether a moment, in milliseconds since 1970, lies within.
 * @throws {RangeError} If it is none, or has no length.
 */
export function parseTimeWindow(text: string): (now: number) => boolean {
  const match = text === "" ? null : syntax.exec(text);
  const [, named = "mon-sun", begin = "00:00", end = "24:00"] = match ?? [];
  const from = minutesOf(begin);
  const length = (minutesOf(end) - from + minutesOfDay) % minutesOfDay ||
    (begin === end ? 0 : minutesOfDay);
  if (match === null || length === 0) {
    throw new RangeError(
      `Cannot read time window: found ${JSON.stringify(text)}, allowed are ${timeWindowForm}`,
    );
  }
  const begins = daysOf(named).map((nth) => nth * minutesOfDay + from);
  return (now) => {
    const minute = Math.floor(now / 60_000) + epoch;
    return begins.some((start) => (minute - start) % minutesOfWeek < length);
  };
}
