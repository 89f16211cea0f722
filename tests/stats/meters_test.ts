import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { defaultBounds, Histogram, Meters } from "../../src/stats/meters.ts";

const help = "What it tells.";

Deno.test("collect says what was counted, in the order of making", () => {
  const meters = new Meters();
  const counted = meters.counter({ name: "a_total", help });
  const octets = meters.counter({ name: "b_bytes_total", help: "B.", labels: ["side", "kind"] });
  const open = meters.gauge({ name: "c", help });
  const asked = meters.gauge({ name: "d", help, labels: ["name"] });
  const took = meters.histogram({ name: "e_seconds", help, labels: ["verb"], bounds: [1, 2] });
  counted.add();
  counted.add(2);
  octets.with("client", "mail").add(10);
  octets.with("upstream", "mail").add(5);
  octets.with("client", "mail").add(10);
  open.set(7);
  open.add(-3);
  open.add();
  let now = 1;
  asked.with("x").read(() => now);
  now = 2;
  for (const value of [0, 1, 1.5, 3]) took.with("MAIL").observe(value);
  const bounds = (...counts: number[]) =>
    counts.map((count, place) => ({ bound: [1, 2, Infinity][place], count }));
  assertEquals(meters.collect(), [
    { name: "a_total", help, type: "counter", samples: [{ labels: {}, value: 3 }] },
    {
      name: "b_bytes_total",
      help: "B.",
      unit: "bytes",
      type: "counter",
      samples: [
        { labels: { side: "client", kind: "mail" }, value: 20 },
        { labels: { side: "upstream", kind: "mail" }, value: 5 },
      ],
    },
    { name: "c", help, type: "gauge", samples: [{ labels: {}, value: 5 }] },
    { name: "d", help, type: "gauge", samples: [{ labels: { name: "x" }, value: 2 }] },
    {
      name: "e_seconds",
      help,
      unit: "seconds",
      type: "histogram",
      samples: [{ labels: { verb: "MAIL" }, buckets: bounds(2, 3, 4), count: 4, sum: 5.5 }],
    },
  ]);
});

Deno.test("what is collected does not change afterwards", () => {
  const meters = new Meters();
  const counter = meters.counter({ name: "a_total", help, labels: ["b"] });
  counter.with("x").add();
  const [before] = meters.collect();
  counter.with("x").add();
  counter.with("y").add();
  assertEquals(before.samples, [{ labels: { b: "x" }, value: 1 }]);
});

Deno.test("a meter without labels says 0 from the start, one with labels nothing", () => {
  const meters = new Meters();
  meters.counter({ name: "a_total", help });
  meters.counter({ name: "b_total", help, labels: ["c"] });
  assertEquals(meters.collect().map(({ samples }) => samples), [[{ labels: {}, value: 0 }], []]);
});

Deno.test("the same values have the same child, others another", () => {
  const counter = new Meters().counter({ name: "a_total", help, labels: ["b", "c"] });
  const pairs = [["x", "y"], ["y", "x"], ["x", ""], ["", "x"], ["x\0y", ""], ["x", "\0y"]] as const;
  const children = pairs.map(([b, c]) => counter.with(b, c));
  assertEquals(new Set(children).size, pairs.length);
  pairs.forEach(([b, c], place) => assertStrictEquals(counter.with(b, c), children[place]));
});

Deno.test("labels are checked by their types", () => {
  const meters = new Meters();
  const counter = meters.counter({ name: "a_total", help, labels: ["b", "c"] });
  const wrong = () => {
    // @ts-expect-error One value too few.
    counter.with("x");
    // @ts-expect-error One too many.
    counter.with("x", "y", "z");
    // @ts-expect-error No string.
    counter.with("x", 250);
    // @ts-expect-error It has labels.
    counter.add();
    // @ts-expect-error It has none.
    meters.counter({ name: "b_total", help }).with();
    // @ts-expect-error There is no label in it.
    meters.counter({ name: "c_total", help, labels: [] });
  };
  assertEquals(typeof wrong, "function");
});

Deno.test("beyond the most children all are counted under other", () => {
  const meters = new Meters();
  const counter = meters.counter({ name: "a_total", help, labels: ["b", "c"], maxChildren: 3 });
  for (let n = 0; n < 5_000; n++) counter.with(`${n % 2}`, `${n}`).add();
  counter.with("0", "0").add(100);
  counter.with("other", "other").add(1_000);
  assertEquals(meters.collect()[0].samples, [
    { labels: { b: "0", c: "0" }, value: 101 },
    { labels: { b: "1", c: "1" }, value: 1 },
    { labels: { b: "0", c: "2" }, value: 1 },
    { labels: { b: "other", c: "other" }, value: 5_997 },
  ]);
});

Deno.test("a child that is called other by itself takes in the rest", () => {
  const counter = new Meters().counter({ name: "a_total", help, labels: ["b"], maxChildren: 2 });
  const other = counter.with("other");
  counter.with("x");
  assertStrictEquals(counter.with("y"), other);
  assertEquals(counter.children.map(([labels]) => labels), [{ b: "other" }, { b: "x" }]);
});

