/**
 * Programs for runtimes that read no TypeScript.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
// Loads the package, which makes its place known.
import "@std/assert";
import * as esbuild from "esbuild";

/** Makes one ESM file of a program of `hosts/`, in a directory. @returns Its path. */
export function bundle(program: string, directory: string): string {
  const outfile = `${directory}/${program.replace(/\.ts$/, ".mjs")}`;
  // Synchronously: esbuild's service would end some time after it was told to, inside a test.
  esbuild.buildSync({
    entryPoints: [new URL(`hosts/${program}`, import.meta.url).pathname],
    outfile,
    bundle: true,
    format: "esm",
    platform: "neutral",
    target: "es2022",
    external: ["node:*"],
    alias: { "@std/assert": fileURLToPath(import.meta.resolve("@std/assert")) },
    logLevel: "error",
  });
  return outfile;
}
