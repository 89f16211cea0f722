import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { assemble, type Assembly } from "../../src/cli/assemble.ts";
import { loadConfiguration } from "../../src/config/load.ts";
import { ConfigurationError } from "../../src/config/mistake.ts";
import type { SessionFacts } from "../../src/session/facts.ts";
import type { Counters } from "../../src/state/counters.ts";
import { BalancedUpstream } from "../../src/upstream/balanced.ts";
import { FakeClock } from "../_clock.ts";
import { startScripted } from "./_servers.ts";
import { rule } from "../policy/rules/_rules.ts";

Deno.test("the shadow's rules count by themselves", async () => {
  const counting = `[[rule]]
    name = "too many"
    at = "mail"
    when.rate = { of = "all", per = "1m", above = 1 }
    then.defer = true
  `;
  const files: Readonly<Record<string, string>> = {
    "a.toml": `shadow = "b.toml"\n${counting}`,
    "b.toml": counting,
  };
  const configuration = await loadConfiguration("a.toml", (path) => Promise.resolve(files[path]));
  const asked: string[] = [];
  const counters = (whose: string): Counters => ({ count: () => asked.push(whose) });
  const { options: { policy, shadow }, close } = await assemble(configuration, {
    clock: new FakeClock(),
    observers: [],
    counters: { live: counters("live"), shadow: counters("shadow") },
    trouble: (error) => {
      throw error;
    },
  });
  await rule(policy!, "mail", {});
  await rule(shadow!, "mail", {});
  assertEquals(asked, ["live", "shadow"]);
  await close();
});

/** Assembles a file of that text and closes all of it again. */
async function assembled(text: string, look: (assembly: Assembly) => Promise<void>) {
  const configuration = await loadConfiguration("a.toml", () => Promise.resolve(text));
  const assembly = await assemble(configuration, {
    clock: new FakeClock(),
    observers: [],
    trouble: (error) => {
      throw error;
    },
  });
  await look(assembly);
  await assembly.discard();
}

Deno.test("several servers are one upstream", async () => {
  const several =
    `[upstream]\nservers = [{ url = "capture:", priority = 1 }, { url = "capture:" }]`;
  const rows: readonly (readonly [text: string, name: string, balanced: boolean])[] = [
    [`upstream.url = "smtp://127.0.0.1"`, "smtp://127.0.0.1", false],
    [`[upstream]\nservers = [{ url = "capture:" }]`, "capture:", false],
    [`[upstream]\nservers = [{ url = "capture:" }]\nprobe = 1`, "capture:", true],
    [several, "capture:, capture:", true],
    [`upstream.url = "smtp+mx://example"`, "smtp+mx://example", true],
  ];
  for (const [text, name, balanced] of rows) {
    await assembled(text, ({ options: { upstream } }) => {
      assertEquals([upstream?.name, upstream instanceof BalancedUpstream], [name, balanced]);
      return Promise.resolve();
    });
  }
});

Deno.test("a server that stands by is used while the first does not answer", async () => {
  await using server = await startScripted();
  const text = `[upstream]
    servers = [
      { url = "unix:/absent" },
      { url = "${server.url}?tls=none", priority = 1 },
    ]
  `;
  await assembled(text, async ({ options: { upstream } }) => {
    const link = await upstream!.connect({} as SessionFacts, new AbortController().signal);
    assertEquals(link.usable, true);
    await link.quit();
  });
});

Deno.test("a server that cannot be made is told with its own place", async () => {
  const text = `[upstream]
servers = [
  { url = "capture:" },
  { url = "capture:/dev/null/mail" },
]`;
  const { message } = await assertRejects(
    () => assembled(text, () => Promise.resolve()),
    ConfigurationError,
  );
  assertStringIncludes(
    message,
    'a.toml:4:5: upstream.servers[1].url: found "capture:/dev/null/mail", allowed is a directory',
  );
});