Deno.test("there is room for a thousand children by default", () => {
  const counter = new Meters().counter({ name: "a_total", help, labels: ["b"] });
  for (let n = 0; n < 2_000; n++) counter.with(`${n}`);
  assertEquals(counter.children.length, 1_001);
});

Deno.test("names that Prometheus would not have are refused", () => {
  const rows: readonly [type: "counter" | "gauge" | "histogram", name: string, says: string][] = [
    ["gauge", "", "lower-case"],
    ["gauge", "1a", "lower-case"],
    ["gauge", "Sessions", "lower-case"],
    ["gauge", "a:b", "lower-case"],
    ["gauge", "a-b", "lower-case"],
    ["gauge", "a\n", "lower-case"],
    ["gauge", "é", "lower-case"],
    ["counter", "a", "ends in _total"],
    ["counter", "total", "ends in _total"],
    ["counter", "a_total_b", "ends in _total"],
    ["counter", "a_count_total", "_bucket, _count"],
    ["counter", "a_total_total", "_bucket, _count"],
    ["gauge", "a_total", "_bucket, _count"],
    ["gauge", "a_sum", "_bucket, _count"],
    ["gauge", "a_created", "_bucket, _count"],
    ["histogram", "a_seconds_bucket", "_bucket, _count"],
    ["counter", "a_milliseconds_total", "units are"],
    ["gauge", "a_ms", "units are"],
    ["gauge", "a_kb", "units are"],
    ["gauge", "a_octets", "units are"],
    ["histogram", "a_minutes", "units are"],
    ["histogram", "a", "ends in _seconds or _bytes"],
    ["histogram", "seconds", "ends in _seconds or _bytes"],
  ];
  for (const [type, name, says] of rows) {
    const meters = new Meters();
    const error = assertThrows(() => meters[type]({ name, help }), RangeError, says, name);
    assert(error.message.startsWith(`Cannot make the ${type} "${name}": `), error.message);
    assertEquals(meters.collect(), []);
  }
  const good = [["counter", "a_seconds_total"], ["gauge", "a_info"], ["histogram", "a2_b_bytes"]];
  for (const [type, name] of good) new Meters()[type as "gauge"]({ name, help });
});

Deno.test("so are labels, help and bounds", () => {
  const name = "a_seconds";
  const wrongLabels: readonly (readonly [string, ...string[]])[] = [
    [""],
    ["Code"],
    ["__name"],
    ["a b"],
    ["le"],
    ["ok", "quantile"],
    ["code", "verb", "code"],
  ];
  for (const labels of wrongLabels) {
    assertThrows(() => new Meters().histogram({ name, help, labels }), RangeError, "label");
  }
  assertThrows(() => new Meters().gauge({ name, help: "" }), RangeError, "its help is empty");
  for (const bounds of [[], [2, 1], [1, 1], [NaN], [1, Infinity]]) {
    assertThrows(() => new Meters().histogram({ name, help, bounds }), RangeError, "found bounds");
  }
});

Deno.test("a name is taken once, whatever the type, _total aside", () => {
  const rows = [
    ["counter", "a_total", "counter", "a_total"],
    ["counter", "a_total", "gauge", "a"],
    ["gauge", "a_bytes", "histogram", "a_bytes"],
    ["histogram", "a_bytes", "counter", "a_bytes_total"],
  ] as const;
  for (const [firstType, first, type, name] of rows) {
    const meters = new Meters();
    meters[firstType]({ name: first, help });
    assertThrows(() => meters[type]({ name, help }), RangeError, "already");
    assertEquals(meters.collect().map(({ name }) => name), [first]);
  }
});

Deno.test("histogram: each bucket has what is at most its bound", () => {
  const bounds = fc.uniqueArray(fc.integer({ min: -5, max: 20 }), { minLength: 1, maxLength: 8 });
  const values = fc.array(fc.integer({ min: 0, max: 25 }).map((value) => value / 2));
  fc.assert(fc.property(bounds, values, (unsorted, values) => {
    const sorted = unsorted.toSorted((a, b) => a - b);
    const histogram = new Histogram(sorted);
    for (const value of values) histogram.observe(value);
    assertEquals(histogram.value, {
      buckets: [...sorted, Infinity].map((bound) => ({
        bound,
        count: values.filter((value) => value <= bound).length,
      })),
      count: values.length,
      sum: values.reduce((sum, value) => sum + value, 0),
    });
  }));
});

Deno.test("histogram: what is no duration counts as none, so that the sum never falls", () => {
  const histogram = new Histogram([1]);
  for (const value of [-1, -Infinity, NaN, 2]) histogram.observe(value);
  assertEquals(histogram.value, {
    buckets: [{ bound: 1, count: 3 }, { bound: Infinity, count: 4 }],
    count: 4,
    sum: 2,
  });
});

Deno.test("histogram: the bounds go from 10 µs to 1 min by default", () => {
  const meters = new Meters();
  meters.histogram({ name: "a_seconds", help });
  const [{ samples }] = meters.collect();
  assert("buckets" in samples[0]);
  assertEquals(samples[0].buckets.map(({ bound }) => bound), [...defaultBounds, Infinity]);
  assertEquals([defaultBounds[0], defaultBounds.at(-1)], [1e-5, 60]);
});
