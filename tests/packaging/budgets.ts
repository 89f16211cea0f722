/**
 * What an import costs: what a bundler makes of a program that imports one thing from the package.
 * Packages that ours depends on are not counted; the core and the stages depend on none.
 *
 * @module
 */

import * as esbuild from "esbuild";
import { entries } from "./entries.ts";
import type { PackageManifest } from "./manifest.ts";

/** Octets. */
export interface Size {
  /** Minified. */
  readonly minified: number;
  /** Minified and compressed, as it travels. */
  readonly gzipped: number;
}

/** The size of each import; the import is a line of source. */
export type Sizes = ReadonlyMap<string, Size>;

const one = (name: string, subpath: string) => `export { ${name} } from "@sluice/sluice${subpath}"`;
const all = (subpath: string) => `export * from "@sluice/sluice${subpath}"`;

/** The most that an import may cost. */
const budgets: ReadonlyMap<string, Partial<Size>> = new Map([
  [all(""), { minified: 168_000, gzipped: 58_500 }],
  [one("createProxy", ""), { minified: 115_000, gzipped: 41_000 }],
  // Is the grammar of all commands and parameters.
  [one("CommandParser", "/stages"), { gzipped: 6_000 }],
  ...[
    ...["BdatFramer", "BdatReceiver", "DotStuffer", "DotUnstuffer", "LineSplitter", "NewlineGuard"],
    ...["ProxyHeaderReader", "ReplyParser", "batched", "fuse", "pump", "toTransformStream"],
  ].map((stage) => [one(stage, "/stages"), { gzipped: 3_000 }] as const),
]);

/** What is measured: also all of each entry, for information. */
const imports = new Set([
  ...budgets.keys(),
  ...entries.map(({ subpath }) => all(subpath.slice(1))),
]);

/**
 * Measures the imports.
 *
 * @param folder Where the package is.
 */
export async function measure(folder: URL): Promise<Sizes> {
  const text = await Deno.readTextFile(new URL("package.json", folder));
  const { dependencies, peerDependencies }: PackageManifest = JSON.parse(text);
  const packages = Object.keys({ ...dependencies, ...peerDependencies })
    .flatMap((name) => [name, `${name}/*`]);
  const sizes = new Map<string, Size>();
  for (const line of imports) sizes.set(line, await sizeOf(line, folder, packages));
  return sizes;
}

async function sizeOf(line: string, folder: URL, packages: string[]): Promise<Size> {
  const { outputFiles: [{ contents }] } = await esbuild.build({
    stdin: { contents: line, resolveDir: folder.pathname },
    bundle: true,
    write: false,
    minify: true,
    format: "esm",
    platform: "neutral",
    target: "es2022",
    charset: "utf8",
    external: ["node:*", "cloudflare:*", ...packages],
    // What is said of a package's own files only where they are not below node_modules.
    logOverride: { "ignored-bare-import": "silent" },
  });
  const gzipped = new Response(contents as Uint8Array<ArrayBuffer>).body!
    .pipeThrough(new CompressionStream("gzip"));
  return {
    minified: contents.length,
    gzipped: (await new Response(gzipped).arrayBuffer()).byteLength,
  };
}

/** The sizes as a table. */
export function tableOf(sizes: Sizes): string {
  const rows = [...sizes].map(([line, { minified, gzipped }]) =>
    `${minified}`.padStart(8) + `${gzipped}`.padStart(8) + `  ${line}`
  );
  return ["minified    gzip", ...rows].join("\n");
}

/** A line for each budget that is exceeded. */
export function exceeded(sizes: Sizes): string[] {
  return [...budgets].flatMap(([line, budget]) => {
    const size = sizes.get(line)!;
    return (["minified", "gzipped"] as const)
      .filter((kind) => size[kind] > (budget[kind] ?? Infinity))
      .map((kind) => `${line}: ${size[kind]} octets ${kind}, allowed are ${budget[kind]}`);
  });
}
