import { assert, assertEquals } from "@std/assert";
import type { AdminDeed } from "../../src/admin/deeds.ts";
import { codeOf, letGo, post, read, watched } from "./_admin.ts";

const OPERATOR = "operator-0123456789abcdef";
const READER = "reader-0123456789abcdef";
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

Deno.test("deeds: each is told and counted, and what was refused is none", async () => {
  const deeds: AdminDeed[] = [];
  const admin = {
    tokens: { operator: [OPERATOR], reader: [READER] },
    reload: () => Promise.resolve(),
    audit: (deed: AdminDeed) => void deeds.push(deed),
  };
  await watched({ admin }, async ({ stage, ask }) => {
    const client = await stage.ready();
    const headers = bearer(OPERATOR);
    const { sessions: [{ id }] } = await read(await ask("/api/sessions", { headers }));
    const end = (id: string, token: string) =>
      ask(`/api/sessions/${id}`, { ...post({}, bearer(token)), method: "DELETE" });
    assertEquals(await codeOf(await end(id, READER)), "forbidden-role");
    assertEquals(await codeOf(await end("none", OPERATOR)), "not-found");
    await read(await ask("/api/stats", { headers }));
    assertEquals(deeds, []);

    await read(await end(id, OPERATOR));
    await client.expect("421 *");
    client.close();
    await read(await ask("/api/reload", post({}, headers)));
    await read(await ask("/api/drain", post({}, headers)));
    assertEquals(await codeOf(await ask("/api/reload", post({}, headers))), "draining");
    const role = "operator";
    assertEquals(deeds, [
      { action: "disconnect", id, role },
      { action: "reload", role },
      { action: "drain", role },
    ]);

    // Who guesses many is told of ten times at once, and counted each time.
    for (let nth = 0; nth < 15; nth++) {
      await (await ask("/healthz", { headers: bearer(`wrong-${nth}-0123456789abc`) })).text();
    }
    assertEquals(deeds.slice(3), Array(10).fill({ action: "wrong-token" }));
    for (let nth = 0; nth < 2; nth++) {
      const metrics = await (await ask("/metrics", { headers })).text();
      for (const [action, count] of [["reload", 1], ["wrong-token", 15]] as const) {
        const line = `\nsluice_admin_deeds_total{action="${action}"} ${count}\n`;
        assert(metrics.includes(line), line);
      }
    }
    await letGo(stage);
  });
});
