import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { adminOf } from "../../src/admin/admin.ts";
import { AdminError } from "../../src/admin/admin_error.ts";
import { type AdminClient, adminClient } from "../../src/admin/client.ts";
import { type AdminOptions, ReloadError } from "../../src/admin/options.ts";
import { OptionError } from "../../src/errors.ts";
import { definePolicy, reject } from "../../src/policy/mod.ts";
import { Stats } from "../../src/stats/stats.ts";
import { openSession } from "../../src/testing/mod.ts";
import { FakeClock, settle } from "../_clock.ts";

const policy = definePolicy({
  rcpt: ({ forwardPath }) =>
    forwardPath.localPart === "nobody" ? reject("550 5.1.1 Not here") : undefined,
});

/** A session that has sent one message and is still open, seen by an admin. */
async function seen(options: AdminOptions = {}, path = "") {
  const clock = new FakeClock();
  const stats = new Stats({ clock });
  const session = await openSession({ policy, observers: [stats.observer], clock });
  const admin = adminOf(session.proxy, stats, options);
  await send(session, "a", "b");
  const requests: Request[] = [];
  const clientWith = (token?: string): AdminClient =>
    adminClient(`http://localhost:8025${path}`, {
      token,
      clock,
      fetch: (request) => {
        requests.push(request);
        const { pathname, search } = new URL(request.url);
        const inner = new URL(pathname.slice(path.length) + search, request.url);
        return admin.fetch(new Request(inner, request));
      },
    });
  return {
    clock,
    session,
    admin,
    requests,
    clientWith,
    client: clientWith(),
    async [Symbol.asyncDispose]() {
      admin.close();
      await session[Symbol.asyncDispose]();
    },
  };
}

type Session = Awaited<ReturnType<typeof openSession>>;

async function send(session: Session, from: string, to: string): Promise<void> {
  await session.cmd(`MAIL FROM:<${from}@client.example>`, "250");
  await session.cmd(`RCPT TO:<${to}@mx.example>`);
  if (to === "nobody") await session.cmd("RSET", "250");
  else await session.message("Subject: Hi\r\n\r\nHello\r\n", "250");
}

/** The next value of a stream that goes on. */
async function next<T>(stream: AsyncGenerator<T>): Promise<T> {
  const { done, value } = await stream.next();
  assertEquals(done, false);
  return value;
}

const explained = { client: "192.0.2.1", from: "a@x.example", to: ["nobody@y.example"] };

