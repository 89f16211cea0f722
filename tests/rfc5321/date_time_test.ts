import { assert, assertEquals } from "@std/assert";
import { isDateTime } from "../../src/rfc5321/date_time.ts";

Deno.test("isDateTime: dates that exist", () => {
  const dates = [
    "1985-04-12T23:20:50Z",
    "1996-12-19T16:39:57-08:00",
    // RFC 3339 §5.8: a leap second, and letters in lower case
    "1990-12-31T23:59:60Z",
    "2014-04-03t23:01:00z",
    "2000-02-29T00:00:00Z",
    "2024-02-29T00:00:00+23:59",
    "2023-04-30T00:00:00Z",
  ];
  for (const text of dates) assert(isDateTime(text), text);
});

Deno.test("isDateTime: what is none", () => {
  const others = [
    "",
    "2014-04-03",
    "2014-04-03 23:01:00Z",
    "2014-04-03T23:01:00",
    "2014-04-03T23:01Z",
    "2014-00-03T23:01:00Z",
    "2014-13-03T23:01:00Z",
    "2014-04-00T23:01:00Z",
    "2014-04-31T23:01:00Z",
    "2014-02-29T00:00:00Z",
    "1900-02-29T00:00:00Z",
    "2014-04-03T24:00:00Z",
    "2014-04-03T23:60:00Z",
    "2014-04-03T23:01:61Z",
    "2014-04-03T23:01:00+24:00",
    "2014-04-03T23:01:00+0100",
    "2014-04-03T23:01:00Z\n",
    "+2014-04-03T23:01:00Z",
    "２014-04-03T23:01:00Z",
  ];
  for (const text of others) assert(!isDateTime(text), JSON.stringify(text));
});

Deno.test("isDateTime: options", () => {
  const fraction = "1985-04-12T23:20:50.52Z";
  assertEquals(isDateTime(fraction), false);
  assertEquals(isDateTime(fraction, { fraction: true }), true);
  assertEquals(isDateTime("1985-04-12T23:20:50.0123456789Z", { fraction: true }), false);
  assertEquals(isDateTime("1985-04-12T23:20:50.Z", { fraction: true }), false);
  assertEquals(isDateTime("1985-04-12T23:20:50+01:00", { utc: true }), false);
  assertEquals(isDateTime("1985-04-12T23:20:50+00:00", { utc: true }), false);
  assertEquals(isDateTime("1985-04-12T23:20:50z", { utc: true }), true);
});
