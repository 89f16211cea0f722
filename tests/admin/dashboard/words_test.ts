import { assertEquals } from "@std/assert";
import {
  account,
  address,
  brief,
  clientOf,
  count,
  duration,
  durationOf,
  moment,
  octets,
  percent,
  rate,
  recipients,
  timeOfDay,
  visible,
} from "../../../src/admin/dashboard/client/words.ts";
import type { TransactionView } from "../../../src/stats/views.ts";
import { hostile } from "./_transactions.ts";

const table = <Value>(
  name: string,
  words: (value: Value) => string,
  rows: readonly (readonly [Value, string])[],
) =>
  Deno.test(name, () => {
    assertEquals(rows.map(([value]) => words(value)), rows.map(([, text]) => text));
  });

table("counts have groups", count, [[0, "0"], [999, "999"], [1_234_567, "1,234,567"]]);

table("rates", rate, [[0, "0"], [0.04, "0"], [0.44, "0.4"], [9.96, "10"], [37.4, "37"], [
  5_012.3,
  "5,012",
]]);

table("octets have three digits", octets, [
  [0, "0 B"],
  [999, "999 B"],
  [999.6, "1 kB"],
  [1_250, "1.25 kB"],
  [12_345, "12.3 kB"],
  [999_499, "999 kB"],
  [999_600, "1 MB"],
  [4.2e9, "4.2 GB"],
  [5e18, "5000 PB"],
]);

table("axes are brief", brief, [[0, "0"], [0.5, "0.5"], [999, "999"], [5_000, "5k"], [
  1.5e6,
  "1.5M",
]]);

table("durations", duration, [
  [0, "0 ms"],
  [0.0042, "4.2 µs"],
  [0.42, "0.42 ms"],
  [12, "12 ms"],
  [999.4, "999 ms"],
  [999.6, "1 s"],
  [1_234, "1.23 s"],
  [59_940, "59.9 s"],
  [59_960, "1 min"],
  [200_000, "3 min 20 s"],
  [7_500_000, "2 h 5 min"],
  [273_600_000, "3 d 4 h"],
]);

Deno.test("a duration of nothing is none, and not a short one", () => {
  assertEquals([durationOf(0, 0), durationOf(1, 0), durationOf(2, 12)], ["–", "0 ms", "12 ms"]);
});

table("shares", percent, [[0, "0 %"], [0.004, "0.4 %"], [0.0996, "10 %"], [0.374, "37 %"], [
  1,
  "100 %",
]]);

table("what cannot be seen is shown", visible, [
  ["plain", "plain"],
  ["müller@bücher.example", "müller@bücher.example"],
  [hostile.reversed, "paypal.example\\u{202e}gro.live"],
  ["a\r\nb\0", "a\\u{d}\\u{a}b\\u{0}"],
  ["zero\u200bwidth\ufeff", "zero\\u{200b}width\\u{feff}"],
  ["\ud800", "\\u{d800}"],
  ["😀", "😀"],
  [hostile.markup, hostile.markup],
]);

Deno.test("times are the viewer's", () => {
  const at = new Date(2026, 10, 22, 4, 5, 6).getTime();
  assertEquals(timeOfDay(at), "04:05:06");
  assertEquals(moment(at, at + 60_000), "04:05:06");
  assertEquals(moment(at, at + 86_400_000), "Nov 22, 04:05:06");
});

Deno.test("addresses and clients", () => {
  const to = (...list: string[]) => recipients(list.map((address) => ({ address })));
  assertEquals([address(""), address("a@b")], ["<>", "a@b"]);
  assertEquals([to(), to("a@b"), to("a@b", "c@d", "e@f")], ["nobody", "a@b", "a@b and 2 more"]);
  assertEquals(
    clientOf({ client: "192.0.2.1", name: "mx.example", listener: "smtp" }),
    "mx.example",
  );
  assertEquals(clientOf({ client: "192.0.2.1", listener: "smtp" }), "192.0.2.1");
  assertEquals(clientOf({ client: "", listener: "local" }), "local");
});

Deno.test("a transaction explains itself in one sentence", () => {
  type Row = readonly [
    Pick<TransactionView, "outcome" | "refusedAt" | "keptAs" | "rule" | "upstream" | "reply">,
    string,
  ];
  const reply = "550 5.7.1 No";
  const rows: readonly Row[] = [
    [
      { outcome: "accepted", upstream: "default", reply: "250 2.0.0 Ok" },
      "Accepted by upstream “default”: 250 2.0.0 Ok",
    ],
    [
      { outcome: "accepted", upstream: "archive", rule: "route", reply: "250 Ok" },
      "Accepted by upstream “archive”, where “route” sent it: 250 Ok",
    ],
    [
      { outcome: "rejected", refusedAt: "rcpt", rule: "blocklist", reply },
      "Refused for good at RCPT by “blocklist”: 550 5.7.1 No",
    ],
    [
      { outcome: "rejected", refusedAt: "message", upstream: "default", reply },
      "Refused for good at the end of the message by upstream “default”: 550 5.7.1 No",
    ],
    [
      { outcome: "deferred", refusedAt: "data", reply: "451 4.3.0 Later" },
      "Refused for now at DATA by Sluice itself: 451 4.3.0 Later",
    ],
    [
      { outcome: "quarantined", rule: "held", keptAs: "1.x", reply: "250 Ok" },
      "Accepted and kept aside as “1.x” by “held”: 250 Ok",
    ],
    [
      { outcome: "discarded", rule: "trap", reply: "250 Ok" },
      "Accepted to come to nothing by “trap”: 250 Ok",
    ],
    [{ outcome: "abandoned" }, "The client gave it up before the message."],
    [{ outcome: "broken", upstream: "default" }, "The session ended in the midst of it."],
  ];
  for (const [transaction, text] of rows) {
    assertEquals(account(transaction as TransactionView), text);
  }
});