Deno.test("each path has its method, and each method its path", async () => {
  await using one = await seen({ reload: () => Promise.resolve(), drain: () => Promise.resolve() });
  const { client, requests } = one;
  const { paths } = await client.description() as { paths: Record<string, object> };
  const described = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`)
  );
  const [{ id }] = (await client.transactions()).transactions;
  const [{ id: session }] = (await client.sessions()).sessions;
  await client.access();
  await client.health();
  await client.readiness();
  await client.metrics();
  await client.stats();
  await client.history();
  await client.session(session);
  await client.transaction(id);
  await client.policy();
  await client.explain(explained);
  await client.upstreams();
  await client.reload();
  await client.drain();
  const streams = [
    client.followStats(),
    client.followSession(session),
    client.followTransactions(),
  ];
  for (const stream of streams) {
    await stream.next();
    await stream.return(undefined);
  }
  await client.disconnect(session);
  const asked = new Set(requests.map(({ method, url }) => {
    const { pathname } = new URL(url);
    return `${method} ${pathname.replace(id, "{id}").replace(session, "{id}")}`;
  }));
  const undescribed = ["GET /metrics", "GET /openapi.json"];
  assertEquals([...asked].toSorted(), [...new Set([...described, ...undescribed])].toSorted());
});

Deno.test("answers come as they are", async () => {
  await using one = await seen({ reload: () => Promise.resolve(), drain: () => Promise.resolve() });
  const { client } = one;
  assertEquals(await client.access(), { role: "operator", tokens: false });
  assertEquals(await client.health(), { alive: true });
  assertMatch(await client.metrics(), /^sluice_/m);
  const stats = await client.stats();
  assertEquals([stats.transactions.accepted, stats.sessions.open], [1, 1]);
  const { step, series } = await client.history("1h");
  assertEquals(step * series.octets.length, 3_600_000);
  const { sessions: [session], total } = await client.sessions(1);
  assertEquals([session.client, session.hello, total], ["192.0.2.1", "client.example", 1]);
  const said = (await client.session(session.id)).dialogue.map(({ text }) => text);
  assert(said.includes("MAIL FROM:<a@client.example>"));
  const { transactions: [transaction] } = await client.transactions({ address: "a@client" });
  assertEquals([transaction.from, transaction.outcome], ["a@client.example", "accepted"]);
  assertEquals((await client.transactions({ outcome: "rejected" })).transactions, []);
  assertEquals((await client.transaction(transaction.id)).number, 1);
  assertEquals((await client.policy()).explainable, true);
  assertEquals((await client.explain(explained)).outcome, "refused");
  assertEquals((await client.upstreams()).map(({ name }) => name), ["default"]);
  assertEquals(await client.reload(), undefined);
  assertEquals((await client.drain(5)).drained, true);
  assertEquals(await client.disconnect(session.id), undefined);
});

Deno.test("an admin that is not ready is an answer", async () => {
  await using one = await seen();
  const { ready, checks } = await one.client.readiness();
  assertEquals([ready, checks.listening.good, checks.accepting.good], [false, false, true]);
});

Deno.test("refusals", async (t) => {
  const mistakes = ["line 1: no", "line 2: no"];
  await using one = await seen({
    tokens: { reader: ["reader-token-of-16"], operator: ["operator-token-of-16"] },
    reload: () => Promise.reject(new ReloadError(mistakes)),
  });
  const rows: Record<
    string,
    readonly [
      token: string | undefined,
      ask: (client: AdminClient) => Promise<unknown>,
      status: number,
      code: string,
    ]
  > = {
    "no token": [undefined, (c) => c.stats(), 401, "unauthorized"],
    "a wrong token": ["wrong-token-of-16-", (c) => c.stats(), 401, "unauthorized"],
    "a token for less": ["reader-token-of-16", (c) => c.drain(), 403, "forbidden-role"],
    "no such session": ["reader-token-of-16", (c) => c.session("x/../y?"), 404, "not-found"],
    "no such transaction": ["reader-token-of-16", (c) => c.transaction("x"), 404, "not-found"],
    "a session gone": ["operator-token-of-16", (c) => c.disconnect("x"), 404, "not-found"],
    "a bad query": ["reader-token-of-16", (c) => c.sessions(0), 422, "invalid"],
    "a bad body": ["operator-token-of-16", (c) => c.drain(-1), 422, "invalid"],
    "a configuration": ["operator-token-of-16", (c) => c.reload(), 422, "configuration"],
    "a stream": [undefined, (c) => c.followStats().next(), 401, "unauthorized"],
    "a stream of no session": [
      "reader-token-of-16",
      (c) => c.followSession("x").next(),
      404,
      "not-found",
    ],
    "a stream with a bad filter": [
      "reader-token-of-16",
      (c) => c.followTransactions({ address: "" }).next(),
      422,
      "invalid",
    ],
  };
  for (const [name, [token, ask, status, code]] of Object.entries(rows)) {
    await t.step(name, async () => {
      const error = await assertRejects(() => ask(one.clientWith(token)), AdminError, "Cannot");
      assertEquals([error.status, error.code], [status, code]);
      assertEquals(error.mistakes, name === "a configuration" ? mistakes : []);
    });
  }
  await t.step("without configuration", async () => {
    await using other = await seen();
    const error = await assertRejects(() => other.client.reload(), AdminError);
    assertEquals([error.status, error.code], [409, "not-reloadable"]);
  });
});

Deno.test("what is no admin", async (t) => {
  const html = { "content-type": "text/html" };
  const rows: Record<string, readonly [answer: () => Response, status: number, found: string]> = {
    "a page": [() => new Response("<p>", { headers: html }), 200, "status 200 and type text/html"],
    "an error page": [() => new Response("<p>", { status: 502, headers: html }), 502, "502"],
    "an error of something else": [
      () => Response.json({ error: "no" }, { status: 400 }),
      400,
      "400",
    ],
    "null": [() => Response.json(null, { status: 400 }), 400, "400"],
    "nothing": [() => new Response(null, { status: 204 }), 204, "type none"],
    "another place": [() => Response.redirect("http://other.example/", 302), 302, "302"],
  };
  for (const [name, [answer, status, found]] of Object.entries(rows)) {
    await t.step(name, async () => {
      const client = adminClient("http://localhost/", { fetch: answer });
      const error = await assertRejects(() => client.stats(), AdminError, found);
      assertEquals([error.status, error.code], [status, "no-admin"]);
      if (status > 500 || status === 204) return;
      const lost = await assertRejects(() => client.followStats().next(), AdminError, found);
      assertEquals([lost.status, lost.code], [status, "no-admin"]);
    });
  }
  await t.step("an event that is no JSON", async () => {
    const headers = { "content-type": "text/event-stream" };
    const answer = () => new Response("event: stats\ndata: {\n\n", { headers });
    const client = adminClient("http://localhost/", { fetch: answer });
    const error = await assertRejects(() => client.followStats().next(), AdminError, "an event");
    assertEquals(error.code, "no-admin");
  });
});

Deno.test("nobody there", async () => {
  const cause = new TypeError("connection refused");
  const client = adminClient("http://localhost/sluice", { fetch: () => Promise.reject(cause) });
  const error = await assertRejects(() => client.stats(), AdminError);
  assertEquals([error.status, error.code], [0, "unreachable"]);
  assertEquals(
    error.message,
    "Cannot reach the admin at http://localhost/sluice/: connection refused",
  );
  assertStrictEquals(error.cause, cause);
});

Deno.test("a redirection is not followed, with a token least of all", async () => {
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, ({ url }) => {
    assertStringIncludes(url, "/api/stats");
    return Response.redirect(new URL("/elsewhere", url), 307);
  });
  const client = adminClient(`http://127.0.0.1:${server.addr.port}`, { token: "secret" });
  const error = await assertRejects(() => client.stats(), AdminError);
  assertEquals([error.status, error.code], [307, "no-admin"]);
});

