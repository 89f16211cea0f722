import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  contentTypeOf,
  expose,
  type ExpositionFormat,
  negotiate,
} from "../../src/stats/exposition.ts";
import { type Family, type Labels, Meters } from "../../src/stats/meters.ts";
import { interop, run } from "../interop/_tools.ts";

const formats: readonly ExpositionFormat[] = ["prometheus", "openmetrics"];

/** One meter of each type, with and without labels. */
function someMeters(): Meters {
  const meters = new Meters();
  const replies = meters.counter({
    name: "sluice_replies_total",
    help: 'Replies "written" to\nclients \\ all.',
    labels: ["phase", "code"],
  });
  replies.with("rcpt", "250").add(3);
  replies.with('"\\\n', "é\r\0").add();
  meters.counter({ name: "sluice_message_bytes_total", help: "Octets." }).add(2 ** 40);
  meters.gauge({ name: "sluice_sessions", help: "Open sessions." }).set(-0.5);
  const took = meters.histogram({
    name: "sluice_command_duration_seconds",
    help: "From command to reply.",
    labels: ["verb"],
    bounds: [0.00001, 0.5, 1],
  });
  for (const value of [0.000001, 0.75, 1, 30]) took.with("MAIL").observe(value);
  meters.histogram({ name: "sluice_size_bytes", help: "Size.", bounds: [1000, 1048576] });
  return meters;
}

Deno.test("Prometheus text format 0.0.4", () => {
  assertEquals(
    expose(someMeters().collect(), "prometheus"),
    String.raw`# HELP sluice_replies_total Replies "written" to\nclients \\ all.
# TYPE sluice_replies_total counter
sluice_replies_total{phase="rcpt",code="250"} 3
sluice_replies_total{phase="\"\\\n",code="éCRNUL"} 1
# HELP sluice_message_bytes_total Octets.
# TYPE sluice_message_bytes_total counter
sluice_message_bytes_total 1099511627776
# HELP sluice_sessions Open sessions.
# TYPE sluice_sessions gauge
sluice_sessions -0.5
# HELP sluice_command_duration_seconds From command to reply.
# TYPE sluice_command_duration_seconds histogram
sluice_command_duration_seconds_bucket{verb="MAIL",le="1e-05"} 1
sluice_command_duration_seconds_bucket{verb="MAIL",le="0.5"} 1
sluice_command_duration_seconds_bucket{verb="MAIL",le="1.0"} 3
sluice_command_duration_seconds_bucket{verb="MAIL",le="+Inf"} 4
sluice_command_duration_seconds_sum{verb="MAIL"} 31.750001
sluice_command_duration_seconds_count{verb="MAIL"} 4
# HELP sluice_size_bytes Size.
# TYPE sluice_size_bytes histogram
sluice_size_bytes_bucket{le="1000.0"} 0
sluice_size_bytes_bucket{le="1.048576e+06"} 0
sluice_size_bytes_bucket{le="+Inf"} 0
sluice_size_bytes_sum 0
sluice_size_bytes_count 0
`.replace("CRNUL", "\r\0"),
  );
});

Deno.test("OpenMetrics 1.0: the same samples under other names of families, and an end", () => {
  const families = someMeters().collect();
  const samplesOf = (text: string) => text.split("\n").filter((line) => !line.startsWith("#"));
  const text = expose(families, "openmetrics");
  assertEquals(samplesOf(text), samplesOf(expose(families, "prometheus")));
  assertEquals(
    text.split("\n").filter((line) => line.startsWith("#")),
    [
      String.raw`# HELP sluice_replies Replies \"written\" to\nclients \\ all.`,
      "# TYPE sluice_replies counter",
      "# HELP sluice_message_bytes Octets.",
      "# TYPE sluice_message_bytes counter",
      "# UNIT sluice_message_bytes bytes",
      "# HELP sluice_sessions Open sessions.",
      "# TYPE sluice_sessions gauge",
      "# HELP sluice_command_duration_seconds From command to reply.",
      "# TYPE sluice_command_duration_seconds histogram",
      "# UNIT sluice_command_duration_seconds seconds",
      "# HELP sluice_size_bytes Size.",
      "# TYPE sluice_size_bytes histogram",
      "# UNIT sluice_size_bytes bytes",
      "# EOF",
    ],
  );
  assert(text.endsWith("\n# EOF\n"));
});

Deno.test("nothing to say", () => {
  assertEquals(formats.map((format) => expose([], format)), ["", "# EOF\n"]);
});

