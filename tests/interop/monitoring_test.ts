/**
 * The monitoring examples: what promtool says of them, and whether they ask for what is measured.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import dashboard from "../../examples/monitoring/grafana-dashboard.json" with { type: "json" };
import { metricNames } from "../../src/stats/metrics.ts";
import { interop, runOrThrow } from "./_tools.ts";

const DIRECTORY = new URL("../../examples/monitoring/", import.meta.url);

const read = (name: string): Promise<string> => Deno.readTextFile(new URL(name, DIRECTORY));

/** Measured outside of `Metrics`. */
const OTHERS = ["process_resident_memory_bytes"];

const measured = [...metricNames(), ...OTHERS];

/** A panel that asks for something, or a row, which does not. */
interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly datasource?: { readonly uid: string };
  readonly gridPos: {
    readonly x: number;
    readonly y: number;
    readonly w: number;
    readonly h: number;
  };
  readonly targets?: readonly {
    readonly datasource: { readonly uid: string };
    readonly expr: string;
  }[];
}

const panels: readonly Panel[] = dashboard.panels;
const queries = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));

/** Names of metrics in a text; those of a histogram's parts as the histogram's own. */
function metricsIn(text: string): Set<string> {
  const names = text.match(/(?<![\w:])(?:sluice|process)_\w+/g) ?? [];
  return new Set(names.map((name) => {
    const whole = name.replace(/_(?:bucket|sum|count)$/, "");
    return measured.includes(whole) ? whole : name;
  }));
}

/** What a rule file defines: `record: name` or `- alert: name`. */
function defined(kind: "alert" | "record", text: string): string[] {
  return [...text.matchAll(new RegExp(`^ *- ${kind}: (\\S+)$`, "gm"))].map(([, name]) => name);
}

/** Runs promtool on a copy of the examples that has the token's file too. */
async function promtool(...args: string[]): Promise<string> {
  const copy = await Deno.makeTempDir({ prefix: "sluice-monitoring-" });
  try {
    for await (const { name } of Deno.readDir(DIRECTORY)) {
      await Deno.copyFile(new URL(name, DIRECTORY), `${copy}/${name}`);
    }
    await Deno.writeTextFile(`${copy}/sluice.token`, "0123456789abcdef");
    await Deno.writeTextFile(`${copy}/queries.yml`, asRules(queries));
    return await runOrThrow("promtool", args.map((arg) => arg.replace("@", copy)));
  } finally {
    await Deno.remove(copy, { recursive: true });
  }
}

/** A file of recording rules, one for each query of the dashboard; JSON is YAML. */
function asRules(queries: readonly string[]): string {
  const rules = queries.map((query, at) => ({
    record: `query:${at}`,
    expr: query.replaceAll("$__rate_interval", "1m"),
  }));
  return JSON.stringify({ groups: [{ name: "dashboard", rules }] });
}

interop("monitoring: promtool accepts the configuration and its rules", ["promtool"], async () => {
  await promtool("check", "config", "--lint=all", "--lint-fatal", "@/prometheus.yml");
});

interop("monitoring: promtool accepts every query of the dashboard", ["promtool"], async () => {
  await promtool("check", "rules", "--lint=all", "--lint-fatal", "@/queries.yml");
});

for (const file of ["alerts_test.yml", "alerts_week_test.yml"]) {
  interop(`monitoring: alerts fire when they should (${file})`, ["promtool"], async () => {
    await promtool("test", "rules", `@/${file}`);
  });
}

Deno.test("monitoring: each alert has a case in which it fires, and says what to do", async () => {
  const text = await read("alerts.yml");
  const cases = await read("alerts_test.yml") + await read("alerts_week_test.yml");
  const alerts = defined("alert", text);
  assert(alerts.length > 0);
  for (const alert of alerts) {
    const [rule] = text.split(`- alert: ${alert}\n`)[1].split("- alert: ");
    for (const key of ["for", "severity", "summary", "description", "runbook"]) {
      assert(rule.includes(` ${key}: `), `${alert} has no ${key}`);
    }
    assert(cases.includes(`{alertname="${alert}", instance=`), `${alert} fires in no case`);
  }
});

Deno.test("monitoring: what is asked for is measured or recorded", async () => {
  const recording = await read("recording.yml");
  const alerts = await read("alerts.yml");
  const cases = await read("alerts_test.yml") + await read("alerts_week_test.yml");
  const texts = { recording, alerts, cases, dashboard: JSON.stringify(dashboard) };
  for (const [file, text] of Object.entries(texts)) {
    assertEquals([...metricsIn(text)].filter((name) => !measured.includes(name)), [], file);
  }
  const recorded = defined("record", recording);
  const used = new Set(alerts.match(/\binstance\w*:[\w:]+/g));
  assertEquals([...used].sort(), recorded.sort());
});

Deno.test("monitoring: what is measured is on the dashboard", () => {
  const shown = metricsIn(queries.join("\n"));
  assertEquals(measured.filter((name) => !shown.has(name)), []);
});

Deno.test("monitoring: panels have a place, a text and the chosen data source", () => {
  assertEquals(new Set(panels.map(({ id }) => id)).size, panels.length);
  const taken = new Set<string>();
  for (const { type, title, description, datasource, gridPos, targets = [] } of panels) {
    assert(gridPos.x + gridPos.w <= 24, title);
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        assert(!taken.has(`${x} ${y}`), `"${title}" lies over another panel`);
        taken.add(`${x} ${y}`);
      }
    }
    if (type === "row") continue;
    assert(description, `"${title}" has no description`);
    assert(targets.length > 0, `"${title}" asks for nothing`);
    for (const source of [datasource, ...targets.map(({ datasource }) => datasource)]) {
      assertEquals(source?.uid, "${datasource}", title);
    }
  }
});