Deno.test("a signal gives a call up", async () => {
  const signal = AbortSignal.abort(new Error("enough"));
  const client = adminClient("http://localhost/", {
    fetch: ({ signal }) => Promise.reject(signal.reason),
  });
  await assertRejects(() => client.stats({ signal }), Error, "enough");
  assertEquals(await client.followStats({ signal }).next(), { done: true, value: undefined });
});

Deno.test("a stream goes on below a path, with the token, and ends with its signal", async () => {
  const token = "reader-token-of-16";
  await using one = await seen({ tokens: { reader: [token] } }, "/mail");
  const ending = new AbortController();
  const stream = one.clientWith(token).followStats({ signal: ending.signal });
  assertEquals((await next(stream)).transactions.accepted, 1);
  await send(one.session, "a", "b");
  const second = next(stream);
  await one.clock.advance(1000);
  assertEquals((await second).transactions.accepted, 2);
  assertEquals(one.requests.map(({ url }) => url), ["http://localhost:8025/mail/api/stats/stream"]);
  const last = stream.next();
  ending.abort();
  assertEquals((await last).done, true);
  assertEquals((await one.clientWith(token).stats()).viewers.open, 0);
});

Deno.test("a dialogue ends with its session, and is not asked for again", async () => {
  await using one = await seen();
  const { sessions: [{ id }] } = await one.client.sessions();
  const stream = one.client.followSession(id);
  const texts = (await next(stream)).lines.map(({ text }) => text);
  assert(texts.includes("MAIL FROM:<a@client.example>"));
  const later = next(stream);
  await one.session.cmd("NOOP", "250");
  await one.clock.advance(250);
  assertEquals((await later).lines[0].text, "NOOP");
  await one.session[Symbol.asyncDispose]();
  const rest = Array.fromAsync(stream);
  await one.clock.advance(1000);
  assertEquals((await rest).map(({ ended }) => ended), [true]);
  assertEquals(one.requests.filter(({ url }) => url.endsWith("/stream")).length, 1);
});

