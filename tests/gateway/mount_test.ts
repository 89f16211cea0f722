import { assert, assertEquals } from "@std/assert";
import { Hono } from "hono";
import { createAdmin } from "../../src/admin/admin.ts";
import { createGateway } from "../../src/gateway/gateway.ts";
import { createProxy } from "../../src/proxy.ts";
import { CaptureUpstream, MemoryStore } from "../../src/upstream/capture.ts";
import { FakeClock } from "../_clock.ts";
import { type Description, mistakes } from "../admin/_openapi.ts";
import { MESSAGE, read } from "./_gateway.ts";

const HOST = "http://localhost:8025";
const POST = {
  method: "POST",
  headers: { "content-type": "message/rfc822" },
  body: MESSAGE,
};

Deno.test("mounted beside the admin, which sees what the gateway sends", async () => {
  const clock = new FakeClock();
  const store = new MemoryStore();
  const upstream = new CaptureUpstream("capture:", store);
  const proxy = createProxy({ clock, upstream, trace: false });
  const admin = createAdmin(proxy);
  const gateway = createGateway(proxy, { client: (_request, info: string) => info });
  const app = new Hono()
    .get("/", (c) => c.text("home"))
    .mount("/sluice", admin.fetch)
    .mount("/mail", gateway.fetch);
  // What the server tells an app reaches what is mounted in it.
  const ask = (path: string, init?: RequestInit) =>
    app.fetch(new Request(HOST + path, init), "192.0.2.7");

  await read(await ask("/mail/messages?from=a@x.example&to=b@y.example", POST), 200);
  assertEquals(new TextDecoder().decode(store.messages[0].content), MESSAGE);
  const { transactions } = await read(await ask("/sluice/api/transactions"), 200);
  assertEquals(transactions.length, 1);
  assertEquals(transactions[0].outcome, "accepted");
  assertEquals(transactions[0].client, "192.0.2.7");
  assertEquals(transactions[0].listener, "gateway");
  assertEquals(await (await ask("/")).text(), "home");

  // It is not the gateway's proxy to close.
  await gateway.close();
  assertEquals(proxy.closing, false);
  admin.close();
  await proxy.close();
  assertEquals(clock.timers, 0);
});

Deno.test("the description says what is answered", async () => {
  const gateway = createGateway({ clock: new FakeClock() });
  const ask = (path: string, init?: RequestInit) => gateway.fetch(new Request(HOST + path, init));
  const description: Description = await read(await ask("/openapi.json"), 200);
  assertEquals(description.openapi, "3.1.0");
  assertEquals(description.servers, [{ url: "." }]);
  assertEquals(Object.keys(description.paths), ["/messages"]);
  const { post } = description.paths["/messages"];
  assertEquals(Object.keys(post.requestBody!.content), [
    "message/rfc822",
    "message/global",
    "multipart/form-data",
  ]);
  for (
    const [query, init, status] of [
      ["?from=a@x.example&to=b@y.example&to=c@y.example", POST, 200],
      ["", POST, 400],
      ["?from=&to=b@y.example", { ...POST, body: "Hi\n" }, 422],
      ["?from=&to=b@y.example", { ...POST, headers: {} }, 415],
    ] as const
  ) {
    const body = await read(await ask(`/messages${query}`, init), status);
    const { schema } = post.responses[status].content["application/json"];
    assertEquals(mistakes(description, schema, body), [], `${status}`);
  }
  for (const status of [200, 207, 400, 401, 403, 408, 409, 413, 415, 421, 422, 429, 503]) {
    assert(post.responses[status] !== undefined, `${status}`);
  }
  await gateway.close();
});

Deno.test("a gateway with a proxy of its own closes it", async () => {
  const gateway = createGateway({ hostname: "mx.example" });
  await gateway.close();
  assertEquals(gateway.proxy.closing, true);
});
