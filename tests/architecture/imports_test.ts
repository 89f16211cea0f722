/**
 * Which folder may import which, from the module graph itself.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import manifest from "../../deno.json" with { type: "json" };

const ROOT = new URL("../../", import.meta.url);

/** Left may import right, and itself. `channel.ts` and the like are the files of src/ itself. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  "bytes.ts": [],
  "clock.ts": [],
  "deadline.ts": ["clock.ts"],
  "deferred.ts": [],
  "shared_timers.ts": ["clock.ts"],
  "errors.ts": [],
  "soon.ts": [],
  "parse_url.ts": [],
  "version.ts": [],
  "spare_memory.ts": [],
  "id_map.ts": [],
  "scratch.ts": ["bytes.ts", "spare_memory.ts"],
  "channel.ts": [],
  "prefix.ts": ["rfc5321"],
  "cidr_set.ts": ["prefix.ts"],
  "networks.ts": ["cidr_set.ts"],
  "dns": ["bytes.ts", "channel.ts", "clock.ts", "prefix.ts", "rfc5321"],
  "rfc5321": ["bytes.ts"],
  "state": ["clock.ts"],
  "stages": ["bytes.ts", "rfc5321"],
  "message": ["bytes.ts", "clock.ts", "deadline.ts", "deferred.ts", "spare_memory.ts"],
  "session": [
    ...["bytes.ts", "channel.ts", "clock.ts", "deadline.ts", "dns", "networks.ts", "rfc5321"],
    ...["deferred.ts", "message", "scratch.ts", "soon.ts", "stages"],
  ],
  "policy": [
    "bytes.ts",
    "channel.ts",
    "cidr_set.ts",
    "clock.ts",
    "deferred.ts",
    "errors.ts",
    "message",
    "prefix.ts",
    "rfc5321",
    "session",
    "soon.ts",
    "state",
    "npm:re2js",
    "npm:zod",
  ],
  "content": [
    ...["bytes.ts", "channel.ts", "clock.ts", "deadline.ts", "deferred.ts", "dns", "errors.ts"],
    // A hook is told of an envelope as an upstream that is an HTTP endpoint is.
    ...["parse_url.ts", "policy", "rfc5321", "scratch.ts", "session", "stages", "upstream"],
    ...["message", "npm:@zone-eu/mailsplit", "npm:zod"],
  ],
  "upstream": [
    ...["bytes.ts", "channel.ts", "clock.ts", "deadline.ts", "dns", "dns", "errors.ts", "rfc5321"],
    ...["deferred.ts", "networks.ts", "parse_url.ts", "scratch.ts", "session", "soon.ts", "stages"],
  ],
  "options.ts": [
    ...["channel.ts", "clock.ts", "dns", "errors.ts", "networks.ts"],
    ...["policy", "rfc5321", "session", "upstream"],
  ],
  "proxy.ts": [
    ...["channel.ts", "clock.ts", "deferred.ts", "id_map.ts", "options.ts", "policy", "session"],
  ],
  "auth": [
    ...["bytes.ts", "clock.ts", "content", "dns", "errors.ts", "message", "policy", "rfc5321"],
    ...["session", "npm:mailauth"],
  ],
  "stats": [
    ...[
      "channel.ts",
      "clock.ts",
      "errors.ts",
      "id_map.ts",
      "policy",
      "rfc5321",
      "session",
      "stages",
      "version.ts",
    ],
    "npm:@opentelemetry/api",
  ],
  "http": ["clock.ts", "errors.ts", "networks.ts", "npm:hono"],
  "admin": [
    ...["clock.ts", "errors.ts", "http", "networks.ts", "policy", "proxy.ts", "session", "stats"],
    ...["parse_url.ts", "version.ts"],
    ...["npm:@hono/zod-openapi", "npm:hono", "npm:zod"],
  ],
  "adapters": [
    ...[
      "bytes.ts",
      "channel.ts",
      "clock.ts",
      "deferred.ts",
      "dns",
      "errors.ts",
      "stages",
      "upstream",
    ],
    // Hosts that make sessions, or ask policies, by themselves.
    ...["http", "message", "options.ts", "policy", "rfc5321", "session"],
  ],
  // An SMTP client of the proxy, over a channel in memory.
  "gateway": [
    ...["adapters", "bytes.ts", "channel.ts", "clock.ts", "errors.ts", "http", "options.ts"],
    ...["proxy.ts", "rfc5321", "session", "stages", "state", "upstream", "version.ts"],
    ...["npm:@hono/zod-openapi", "npm:hono", "npm:zod"],
  ],
  "config": [
    ...[
      "auth",
      "channel.ts",
      "clock.ts",
      "content",
      "dns",
      "errors.ts",
      "networks.ts",
      "options.ts",
    ],
    ...["parse_url.ts", "policy", "state", "upstream", "npm:smol-toml", "npm:zod"],
  ],
  "testing": [
    ...["adapters", "bytes.ts", "channel.ts", "clock.ts", "options.ts", "proxy.ts"],
    ...["rfc5321", "stages", "upstream"],
  ],
  "cli": [
    ...[
      "adapters",
      "bytes.ts",
      "channel.ts",
      "clock.ts",
      "errors.ts",
      "id_map.ts",
      "options.ts",
      "proxy.ts",
    ],
    "shared_timers.ts",
    ...["admin", "config", "networks.ts", "policy", "rfc5321", "session", "stages", "state"],
    ...["stats", "upstream", "version.ts", "npm:@logtape/logtape", "npm:deno-std"],
  ],
};

/** Folders that only adapters and the command line may leave: no runtime module in them. */
const CORE = Object.keys(ALLOWED).filter((part) => part !== "adapters" && part !== "cli");

