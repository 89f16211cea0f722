import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { assemble } from "../../src/cli/assemble.ts";
import { ConfigurationError } from "../../src/config/mistake.ts";
import { loadConfiguration } from "../../src/config/load.ts";
import { FakeClock } from "../_clock.ts";

/** The name of the upstream that a file makes. */
async function upstreamOf(file: string, text: string): Promise<string | undefined> {
  const configuration = await loadConfiguration(file, () => Promise.resolve(text));
  const surroundings = {
    clock: new FakeClock(),
    observers: [],
    trouble: (error: Error) => {
      throw error;
    },
  };
  const assembly = await assemble(configuration, surroundings);
  await assembly.discard();
  return assembly.options.upstream?.name;
}

Deno.test("http upstream: a secret stands beside the URL, and its file beside the configuration", async () => {
  const directory = await Deno.makeTempDir({ prefix: "sluice-http-" });
  await Deno.writeTextFile(`${directory}/hook.secret`, "a-secret-that-is-long\n");
  await Deno.writeTextFile(`${directory}/short.secret`, "short\n");
  const at = (text: string) => upstreamOf(`${directory}/a.toml`, `[upstream]\n${text}`);
  const url = 'url = "https://hook.example/in?key=k"\n';
  assertEquals(await at(url), "https://hook.example/in");
  assertEquals(await at(`${url}secret = "hook.secret"`), "https://hook.example/in");
  const rows: readonly [text: string, message: string][] = [
    [`${url}secret = "short.secret"`, "found:a secret of 5 characters,allowed:at least 16"],
    [`${url}secret = "missing.secret"`, "found:the secret "],
    [
      'url = "smtp://127.0.0.1"\nsecret = "hook.secret"',
      "https://host/path where there is a secret",
    ],
  ];
  for (const [text, message] of rows) {
    const error = await assertRejects(() => at(text), ConfigurationError, "", text);
    const told = JSON.stringify(error.mistakes);
    assertStringIncludes(told.replace(/[\\"]/g, ""), message);
  }
  await Deno.remove(directory, { recursive: true });
});
