/**
 * The package.json of the npm package, made of deno.json.
 *
 * @module
 */

import manifest from "../../deno.json" with { type: "json" };
import { entries } from "./entries.ts";

/** A package.json, as far as ours goes. */
export interface PackageManifest {
  /** With its scope. */
  readonly name: string;
  /** As in deno.json. */
  readonly version: string;
  /** For each thing that can be imported, its types and its code. */
  readonly exports: Readonly<Record<string, { readonly types: string; readonly default: string }>>;
  /** Of the packages that are imported, the one version that is tested. */
  readonly dependencies: Readonly<Record<string, string>>;
  /** The same, of those that only some programs load, who install them. */
  readonly peerDependencies: Readonly<Record<string, string>>;
  /** Anything else. */
  readonly [key: string]: unknown;
}

/** What a dependency of ours needs beside it: the peer of `@hono/zod-openapi`. */
const peers = ["zod"];

/** What one export loads when it is used, and which is larger than all the rest. */
const optional = ["mailauth"];

/**
 * Makes the manifest.
 *
 * @param imported What the bundles import from outside, `node:net` and `hono/html` alike.
 * @throws {Error} If deno.json does not pin one of them.
 */
export function manifestOf(imported: readonly string[]): PackageManifest {
  return {
    name: manifest.name,
    version: manifest.version,
    description: "A filtering SMTP proxy that stores nothing",
    license: manifest.license,
    type: "module",
    sideEffects: false,
    engines: { node: ">=20" },
    exports: Object.fromEntries(
      entries.map(({ subpath, source, name }) => [subpath, {
        types: `./types/${source.replace(/^\.\//, "").replace(/\.ts$/, ".d.ts")}`,
        default: `./${name}.js`,
      }]),
    ),
    dependencies: dependenciesOf(imported),
    peerDependencies: versionsOf(optional),
    peerDependenciesMeta: Object.fromEntries(optional.map((name) => [name, { optional: true }])),
  };
}

function dependenciesOf(imported: readonly string[]): Record<string, string> {
  const names = new Set(peers);
  for (const path of imported) {
    // What has a scheme is the runtime's own.
    if (!path.includes(":")) names.add(/^(?:@[^/]+\/)?[^/]+/.exec(path)![0]);
  }
  return versionsOf([...names].filter((name) => !optional.includes(name)).sort());
}

function versionsOf(names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, versionOf(name)]));
}

function versionOf(name: string): string {
  const specifier = Object.entries(manifest.imports).find(([alias]) => alias === name)?.[1] ?? "";
  const version = specifier.startsWith(`npm:${name}@`)
    ? specifier.slice(`npm:${name}@`.length)
    : undefined;
  if (version === undefined) {
    throw new Error(`Cannot depend on ${name}: found no npm:${name}@version in deno.json`);
  }
  return version;
}
