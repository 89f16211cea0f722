import { assertEquals, assertThrows } from "@std/assert";
import { parseTimeWindow } from "../../../src/policy/rules/time_window.ts";

/** Monday, 5 January 2026, at a time of the week. */
function moment(day: number, hours: number, minutes = 0, seconds = 0): number {
  return Date.UTC(2026, 0, 5 + day, hours, minutes, seconds);
}

const [mon, tue, thu, fri, sat, sun] = [0, 1, 3, 4, 5, 6];

const windows: readonly [window: string, within: number[], without: number[]][] = [
  [
    "mon-fri 08:00-18:00",
    [moment(mon, 8), moment(fri, 17, 59, 59)],
    [moment(mon, 7, 59, 59), moment(fri, 18), moment(sat, 12), moment(sun, 12)],
  ],
  ["sat,sun", [moment(sat, 0), moment(sun, 23, 59, 59)], [moment(fri, 23, 59), moment(mon, 0)]],
  ["fri-mon", [moment(fri, 0), moment(sun, 5), moment(mon, 23)], [moment(tue, 0), moment(thu, 9)]],
  ["MON,tue-thu 00:00-24:00", [moment(mon, 0), moment(thu, 23, 59)], [moment(fri, 0)]],
  ["22:00-06:00", [moment(mon, 22), moment(tue, 5, 59)], [moment(mon, 6), moment(mon, 21, 59)]],
  // It belongs to the day on which it begins, and the week to the next.
  ["sun 22:00-06:00", [moment(sun, 23), moment(mon, 5)], [moment(sun, 5), moment(mon, 22)]],
  ["12:00-24:00", [moment(tue, 23, 59)], [moment(tue, 0), moment(tue, 11, 59)]],
];

for (const [window, within, without] of windows) {
  Deno.test(`window ${window}`, () => {
    const holds = parseTimeWindow(window);
    assertEquals(within.map(holds), within.map(() => true));
    assertEquals(without.map(holds), without.map(() => false));
  });
}

Deno.test("what is no window is refused", () => {
  const wrong = [
    ...["", " ", "mon ", " 08:00-09:00", "mon08:00-09:00", "monday", "mon-", "-fri", "mon,,tue"],
    ...["8:00-9:00", "08:00", "08:00-08:00", "24:00-25:00", "24:00-06:00", "08:60-09:00"],
    ...["mon 08:00-09:00\n", "mon\n08:00-09:00", "mon 08:00-09:00 tue"],
  ];
  for (const text of wrong) {
    assertThrows(() => parseTimeWindow(text), RangeError, "Cannot read time window", text);
  }
});
