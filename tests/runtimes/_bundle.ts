/**
 * Programs for runtimes that read no TypeScript.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
// Loads the package, which makes its place known.
import "@std/assert";
import * as esbuild from "esbuild";
import manifest from "../../deno.json" with { type: "json" };

// esbuild's service has no end, and a test must leave nothing behind that it has begun.
esbuild.transformSync("");

/** What `@sluice/sluice/…` stands for. */
export const ourselves: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(manifest.exports).map(([subpath, file]) => [
    `${manifest.name}${subpath.slice(1)}`,
    new URL(`../../${file}`, import.meta.url).pathname,
  ]),
);

/**
 * Makes one ESM file of a program, in a directory.
 *
 * @param program One of `hosts/`, or any other by its URL.
 * @returns Its path.
 */
export function bundle(program: string | URL, directory: string): string {
  const { pathname } = new URL(program, new URL("hosts/", import.meta.url));
  const outfile = `${directory}/${pathname.split("/").at(-1)!.replace(/\.ts$/, ".mjs")}`;
  // Synchronously: esbuild's service would end some time after it was told to, inside a test.
  esbuild.buildSync({
    entryPoints: [pathname],
    outfile,
    bundle: true,
    format: "esm",
    platform: "neutral",
    target: "es2022",
    external: ["node:*"],
    alias: { ...ourselves, "@std/assert": fileURLToPath(import.meta.resolve("@std/assert")) },
    logLevel: "error",
  });
  return outfile;
}
