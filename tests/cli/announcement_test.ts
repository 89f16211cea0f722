import { assertEquals } from "@std/assert";
import { type Announcement, announcer } from "../../src/cli/announcement.ts";
import { FakeClock } from "../_clock.ts";

const cases: readonly (readonly [Announcement, text: string])[] = [
  [
    { event: "listening", service: "smtp", address: "127.0.0.1:2525" },
    "listening smtp 127.0.0.1:2525",
  ],
  [{ event: "listener-closed", address: "unix:/run/sluice" }, "closed unix:/run/sluice"],
  [
    { event: "listener-closed", service: "admin", address: "http://127.0.0.1:8025/" },
    "closed admin http://127.0.0.1:8025/",
  ],
  [{ event: "reloaded" }, "reloaded"],
  [{ event: "restarted" }, "restarted"],
  [{ event: "draining", sessions: 0 }, "draining 0 sessions"],
];

Deno.test("what serve says of itself: words, or events as in the log", () => {
  const clock = new FakeClock(Date.UTC(2026, 10, 23));
  const lines: string[] = [];
  for (const format of ["text", "json"] as const) {
    const announce = announcer(format, clock, (line) => lines.push(line));
    for (const [announcement] of cases) announce(announcement);
  }
  assertEquals(lines.slice(0, cases.length), cases.map(([, text]) => text));
  assertEquals(
    lines.slice(cases.length).map((line) => JSON.parse(line)),
    cases.map(([announcement]) => ({
      time: "2026-11-23T00:00:00.000Z",
      level: "info",
      ...announcement,
    })),
  );
});
