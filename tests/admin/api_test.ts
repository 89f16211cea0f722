import { assert, assertEquals } from "@std/assert";
import { adminOf, createAdmin } from "../../src/admin/admin.ts";
import { rest } from "../_dialogue.ts";
import { ReloadError } from "../../src/admin/options.ts";
import { compose, definePolicy, quarantine } from "../../src/policy/mod.ts";
import { outcomes } from "../../src/stats/views.ts";
import { MemoryStore } from "../../src/upstream/capture.ts";
import {
  type Ask,
  asking,
  descriptionOf,
  idleListener,
  JSON_TYPE,
  letGo,
  read,
  sendMail,
  sorting,
  Viewer,
  type Watched,
  watched,
} from "./_admin.ts";
import { assertDescribed, assertOpenApi, type Description, operationsOf } from "./_openapi.ts";

const READER = "reader-0123456789abcdef";
const OPERATOR = "operator-0123456789abcdef";
const TOKENS = { reader: [READER], operator: [OPERATOR] };
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
/** One octet more than may be sent. */
const TOO_LARGE = `"${" ".repeat(2 * 1024 * 1024 - 1)}"`;

Deno.test("openapi.json: is valid, and stands beside the paths that it describes", async () => {
  await watched({}, async ({ ask }) => {
    const description = await descriptionOf(ask);
    assertOpenApi(description);
    assertEquals(description.servers, [{ url: "." }]);
    assert(operationsOf(description).has("GET /metrics"));
  });
});

/** Asks, and holds each answer to the description. */
class Examiner {
  readonly #seen = new Set<string>();

  constructor(readonly description: Description) {}

  /** @param name As `GET /api/sessions/{id}`. */
  async ask(
    ask: Ask,
    name: string,
    status: number,
    { path = name.split(" ")[1].replace("{id}", "x"), ...init }: RequestInit & { path?: string } =
      {},
  ): Promise<void> {
    const method = name.split(" ")[0];
    const headers = { ...method !== "GET" && JSON_TYPE, ...init.headers };
    const response = await ask(path, { ...init, method, headers });
    const type = response.headers.get("content-type") ?? "";
    assertEquals(response.status, status, `${name}: ${path}`);
    assertEquals(response.headers.get("cache-control"), "no-store", name);
    assertDescribed(this.description, name, status, type, await valueOf(response, type));
    this.#seen.add(`${name} ${status}`);
  }