Deno.test("numbers", () => {
  const rows: readonly [value: number, text: string][] = [
    [0, "0"],
    [-0, "0"],
    [1.5, "1.5"],
    [1e21, "1e+21"],
    [1e-7, "1e-7"],
    [NaN, "NaN"],
    [Infinity, "+Inf"],
    [-Infinity, "-Inf"],
  ];
  for (const [value, text] of rows) {
    const family: Family = {
      name: "a",
      help: "A.",
      type: "gauge",
      samples: [{ labels: {}, value }],
    };
    for (const format of formats) {
      assertEquals(expose([family], format).split("\n")[2], `a ${text}`);
    }
  }
});

Deno.test("bounds are written as OpenMetrics has its canonical numbers", () => {
  const rows: readonly [bound: number, text: string][] = [
    [1e-10, "1e-10"],
    [2.5e-5, "2.5e-05"],
    [0.0001, "0.0001"],
    [0.1, "0.1"],
    [0, "0.0"],
    [1, "1.0"],
    [2.5, "2.5"],
    [100000, "100000.0"],
    [123456.5, "123456.5"],
    [1e6, "1e+06"],
    [1048576, "1.048576e+06"],
    [1e10, "1e+10"],
    [1e100, "1e+100"],
    [Infinity, "+Inf"],
  ];
  for (const [bound, text] of rows) {
    const sample = { labels: {}, buckets: [{ bound, count: 0 }], count: 0, sum: 0 };
    const family: Family = { name: "a", help: "A.", type: "histogram", samples: [sample] };
    for (const format of formats) {
      assertEquals(expose([family], format).split("\n")[2], `a_bucket{le="${text}"} 0`);
    }
  }
});

Deno.test("negotiate: OpenMetrics for those who prefer it", () => {
  const openmetrics = "application/openmetrics-text";
  const rows: readonly [accept: string | null, format: ExpositionFormat][] = [
    [null, "prometheus"],
    ["", "prometheus"],
    ["*/*", "prometheus"],
    ["text/html,application/xhtml+xml,*/*;q=0.8", "prometheus"],
    ["application/json", "prometheus"],
    [openmetrics, "openmetrics"],
    [openmetrics.toUpperCase(), "openmetrics"],
    [`${openmetrics}; version=1.0.0; charset=utf-8`, "openmetrics"],
    [`${openmetrics}; VERSION="1.0.0"`, "openmetrics"],
    [`${openmetrics};version=0.0.1`, "prometheus"],
    [`${openmetrics};version=2.0.0`, "prometheus"],
    [`${openmetrics},text/plain`, "prometheus"],
    [`${openmetrics},text/plain;q=0.9`, "openmetrics"],
    [`${openmetrics};q=0.5,text/plain;q=0.500`, "prometheus"],
    [`${openmetrics};q=0.1,*/*`, "prometheus"],
    [`${openmetrics};q=0`, "prometheus"],
    [`${openmetrics};q=0,application/*;q=1`, "prometheus"],
    ["application/*", "openmetrics"],
    [`${openmetrics};q=1.5`, "prometheus"],
    [`${openmetrics};q=0x1`, "prometheus"],
    [`${openmetrics};q=-1`, "prometheus"],
    [`${openmetrics};q=`, "prometheus"],
    [`text/*;q=0.2,${openmetrics};q=0.3`, "openmetrics"],
    [`${openmetrics};q=0.1,${openmetrics};version=1.0.0,text/plain;q=0.5`, "openmetrics"],
    [`${openmetrics},${openmetrics};version=1.0.0;q=0.1,text/plain;q=0.5`, "openmetrics"],
    [",;,=;q", "prometheus"],
    [`${";".repeat(50_000)}${",".repeat(50_000)}`, "prometheus"],
    [
      // Prometheus 2.42.
      `${openmetrics};version=1.0.0,${openmetrics};version=0.0.1;q=0.75,` +
      "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
      "openmetrics",
    ],
    [
      // Prometheus 3.
      `${openmetrics};version=1.0.0;escaping=allow-utf-8;q=0.6,` +
      `${openmetrics};version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,` +
      "text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
      "openmetrics",
    ],
  ];
  for (const [accept, format] of rows) assertEquals(negotiate(accept), format, `${accept}`);
  assertEquals(formats.map(contentTypeOf), [
    "text/plain; version=0.0.4; charset=utf-8",
    "application/openmetrics-text; version=1.0.0; charset=utf-8",
  ]);
});

/** What a reader of the text learns: it knows nothing of who wrote it. */
interface Read {
  readonly help: string;
  readonly type: string;
  readonly unit?: string;
  readonly samples: { readonly name: string; readonly labels: Labels; readonly value: string }[];
}