interface Dependency {
  readonly specifier: string;
  readonly code?: { readonly specifier?: string };
  readonly type?: { readonly specifier?: string };
}

interface Graph {
  readonly modules: readonly {
    readonly specifier: string;
    readonly dependencies?: readonly Dependency[];
  }[];
}

async function graphOf(entry: string): Promise<Graph> {
  const { stdout, success } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", new URL(entry, ROOT).href],
    cwd: ROOT,
  }).output();
  assertEquals(success, true, `deno info ${entry} failed`);
  return JSON.parse(new TextDecoder().decode(stdout));
}

/** `src/session/mail.ts` → `session`, `src/bytes.ts` → `bytes.ts`, others as they stand. */
function partOf(specifier: string): string {
  const source = new URL("src/", ROOT).href;
  if (!specifier.startsWith(source)) {
    return specifier.replace(/^npm:\/?(@[^/]+\/[^@/]+|[^@/]+)@.*/, "npm:$1");
  }
  return specifier.slice(source.length).split("/")[0];
}

async function edges(): Promise<{ from: string; to: string; file: string }[]> {
  const found: { from: string; to: string; file: string }[] = [];
  const seen = new Set<string>();
  for (const entry of Object.values(manifest.exports)) {
    for (const module of (await graphOf(entry)).modules) {
      if (seen.has(module.specifier)) continue;
      seen.add(module.specifier);
      const part = partOf(module.specifier);
      if (part === "types" || part === module.specifier) continue;
      for (const { code, type } of module.dependencies ?? []) {
        const target = code?.specifier ?? type?.specifier;
        if (target === undefined) continue;
        found.push({
          from: partOf(module.specifier),
          to: partOf(target),
          file: module.specifier.slice(ROOT.href.length),
        });
      }
    }
  }
  return found;
}

Deno.test("every import goes the way the layout allows", async () => {
  const all = await edges();
  const broken = all.filter(({ from, to }) =>
    from !== to && !(ALLOWED[from] ?? []).includes(to) &&
    !(to.startsWith("node:") && (from === "adapters" || from === "cli")) &&
    !(from === "version.ts" && to.endsWith("/deno.json"))
  );
  assertEquals(broken.map(({ file, to }) => `${file} imports ${to}`), []);
  // The rules speak of folders that exist, and each is met in the graph.
  const met = new Set(all.map(({ from }) => from));
  const leaves = [
    ...["bytes.ts", "clock.ts", "deferred.ts", "errors.ts", "channel.ts", "parse_url.ts"],
    ...["soon.ts", "spare_memory.ts", "id_map.ts"],
  ];
  const unmet = Object.keys(ALLOWED).filter((part) => !met.has(part) && !leaves.includes(part));
  assertEquals(unmet, []);
});

Deno.test("the core loads no runtime module and no package", async () => {
  for (const entry of ["mod.ts", "src/policy/mod.ts", "src/stages/mod.ts", "src/rfc5321/mod.ts"]) {
    const { modules } = await graphOf(entry);
    const foreign = modules.map(({ specifier }) => specifier).filter((specifier) =>
      // The standard library's types are in every graph, for the examples.
      /^(?:node|cloudflare|bun):|^npm:\/(?!deno-std@)/.test(specifier) ||
      /\/(?:adapters|cli|admin)\//.test(specifier)
    );
    assertEquals(foreign, [], entry);
  }
});

Deno.test("the core compiles without Deno's types", async () => {
  const { stderr, success } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["check", "--config", new URL("core.json", import.meta.url).pathname],
      ...["mod.ts", "src/policy/mod.ts", "src/stages/mod.ts", "src/rfc5321/mod.ts"],
    ],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  assertEquals(success, true, new TextDecoder().decode(stderr));
});

Deno.test("core files are named by the import rules", async () => {
  const parts: string[] = [];
  for await (const { name } of Deno.readDir(new URL("src/", ROOT))) parts.push(name);
  const known = [...CORE, "adapters", "cli", "types"];
  assertEquals(parts.filter((part) => !known.includes(part)), []);
});
