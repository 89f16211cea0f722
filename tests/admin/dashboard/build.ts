/**
 * Builds the dashboard's program into its one asset. With `--write` the asset is written; without,
 * one that is not what its sources make of it is an error.
 *
 * @module
 */

import * as esbuild from "esbuild";
import uplot from "uplot/dist/uPlot.esm.js" with { type: "text" };
import uplotStyle from "uplot/dist/uPlot.min.css" with { type: "text" };

const folder = new URL("../../../src/admin/dashboard/", import.meta.url);

/** Where the asset is. */
export const asset: URL = new URL("asset.js", folder);

/** Packages are in Deno's cache, where esbuild does not look; Deno reads them. */
const packages: esbuild.Plugin = {
  name: "packages",
  setup(build) {
    build.onResolve({ filter: /^uplot/ }, ({ path }) => ({ path, namespace: "npm" }));
    build.onLoad({ filter: /\.css$/, namespace: "npm" }, () => ({
      contents: uplotStyle,
      loader: "text",
    }));
    build.onLoad(
      { filter: /^uplot$/, namespace: "npm" },
      () => ({ contents: uplot, loader: "js" }),
    );
  },
};

/** The asset as its sources make it. */
export async function build(): Promise<string> {
  try {
    const { outputFiles } = await esbuild.build({
      entryPoints: [new URL("client/main.ts", folder).pathname],
      bundle: true,
      write: false,
      minify: true,
      format: "esm",
      platform: "browser",
      target: "es2023",
      charset: "utf8",
      legalComments: "none",
      banner: {
        js:
          "// Generated from client/ by `deno task dashboard --write`. Contains uPlot, MIT, © Leon Sorokin.",
      },
      plugins: [packages],
    });
    return outputFiles[0].text;
  } finally {
    await esbuild.stop();
  }
}

if (import.meta.main) {
  const built = await build();
  if (Deno.args.includes("--write")) await Deno.writeTextFile(asset, built);
  else if (built !== await Deno.readTextFile(asset)) {
    console.error("asset.js is not what client/ makes of it: run `deno task dashboard --write`");
    Deno.exit(1);
  }
}