  /** What is described and was never answered. */
  get missing(): string[] {
    return [...operationsOf(this.description)]
      .flatMap(([name, { responses }]) => Object.keys(responses).map((one) => `${name} ${one}`))
      .filter((one) => !this.#seen.has(one));
  }
}

async function valueOf(response: Response, type: string): Promise<unknown> {
  if (type === "text/event-stream") {
    const viewer = new Viewer(response);
    const told = await viewer.next();
    await viewer.leave();
    return told?.data;
  }
  const text = await response.text();
  return type === "application/json" ? JSON.parse(text) : text;
}

/** Who asks under a wrong name, from a wrong page, with a wrong token, or too much. */
async function refusals({ stage }: Watched, examiner: Examiner): Promise<void> {
  const admins = [TOKENS, undefined].map((tokens) => createAdmin(stage.proxy, { tokens }));
  const [guarded, open] = admins.map(asking);
  const operations = [...operationsOf(examiner.description)];
  for (const [name, { responses }] of operations) {
    const refused = (ask: Ask, status: number, init: RequestInit = {}) =>
      examiner.ask(ask, name, status, { body: name.startsWith("POST") ? "{}" : null, ...init });
    await refused(open, 400, { headers: { host: "a b" } });
    await refused(open, 421, { headers: { host: "evil.example" } });
    await refused(open, 403, { headers: { "sec-fetch-site": "cross-site" } });
    if (!["GET /healthz", "GET /api/access"].includes(name)) await refused(guarded, 401);
    if (responses[415] === undefined) continue;
    await refused(guarded, 403, { headers: bearer(READER) });
    await refused(open, 415, { headers: { "content-type": "text/plain" } });
    await refused(open, 413, { body: TOO_LARGE });
    const late = refused(open, 408, { body: new ReadableStream() });
    await rest();
    await stage.clock.advance(30_000);
    await late;
  }
  for (const [name] of operations) {
    await stage.clock.advance(6_000);
    await examiner.ask(guarded, name, 401, { headers: bearer("wrong-0123456789abcdef") });
  }
  for (let nth = 0; nth < 10; nth++) {
    await guarded("/healthz", { headers: bearer("wrong-0123456789abcdef") });
  }
  for (const [name] of operations) {
    await examiner.ask(guarded, name, 429, { headers: bearer("wrong-0123456789abcdef") });
  }
  for (const admin of admins) admin.close();
}

/** What is asked for is not there, or cannot be read. */
async function mistakes({ ask }: Watched, examiner: Examiner): Promise<void> {
  const long = "x".repeat(101);
  for (const path of ["/api/sessions", "/api/transactions"]) {
    await examiner.ask(ask, `GET ${path}`, 422, { path: `${path}?limit=0` });
    await examiner.ask(ask, `GET ${path}/{id}`, 404);
    await examiner.ask(ask, `GET ${path}/{id}`, 422, { path: `${path}/${long}` });
  }
  await examiner.ask(ask, "GET /api/sessions/{id}/stream", 404);
  await examiner.ask(ask, "GET /api/sessions/{id}/stream", 422, {
    path: `/api/sessions/${long}/stream`,
  });
  await examiner.ask(ask, "DELETE /api/sessions/{id}", 404);
  await examiner.ask(ask, "DELETE /api/sessions/{id}", 422, { path: `/api/sessions/${long}` });
  const path = "/api/transactions/stream?outcome=lost";
  await examiner.ask(ask, "GET /api/transactions/stream", 422, { path });
  await examiner.ask(ask, "GET /api/history", 422, { path: "/api/history?span=1y" });
  await examiner.ask(ask, "POST /api/policy/explain", 422, { body: "{}" });
  await examiner.ask(ask, "POST /api/policy/explain", 400, { body: "{" });
  await examiner.ask(ask, "POST /api/drain", 422, { body: `{"deadline":-1}` });
}

Deno.test("every answer that is described is given, and is as described", async () => {
  let mistaken = false;
  const reload = () =>
    mistaken ? Promise.reject(new ReloadError(["a.toml:1:1: wrong"])) : Promise.resolve();
  const holding = definePolicy({
    headers: ({ headers }) => headers.has("X-Held") ? quarantine() : undefined,
  });
  const proxy = { policy: compose(sorting, holding), quarantine: new MemoryStore() };
  await watched({ proxy, admin: { reload } }, async (all) => {
    const { stage, ask } = all;
    const examiner = new Examiner(await descriptionOf(ask));
    await sendMail(stage);
    const { client: held } = await stage.data();
    await held.send("X-Held: 1\r\n\r\n.\r\n");
    await held.expect("250 2.0.0 Ok");
    held.reset();
    await letGo(stage);
    const { client } = await stage.recipients();
    const { sessions: [session] } = await read(await ask("/api/sessions"));
    const { transactions } = await read(await ask("/api/transactions"));
    assertEquals(
      new Set(transactions.map(({ outcome }: { outcome: string }) => outcome)),
      new Set(outcomes),
    );
    for (const { id } of transactions) {
      const path = `/api/transactions/${id}`;
      await examiner.ask(ask, "GET /api/transactions/{id}", 200, { path });
    }
    const full = asking(adminOf(stage.proxy, all.stats, { viewers: 0 }));
    for (const where of ["stats", "transactions", "sessions/{id}"]) {
      const name = `GET /api/${where}/stream`;
      const path = `/api/${where.replace("{id}", session.id)}/stream`;
      const headers = { "last-event-id": "0" };
      await examiner.ask(ask, name, 200, { path, headers });
      await examiner.ask(full, name, 503, { path });
    }
    for (const where of ["stats", "history", "sessions", "transactions", "policy", "upstreams"]) {
      await examiner.ask(ask, `GET /api/${where}`, 200);
    }
    for (const where of ["/healthz", "/api/access", "/metrics"]) {
      await examiner.ask(ask, `GET ${where}`, 200);
    }
    await examiner.ask(ask, "GET /readyz", 503);
    const listener = idleListener();
    const served = stage.proxy.serve(listener);
    await examiner.ask(ask, "GET /readyz", 200);
    listener.close();
    await served;

    const body = JSON.stringify({
      client: "192.0.2.1",
      from: "a@client.example",
      to: ["absent@upstream.example", "b@upstream.example"],
    });
    await examiner.ask(ask, "POST /api/policy/explain", 200, { body });
    await watched({}, (others) => refusals(others, examiner));
    await mistakes(all, examiner);
    await examiner.ask(ask, "POST /api/reload", 200);
    mistaken = true;
    await examiner.ask(ask, "POST /api/reload", 422);

    const path = `/api/sessions/${session.id}`;
    await examiner.ask(ask, "GET /api/sessions/{id}", 200, { path });
    await examiner.ask(ask, "DELETE /api/sessions/{id}", 200, { path });
    await client.expect("421 *");
    await examiner.ask(ask, "POST /api/drain", 200);
    await examiner.ask(ask, "POST /api/reload", 409);
    assertEquals(examiner.missing, []);
  });
});
