import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import type { UpstreamSource } from "../../src/config/configuration.ts";
import { defaultConfiguration } from "../../src/config/defaults.ts";
import { ConfigurationError } from "../../src/config/mistake.ts";
import { OptionError } from "../../src/errors.ts";
import { Line } from "../../src/cli/workers/line.ts";
import { located, received, shareOf } from "../../src/cli/workers/share.ts";

type Calls = {
  readonly double: (n: number) => number;
  readonly fail: (kind: string) => void;
  readonly never: () => Promise<void>;
};

/** Two ends, of which the second has the calls. */
function lines() {
  const { port1, port2 } = new MessageChannel();
  const errors: Readonly<Record<string, () => unknown>> = {
    configuration: () => new ConfigurationError([{ key: "k", found: "f", allowed: "a" }]),
    option: () => new OptionError("--o", 7, "8"),
    other: () => new RangeError("too far"),
    text: () => "thrown",
  };
  const calls: Calls = {
    double: (n) => 2 * n,
    fail(kind) {
      throw errors[kind]();
    },
    never: () => new Promise(() => {}),
  };
  const line = new Line<Calls>(port1, {});
  new Line(port2, calls);
  port1.start();
  port2.start();
  return {
    line,
    [Symbol.dispose]() {
      port1.close();
      port2.close();
    },
  };
}

Deno.test("line: answers come to whom they belong", async () => {
  using ends = lines();
  const { line } = ends;
  const answers = await Promise.all([1, 2, 3].map((n) => line.call("double", n)));
  assertEquals(answers, [2, 4, 6]);
});

Deno.test("line: errors are thrown as they were there", async () => {
  using ends = lines();
  const { line } = ends;
  const configuration = await assertRejects(() => line.call("fail", "configuration"));
  assertInstanceOf(configuration, ConfigurationError);
  assertEquals(configuration.mistakes, [{ key: "k", found: "f", allowed: "a" }]);
  const option = await assertRejects(() => line.call("fail", "option"));
  assertInstanceOf(option, OptionError);
  assertEquals([option.option, option.found, option.allowed], ["--o", "7", "8"]);
  await assertRejects(() => line.call("fail", "other"), Error, "too far");
  await assertRejects(() => line.call("fail", "text"), Error, "thrown");
});

Deno.test("line: with the other end goes the hope of an answer", async () => {
  using ends = lines();
  const { line } = ends;
  const waiting = assertRejects(() => line.call("never"), Error, "gone");
  line.close(new Error("gone"));
  await waiting;
  await assertRejects(() => line.call("double", 1), Error, "gone");
});

Deno.test("share: what is limited for all is divided, rounded up", () => {
  const configuration = defaultConfiguration();
  const source: UpstreamSource = {
    ...configuration.upstream,
    pool: { connections: 7, messages: 5 },
  };
  const share = shareOf({
    ...configuration,
    options: { limits: { sessions: 100, recipients: 9 } },
    upstream: source,
    upstreams: new Map([["kept", source], ["not", { ...source, pool: false }]]),
  }, 3);
  assertEquals(share.options.limits, { sessions: 34, recipients: 9 });
  const part = { connections: 3, messages: 5, waiting: 334 };
  assertEquals(share.upstream.pool, part);
  assertEquals([...share.upstreams.values()].map(({ pool }) => pool), [part, false]);
});

Deno.test("share: a mistake that a worker finds stands where it stands in the file", () => {
  const file = defaultConfiguration();
  const configuration = {
    ...file,
    mistake: (path: readonly unknown[], found: string, allowed: string) => ({
      where: "a.toml:1:2",
      key: path.join("/"),
      found,
      allowed,
    }),
    shadow: { ...file, shadow: undefined },
  };
  const worker = received(structuredClone(shareOf(configuration, 2)));
  const elsewhere = { key: "b.toml", found: "f", allowed: "a" };
  const error = located(
    new ConfigurationError([
      worker.mistake(["rule", 2, "when"], "f", "a"),
      worker.shadow!.mistake(["tables", "t"], "f", "a"),
      elsewhere,
    ]),
    configuration,
  );
  assertInstanceOf(error, ConfigurationError);
  assertEquals(error.mistakes, [
    { where: "a.toml:1:2", key: "rule/2/when", found: "f", allowed: "a" },
    { key: "tables.t", found: "f", allowed: "a" },
    elsewhere,
  ]);
  const other = new RangeError("other");
  assertEquals(located(other, configuration), other);
});