function unescape(text: string, quote: boolean): string {
  let plain = "";
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '"' && quote) throw new Error(`Cannot read ${text}: a quote within`);
    if (text[at] !== "\\") plain += text[at];
    else {
      const meant = { "\\": "\\", n: "\n", ...(quote && { '"': '"' }) }[text[++at]];
      if (meant === undefined) throw new Error(`Cannot read ${text}: \\${text[at]}`);
      plain += meant;
    }
  }
  return plain;
}

function readSample(line: string): Read["samples"][number] {
  const match = /^([a-z0-9_]+)(?:\{([^]*)\})? ([^ ]+)$/.exec(line);
  if (match === null) throw new Error(`Cannot read sample ${JSON.stringify(line)}`);
  const [, name, braced = "", value] = match;
  const labels: Record<string, string> = {};
  let rest = braced;
  while (rest !== "") {
    const pair = /^([a-z0-9_]+)="((?:[^"\\]|\\[^])*)"(?:,|$)/.exec(rest);
    if (pair === null) throw new Error(`Cannot read labels ${JSON.stringify(rest)}`);
    labels[pair[1]] = unescape(pair[2], true);
    rest = rest.slice(pair[0].length);
  }
  return { name, labels, value };
}

function read(text: string, format: ExpositionFormat): Map<string, Read> {
  const lines = text.split("\n");
  assertEquals(lines.pop(), "");
  if (format === "openmetrics") assertEquals(lines.pop(), "# EOF");
  const families = new Map<string, Read>();
  let current: { -readonly [Key in keyof Read]: Read[Key] } | undefined;
  for (const line of lines) {
    const [, keyword, name, value] = /^# (HELP|TYPE|UNIT) ([a-z0-9_]+) ([^]*)$/.exec(line) ?? [];
    if (keyword === "HELP") {
      assert(!families.has(name), `two families ${name}`);
      current = { help: unescape(value, format === "openmetrics"), type: "", samples: [] };
      families.set(name, current);
    } else if (keyword === "TYPE") current!.type = value;
    else if (keyword === "UNIT") current!.unit = value;
    else current!.samples.push(readSample(line));
  }
  return families;
}

Deno.test("whatever stands in help and labels, what is read is what was meant", () => {
  const text = fc.oneof(
    fc.string({ unit: "binary", maxLength: 12 }),
    fc.string({ unit: fc.constantFrom("\\", '"', "\n", "\r", "n", "}", ",", "=", " ", "#") }),
  );
  fc.assert(fc.property(
    text.filter((help) => help !== ""),
    fc.array(fc.tuple(text, text, fc.double()), { maxLength: 5 }),
    fc.constantFrom(...formats),
    (help, rows, format) => {
      const meters = new Meters();
      const gauge = meters.gauge({ name: "a_bytes", help, labels: ["b", "c"] });
      for (const [b, c, value] of rows) gauge.with(b, c).set(value);
      const [{ samples }] = meters.collect();
      const family = read(expose(meters.collect(), format), format).get("a_bytes")!;
      assertEquals([family.help, family.type], [help, "gauge"]);
      assertEquals(family.unit, format === "openmetrics" ? "bytes" : undefined);
      assertEquals(
        family.samples.map(({ labels, value }) => ({
          labels,
          value: Number(value.replace("Inf", "Infinity")),
        })),
        samples.map((sample) => ({
          labels: sample.labels,
          // There is no sign on the wire for -0.
          value: "value" in sample ? sample.value + 0 : NaN,
        })),
      );
    },
  ));
});

Deno.test("each sample is one of its family", () => {
  const suffixes: Readonly<Record<ExpositionFormat, Record<string, RegExp>>> = {
    prometheus: { counter: /^$/, gauge: /^$/, histogram: /^_(?:bucket|sum|count)$/ },
    openmetrics: { counter: /^_total$/, gauge: /^$/, histogram: /^_(?:bucket|sum|count)$/ },
  };
  for (const format of formats) {
    const families = read(expose(someMeters().collect(), format), format);
    assertEquals(families.size, 5);
    for (const [family, { type, samples }] of families) {
      assert(samples.length > 0);
      for (const { name } of samples) {
        assert(name.startsWith(family), name);
        assert(suffixes[format][type].test(name.slice(family.length)), name);
      }
    }
  }
});

interop("promtool finds nothing to complain of", ["promtool"], async () => {
  const text = expose(someMeters().collect(), "prometheus");
  const check = (text: string) =>
    run("promtool", ["check", "metrics"], { input: new TextEncoder().encode(text) });
  assertEquals(await check(text), { code: 0, output: "" });
  // It does read what it is given.
  const { code } = await check(text.replace('le="+Inf"} 4', 'le="+Inf} 4'));
  assert(code !== 0);
});
