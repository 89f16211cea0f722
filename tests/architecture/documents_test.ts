/**
 * What the documents say against what the code says.
 *
 * @module
 */

import { assertEquals, assertStringIncludes } from "@std/assert";
import manifest from "../../deno.json" with { type: "json" };
import { withDiagram } from "./diagram.ts";

const ROOT = new URL("../../", import.meta.url);

async function* sources(directory: URL): AsyncGenerator<{ path: string; text: string }> {
  for await (const { name, isDirectory } of Deno.readDir(directory)) {
    const url = new URL(isDirectory ? `${name}/` : name, directory);
    if (isDirectory) yield* sources(url);
    else if (name.endsWith(".ts")) {
      yield { path: url.href.slice(ROOT.href.length), text: await Deno.readTextFile(url) };
    }
  }
}

Deno.test("the README shows the state table as it is", async () => {
  const readme = await Deno.readTextFile(new URL("README.md", ROOT));
  assertEquals(readme, withDiagram(readme), "run `deno task diagram --write`");
});

Deno.test("the README's admin can be mounted as it says", async () => {
  const readme = await Deno.readTextFile(new URL("README.md", ROOT));
  const [, code] = /```ts\n([^`]*createAdmin\([^`]*)```/.exec(readme)!;
  const module = encodeURIComponent(`${code}\nexport { admin, app };`);
  const { admin, app } = await import(`data:text/typescript,${module}`);
  const answer: Response = await app.fetch(new Request("http://mail.example/sluice/healthz"));
  assertEquals(await answer.json(), { alive: true });
  admin.close();
});

Deno.test("every dependency has its line in CONTRIBUTING.md", async () => {
  const contributing = await Deno.readTextFile(new URL("CONTRIBUTING.md", ROOT));
  for (const specifier of Object.values(manifest.imports)) {
    const name = /^npm:\/?(@[^/]+\/[^@/]+|[^@/]+)@/.exec(specifier)?.[1];
    if (name !== undefined) assertStringIncludes(contributing, `\`${name}\``);
  }
});

Deno.test("every export has its documentation checked", () => {
  const checked = manifest.tasks["ok:doc"].split(" ").slice(3);
  const exported = Object.values(manifest.exports).map((file) => file.slice(2));
  assertEquals(checked.toSorted(), exported.toSorted());
});

Deno.test("every dependency is pinned to one version", () => {
  const loose = Object.values(manifest.imports).filter((specifier) =>
    specifier.startsWith("npm:") && !/@\d+\.\d+\.\d+(?:\/|$)/.test(specifier)
  );
  assertEquals(loose, []);
});

Deno.test("RFCs are cited in one form", async () => {
  const wrong: string[] = [];
  let right = 0;
  for await (const { path, text } of sources(new URL("src/", ROOT))) {
    for (
      const [citation] of text.matchAll(
        /\bRFC[ -]?\d+(?:,? (?:§|[Ss]ection |[Ss]ec\. ?)[^\s,;:)"`]*)?/g,
      )
    ) {
      if (/^RFC \d+(?: §[0-9A-Z]+(?:\.[0-9]+)*\.?(?:-[0-9.]+)?)?$/.test(citation)) right++;
      else wrong.push(`${path}: ${citation}`);
    }
  }
  assertEquals(wrong, []);
  assertEquals(right > 100, true);
});

Deno.test("no file grows beyond 400 lines", async () => {
  const long: string[] = [];
  for await (const { path, text } of sources(new URL("src/", ROOT))) {
    const lines = text.split("\n").length;
    if (lines > 400) long.push(`${path}: ${lines}`);
  }
  assertEquals(long, []);
});
