/**
 * What the npm package offers: the exports of deno.json but the command line, which needs Deno.
 *
 * @module
 */

import manifest from "../../deno.json" with { type: "json" };

/** The repository. */
export const root: URL = new URL("../../", import.meta.url);

/** One thing that can be imported. */
export interface Entry {
  /** As in the exports of a manifest: `.` or `./policy`. */
  readonly subpath: string;
  /** Its source, relative to the repository. */
  readonly source: string;
  /** Its name among the bundles, without extension. */
  readonly name: string;
}

/** The entries. */
export const entries: readonly Entry[] = Object.entries(manifest.exports)
  .filter(([subpath]) => subpath !== "./cli")
  .map(([subpath, source]) => ({
    subpath,
    source,
    name: subpath === "." ? "mod" : subpath.slice("./".length),
  }));

/** The sources that `./stages` gives on; each becomes a bundle, so that one stage costs only itself. */
export async function stageSources(): Promise<string[]> {
  const text = await Deno.readTextFile(new URL("src/stages/mod.ts", root));
  return [...text.matchAll(/^export .* from "\.\/(.+)";$/gm)].map(([, path]) =>
    `src/stages/${path}`
  );
}