Deno.test("transactions go on after a lost connection where they stopped", async () => {
  await using one = await seen();
  const { clock, session, admin } = one;
  const lastEventIds: (string | null)[] = [];
  let cut = new AbortController();
  const client = adminClient("http://localhost/", {
    clock,
    async fetch(request) {
      lastEventIds.push(request.headers.get("last-event-id"));
      // The second attempt finds nobody, the third is refused for now.
      if (lastEventIds.length === 2) throw new TypeError("connection refused");
      if (lastEventIds.length === 3) {
        return Response.json({ error: { code: "too-many-viewers", message: "Cannot" } }, {
          status: 503,
        });
      }
      const response = await admin.fetch(request);
      cut = new AbortController();
      const body = response.body!.pipeThrough(new TransformStream(), { signal: cut.signal });
      return new Response(body, response);
    },
  });
  const ending = new AbortController();
  const losses: unknown[] = [];
  const stream = client.followTransactions({ outcome: "accepted" }, {
    signal: ending.signal,
    lost: (error, pause) =>
      losses.push(error instanceof AdminError ? error.code : error, pause > 0),
  });
  assertEquals(await next(stream), { transactions: [], skipped: 0 });
  const first = next(stream);
  await send(session, "c", "nobody");
  await send(session, "c", "d");
  await clock.advance(500);
  assertEquals((await first).transactions.map(({ from, to }) => [from, to[0].address]), [
    ["c@client.example", "d@mx.example"],
  ]);
  const second = next(stream);
  await settle();
  const loss = new Error("cut");
  cut.abort(loss);
  await send(session, "e", "f");
  await clock.advance(100_000);
  assertEquals((await second).transactions.map(({ from }) => from), ["e@client.example"]);
  assertEquals(lastEventIds, [null, "3", "3", "3"]);
  assertEquals(losses.filter((_, at) => at % 2 === 1), [true, true, true]);
  assertStrictEquals(losses[0], loss);
  assertEquals([losses[2], losses[4]], ["unreachable", "too-many-viewers"]);
  const last = stream.next();
  ending.abort();
  assertEquals((await last).done, true);
  await settle();
});

Deno.test("what cannot be used is refused when the client is made", async (t) => {
  const rows: readonly (readonly [url: string, token: string | undefined, option: string])[] = [
    ["", undefined, "url"],
    ["127.0.0.1:8025", undefined, "url"],
    ["localhost:8025", undefined, "url"],
    ["ftp://localhost/", undefined, "url"],
    ["http://user:secret@localhost/", undefined, "url"],
    ["http://localhost/?token=x", undefined, "url"],
    ["http://localhost/#dashboard", undefined, "url"],
    ["http://localhost/", "", "token"],
    ["http://localhost/", "secret\r\nX: y", "token"],
    ["http://localhost/", "secret secret", "token"],
  ];
  for (const [url, token, option] of rows) {
    await t.step(`${url} ${token ?? ""}`, () => {
      const error = assertThrows(() => adminClient(url, { token }), OptionError);
      assertEquals(error.option, option);
      assertEquals(error.message.includes("secret"), false);
    });
  }
  adminClient(new URL("https://[::1]:8025/a/b"), { token: "x" });
});
