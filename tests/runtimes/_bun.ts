/**
 * The program `bun`, of the npm package.
 *
 * @module
 */

import { createRequire } from "node:module";
// Loads the package, which makes its place known.
import "bun/package.json" with { type: "json" };

const architectures: Readonly<Record<string, string>> = { x86_64: "x64", aarch64: "aarch64" };

/** Where the program for this machine is. The package's own command would have to be installed. */
export function bunPath(): string {
  const machine = `${Deno.build.os}-${architectures[Deno.build.arch]}`;
  const require = createRequire(import.meta.resolve("bun/package.json"));
  return require.resolve(`@oven/bun-${machine}/bin/bun`);
}
