/**
 * The npm package as its users have it: installed from its tarball.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { interop } from "../interop/_tools.ts";
import { bunPath } from "../runtimes/_bun.ts";
import { entries, root } from "./entries.ts";
import type { PackageManifest } from "./manifest.ts";
import { run } from "./run.ts";

const project = new URL("project/", import.meta.url);

/** What `project/relay.ts` prints. */
const relayed = {
  codes: [220, 250, 250, 550, 250, 354, 250, 221],
  messages: [{ to: ["b@mx.example"], content: "Subject: Hi\r\n\r\n.\r\n" }],
};

/** What is installed beside the package. */
const tools = { typescript: "6.0.3", "@types/node": "20.19.25" };

/** A project with nothing in it but the package and the files of `project/`. */
async function makeProject(folder: URL, tarball: string): Promise<void> {
  await Deno.mkdir(folder);
  for await (const { name } of Deno.readDir(project)) {
    await Deno.copyFile(new URL(name, project), new URL(name, folder));
  }
  // The types of Deno's adapter are made of Deno's own.
  const everything = entries.filter(({ subpath }) => subpath !== "./deno")
    .map(({ subpath }, at) => `export * as e${at} from "@sluice/sluice${subpath.slice(1)}";\n`);
  await Deno.writeTextFile(new URL("everything.ts", folder), everything.join(""));
  const manifest = {
    private: true,
    type: "module",
    dependencies: { "@sluice/sluice": `file:${tarball}` },
    devDependencies: tools,
  };
  await Deno.writeTextFile(new URL("package.json", folder), JSON.stringify(manifest));
}

interop("the npm package is used from its tarball", ["node", "npm", "tar"], async (t) => {
  const scratch = new URL(`file://${await Deno.makeTempDir()}/`);
  try {
    const made = new URL("npm/", scratch);
    const program = ["run", "--allow-all", "tests/packaging/npm.ts", made.pathname];
    const tarball = (await run(Deno.execPath(), program, root)).trim();

    await t.step("what its manifest names is there", async () => {
      const text = await Deno.readTextFile(new URL("package.json", made));
      const { exports }: PackageManifest = JSON.parse(text);
      assertEquals(Object.keys(exports), entries.map(({ subpath }) => subpath));
      const files = Object.values(exports).flatMap((conditions) => Object.values(conditions));
      for (const file of files) await Deno.stat(new URL(file, made));
    });

    const node = new URL("node/", scratch);
    await t.step("in a project of Node", async () => {
      await makeProject(node, tarball);
      await run("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund"], node);
      await run("npm", ["exec", "--", "tsc"], node);
      await run("node", ["out/everything.js"], node);
      assertEquals(JSON.parse(await run("node", ["out/node.js"], node)), relayed);
    });

    await t.step("in the same project, by Deno", async () => {
      const printed = await run(Deno.execPath(), ["run", "--allow-net", "deno.ts"], node);
      assertEquals(JSON.parse(printed), relayed);
    });

    await t.step("in a project of Bun", async () => {
      const folder = new URL("bun/", scratch);
      await makeProject(folder, tarball);
      const bun = bunPath();
      await run(bun, ["install", "--production"], folder);
      await run(bun, ["everything.ts"], folder);
      assertEquals(JSON.parse(await run(bun, ["bun.ts"], folder)), relayed);
    });
  } finally {
    await Deno.remove(scratch, { recursive: true });
  }
});
