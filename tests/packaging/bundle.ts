/**
 * Bundles what can be imported, for runtimes and bundlers that take no TypeScript: an ESM file for
 * each entry, and what several of them need in files beside them, so that nothing is there twice.
 * As a program it writes them to `dist/npm`, prints what they cost, and fails where that exceeds a
 * budget.
 *
 * @module
 */

import * as esbuild from "esbuild";
import manifest from "../../deno.json" with { type: "json" };
import { exceeded, measure, tableOf } from "./budgets.ts";
import { entries, root, stageSources } from "./entries.ts";
import { manifestOf } from "./manifest.ts";

/** Where the program writes. */
export const output: URL = new URL("dist/npm/", root);

/** Of the manifest, only what `src/version.ts` asks for. */
const versionOnly: esbuild.Plugin = {
  name: "version",
  setup(build) {
    build.onLoad({ filter: /\/deno\.json$/ }, () => ({
      contents: JSON.stringify({ version: manifest.version }),
      loader: "json",
    }));
  },
};

/** Entries that only make files of their own for stages, so that one stage costs only itself. */
const cuts = "cuts/";

/**
 * Writes the bundles with their source maps, and the package's manifest.
 *
 * @param folder Where to; what is there before is removed.
 */
export async function bundle(folder: URL): Promise<void> {
  const stages = await stageSources();
  const { metafile, outputFiles } = await esbuild.build({
    absWorkingDir: root.pathname,
    entryPoints: [
      ...entries.map(({ name, source }) => ({ in: source, out: name })),
      ...stages.map((source) => ({ in: source, out: `${cuts}${source}` })),
    ],
    outdir: folder.pathname,
    bundle: true,
    write: false,
    splitting: true,
    chunkNames: "shared/[hash]",
    format: "esm",
    platform: "neutral",
    target: "es2022",
    // Also node:* and cloudflare:*.
    packages: "external",
    jsx: "automatic",
    jsxImportSource: "hono/jsx",
    charset: "utf8",
    sourcemap: "linked",
    metafile: true,
    plugins: [versionOnly],
  });
  await Deno.remove(folder, { recursive: true }).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
  await Deno.mkdir(new URL("shared/", folder), { recursive: true });
  for (const { path, contents } of outputFiles) {
    if (!path.startsWith(folder.pathname + cuts)) await Deno.writeFile(path, contents);
  }
  const imported = Object.values(metafile.outputs).flatMap(({ imports }) =>
    imports.filter(({ external }) => external).map(({ path }) => path)
  );
  const text = JSON.stringify(manifestOf(imported), undefined, 2);
  await Deno.writeTextFile(new URL("package.json", folder), `${text}\n`);
}

if (import.meta.main) {
  try {
    await bundle(output);
    const sizes = await measure(output);
    console.log(tableOf(sizes));
    const complaints = exceeded(sizes);
    for (const complaint of complaints) console.error(complaint);
    if (complaints.length > 0) Deno.exitCode = 1;
  } finally {
    await esbuild.stop();
  }
}
