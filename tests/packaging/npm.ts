/**
 * Makes the npm package of the bundles, the types that `deno pack` extracts from the sources, and
 * the documents. As a program it writes `dist/npm`, or the folder that it is given, and the tarball
 * beside it, whose path it prints.
 *
 * @module
 */

import * as esbuild from "esbuild";
import { bundle, output } from "./bundle.ts";
import { root } from "./entries.ts";
import { run } from "./run.ts";

/** Extracts the types, in the tree of the sources; the command line is not for npm. */
async function extractTypes(folder: URL): Promise<void> {
  const scratch = await Deno.makeTempDir();
  try {
    const tarball = `${scratch}/types.tgz`;
    await run(Deno.execPath(), ["pack", "--quiet", "--allow-dirty", "--output", tarball], root);
    await Deno.mkdir(folder);
    const wanted = ["--wildcards", "*.d.ts", "--exclude=*/src/cli/*"];
    await run("tar", ["--extract", "--file", tarball, "--strip-components=1", ...wanted], folder);
  } finally {
    await Deno.remove(scratch, { recursive: true });
  }
}

/** Makes the package in a folder, and the tarball beside it, whose path it returns. */
async function makePackage(folder: URL): Promise<string> {
  await bundle(folder);
  await extractTypes(new URL("types/", folder));
  for (const document of ["README.md", "LICENSE", "CHANGELOG.md"]) {
    await Deno.copyFile(new URL(document, root), new URL(document, folder));
  }
  const above = new URL("../", folder);
  const packed = await run("npm", ["pack", "--json", "--pack-destination", above.pathname], folder);
  const [{ filename }] = JSON.parse(packed);
  return new URL(filename, above).pathname;
}

try {
  const [folder] = Deno.args;
  console.log(await makePackage(folder === undefined ? output : new URL(folder, "file:")));
} finally {
  await esbuild.stop();
}
