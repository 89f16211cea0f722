/**
 * Dates of parameters (RFC 3339 §5.6), checked and never converted.
 *
 * @module
 */

const dateTime =
  /^([0-9]{4})-(0[1-9]|1[0-2])-([0-9]{2})T(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(\.[0-9]{1,9})?(Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])$/i;

/** Days of a month of the proleptic Gregorian calendar. `month`: 1 to 12. */
function daysOf(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/**
 * Whether the text is a date-time (RFC 3339 §5.6) that exists in the calendar.
 *
 * @param options `fraction`: fractions of a second are allowed, at most nine digits. `utc`: the
 * offset must be `Z`. Both default to `false`.
 */
export function isDateTime(
  text: string,
  options?: { readonly fraction?: boolean; readonly utc?: boolean },
): boolean {
  const match = dateTime.exec(text);
  if (match === null) return false;
  const [, year, month, day, fraction, offset] = match;
  return Number(day) >= 1 && Number(day) <= daysOf(Number(year), Number(month)) &&
    (fraction === undefined || options?.fraction === true) &&
    (options?.utc !== true || offset.toUpperCase() === "Z");
}
