import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Hono } from "hono";
import { type Admin, createAdmin } from "../../src/admin/admin.ts";
import { baseOf } from "../../src/admin/dashboard/client/api.ts";
import { createProxy } from "../../src/proxy.ts";
import { FakeClock } from "../_clock.ts";
import { asking, codeOf, descriptionOf, post, read, Viewer } from "./_admin.ts";

const HOST = "http://localhost:8025";

/** An app with pages of its own and the admin below one of them. */
async function mounted(play: (app: Hono, admin: Admin) => Promise<void>): Promise<void> {
  const proxy = createProxy({ clock: new FakeClock() });
  const admin = createAdmin(proxy);
  const app = new Hono()
    .get("/", (c) => c.text("home"))
    .get("/mail/other", (c) => c.text("other"))
    .mount("/mail/sluice", admin.fetch)
    .notFound((c) => c.text("nowhere", 404));
  await play(app, admin);
  admin.close();
  await proxy.close();
}

Deno.test("mounted: the page, with a slash at the end and without", async () => {
  await mounted(async (app) => {
    for (const place of ["/mail/sluice", "/mail/sluice/"]) {
      const page = await app.request(HOST + place);
      assertEquals(page.status, 200);
      assertStringIncludes(page.headers.get("content-security-policy")!, "default-src 'none'");
      assertStringIncludes(await page.text(), "<!doctype html>");
      // Where the page's script looks for the API.
      const base = baseOf(new URL(HOST + place));
      const stats = await read(await app.request(String(new URL("api/stats", base))));
      assertEquals(stats.sessions, { open: 0, total: 0 });
    }
  });
});

Deno.test("mounted: the API, its streams, and the description of where they are", async () => {
  await mounted(async (app) => {
    const ask = asking({
      fetch: (request) =>
        app.fetch(new Request(request.url.replace(HOST, `${HOST}/mail/sluice`), request)),
    });
    const description = await descriptionOf(ask);
    const document = new URL("/mail/sluice/openapi.json", HOST);
    const server = new URL(`${description.servers[0].url}/`, document);
    for (const path of ["healthz", "api/stats", "api/sessions", "api/transactions", "api/policy"]) {
      assert(Object.hasOwn(description.paths, `/${path}`));
      await read(await app.request(String(new URL(path, server))));
    }
    const viewer = new Viewer(await ask("/api/stats/stream"));
    assertEquals((await viewer.next())?.event, "stats");
    await viewer.leave();
    const body = { client: "192.0.2.1", from: "a@x.example", to: ["b@y.example"] };
    const explained = await read(await ask("/api/policy/explain", post(body)));
    assertEquals(explained.outcome, "accepted");
    const missing = await ask("/api/nothing");
    assertEquals([missing.status, await codeOf(missing)], [404, "not-found"]);
  });
});

Deno.test("mounted: what is beside it is not the admin's", async () => {
  await mounted(async (app) => {
    for (
      const [path, status, text] of [
        ["/", 200, "home"],
        ["/mail/other", 200, "other"],
        ["/mail", 404, "nowhere"],
        ["/mail/sluicegate", 404, "nowhere"],
        ["/api/stats", 404, "nowhere"],
      ] as const
    ) {
      const answer = await app.request(HOST + path);
      assertEquals([answer.status, await answer.text()], [status, text], path);
    }
  });
});

Deno.test("mounted: who asks is looked at as everywhere", async () => {
  await mounted(async (app) => {
    const path = `${HOST}/mail/sluice/api/stats`;
    const rows: readonly (readonly [headers: Record<string, string>, code: string])[] = [
      [{ host: "evil.example" }, "forbidden-host"],
      [{ origin: "http://evil.example" }, "forbidden-origin"],
      [{ "sec-fetch-site": "cross-site" }, "forbidden-site"],
    ];
    for (const [headers, code] of rows) {
      assertEquals(await codeOf(await app.request(path, { headers })), code);
    }
  });
});

Deno.test("by itself, without any app around it", async () => {
  const proxy = createProxy({ clock: new FakeClock() });
  const admin = createAdmin(proxy);
  assertEquals(await read(await admin.fetch(new Request(`${HOST}/healthz`))), { alive: true });
  admin.close();
  const answer = await admin.fetch(new Request(`${HOST}/api/stats/stream`));
  assertEquals([answer.status, await codeOf(answer)], [503, "too-many-viewers"]);
  await proxy.close();
});

interface Node {
  readonly name: string;
  readonly declarations: readonly object[];
}

/** Modules as `deno doc` shows them, by URL. */
async function documented(modules: readonly string[]): Promise<Record<string, Node[]>> {
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--json", ...modules],
    env: { NO_COLOR: "1" },
    stderr: "null",
  }).output();
  assert(success);
  const { nodes } = JSON.parse(new TextDecoder().decode(stdout));
  return Object.fromEntries(
    // deno-lint-ignore no-explicit-any
    Object.entries<any>(nodes).map(([url, node]) => [url, node.symbols ?? node]),
  );
}

Deno.test("createAdmin: no type that it names is of an npm package", async () => {
  const done = new Set<string>();
  const outside: string[] = [];
  let wanted: (readonly [module: string, name: string])[] = [
    [new URL("../../src/admin/admin.ts", import.meta.url).href, "createAdmin"],
    [new URL("../../src/admin/admin.ts", import.meta.url).href, "Admin"],
    [new URL("../../src/admin/options.ts", import.meta.url).href, "ReloadError"],
  ];
  while (wanted.length > 0) {
    const modules = await documented([...new Set(wanted.map(([module]) => module))]);
    const next: (readonly [module: string, name: string])[] = [];
    for (const [module, name] of wanted) {
      if (done.has(`${module} ${name}`)) continue;
      done.add(`${module} ${name}`);
      const found = modules[module].filter((node) => node.name === name);
      assert(found.length > 0, `${module} ${name}`);
      for (const match of JSON.stringify(found).matchAll(/"resolution":({[^}]*})/g)) {
        const { kind, specifier, name } = JSON.parse(match[1]);
        if (kind === "import" && specifier.startsWith(".")) {
          next.push([new URL(specifier, module).href, name]);
        } else if (kind === "import") outside.push(`${module} ${specifier} ${name}`);
      }
      for (const [, inline] of JSON.stringify(found).matchAll(/"importType","value":({[^}]*})/g)) {
        outside.push(`${module} ${inline}`);
      }
      // What stands in the same module is not resolved further than that.
      for (const [, type] of JSON.stringify(found).matchAll(/"typeName":"([^"]*)"/g)) {
        if (modules[module].some((node) => node.name === type)) next.push([module, type]);
      }
    }
    wanted = next.filter(([module, name]) => !done.has(`${module} ${name}`));
  }
  assertEquals(outside, []);
  assert(done.size > 20, String(done.size));
});
