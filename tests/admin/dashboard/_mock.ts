/**
 * An admin without a proxy behind it: the dashboard's page, and an API that makes its answers up.
 *
 * @module
 */

import { type Context, Hono } from "hono";
import type { SecureHeadersVariables } from "hono/secure-headers";
import { dashboard } from "../../../src/admin/dashboard/page.tsx";
import { securityHeaders } from "../../../src/admin/security_headers.ts";
import type { TransactionDetail } from "../../../src/stats/views.ts";
import { explanation, history, rules, session, stats, upstreams } from "./_traffic.ts";
import { perSecond, transaction } from "./_transactions.ts";

/** How the mock behaves. */
export interface MockOptions {
  /** Asked for where there is one. @default none is */
  readonly token?: string;
  /** Where it is mounted. @default at the root */
  readonly base?: string;
  /** Milliseconds since 1970 of the start. */
  readonly startedAt: number;
}

/** The mock, and what was done to it. */
export interface Mock {
  readonly fetch: (request: Request) => Response | Promise<Response>;
  /** Method and path of everything but GET, with its body where it has one. */
  readonly done: string[];
  /** Waits until so many event streams are open. */
  readonly streams: (open: number) => Promise<void>;
}

/** Makes one. Its event streams end when their readers go. */
export function mock({ token, base = "", startedAt }: MockOptions): Mock {
  const done: string[] = [];
  const gone = new Set<string>();
  let draining = false;
  let streams = 0;
  const waiting: (readonly [open: number, resolve: () => void])[] = [];
  const count = (change: number) => {
    streams += change;
    for (const [open, resolve] of waiting) if (open === streams) resolve();
  };
  const newest = () => Math.floor((Date.now() - startedAt) * perSecond / 1000);

  const events = (
    every: number,
    next: (tick: number) => readonly [event: string, data: unknown],
  ) => {
    let timer: ReturnType<typeof setInterval>;
    let tick = 0;
    const encoder = new TextEncoder();
    const body = new ReadableStream<Uint8Array>({
      start(out) {
        count(1);
        const send = () => {
          const [event, data] = next(tick++);
          const text = `id: ${tick}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
          out.enqueue(encoder.encode(text));
        };
        send();
        timer = setInterval(send, every);
      },
      cancel() {
        clearInterval(timer);
        count(-1);
      },
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  };

  const filtered = (c: Context) => {
    const { address, client, outcome, rule, reply } = c.req.query();
    const has = (text: string | undefined, part: string | undefined) =>
      part === undefined || (text ?? "").includes(part);
    return (one: TransactionDetail) =>
      [one.from, ...one.to.map(({ address }) => address)].some((text) => has(text, address)) &&
      (has(one.client, client) || has(one.name, client)) &&
      (outcome === undefined || one.outcome === outcome) &&
      has(one.rule, rule) && has(one.reply, reply);
  };
  const missing = (c: Context, what: string) =>
    c.json({ error: { code: "not-found", message: `There is no ${what} of that id` } }, 404);

  const app = new Hono<{ Variables: SecureHeadersVariables }>({ strict: false }).basePath(base);
  app.use(securityHeaders());
  app.use(async (c, next) => {
    if (c.req.method !== "GET") {
      const path = c.req.path.slice(base.length);
      done.push(`${c.req.method} ${path} ${await c.req.text()}`);
    }
    await next();
  });
  const authorised = (c: Context) =>
    token === undefined || c.req.header("authorization") === `Bearer ${token}`;
  app.get(
    "/api/access",
    (c) => c.json({ role: authorised(c) ? "operator" : null, tokens: token !== undefined }),
  );
  app.use("/api/*", async (c, next) => {
    if (authorised(c)) return await next();
    return c.json({ error: { code: "unauthorized", message: "A token is needed" } }, 401);
  });
  app.get(
    "/",
    (c) => c.html(dashboard(c.get("secureHeadersNonce")!, { version: "0.1.0" })),
  );
  app.get(
    "/api/stats/stream",
    () => events(250, () => ["stats", stats(Date.now(), startedAt, draining, streams)]),
  );
  app.get("/api/history", (c) => c.json(history(c.req.query("span") ?? "5m", Date.now())));
  app.get("/api/sessions", (c) => {
    const all = Array.from({ length: 60 }, (_, place) => session(place, Date.now()));
    const open = all.filter(({ id }) => !gone.has(id));
    return c.json({ sessions: open, total: 1_240 });
  });
  app.get("/api/sessions/:id", (c) => {
    const id = c.req.param("id");
    if (gone.has(id)) return missing(c, "session");
    return c.json(session(Number(id.slice(1)) || 0, Date.now()));
  });
  app.get("/api/sessions/:id/stream", (c) =>
    events(300, (tick) => {
      const text = tick % 2 ? "250 2.1.5 Ok" : `RCPT TO:<user${tick}@mx.example>`;
      const from = tick % 2 ? "server" : "client";
      const took = tick % 2 ? 12.5 : undefined;
      const lines = [{ number: 6 + tick, at: Date.now(), from, text, took }];
      return ["dialogue", { lines, ended: gone.has(c.req.param("id")) }];
    }));
  app.delete("/api/sessions/:id", (c) => {
    gone.add(c.req.param("id"));
    return c.json({ disconnected: true });
  });
  app.get("/api/transactions", (c) => {
    const limit = Number(c.req.query("limit") ?? 50);
    const matches = filtered(c);
    const found: TransactionDetail[] = [];
    let number = Number(c.req.query("before") ?? newest() + 1) - 1;
    for (; number > 0 && found.length < limit && newest() - number < 20_000; number--) {
      const one = transaction(number, startedAt);
      if (matches(one)) found.push(one);
    }
    return c.json({
      transactions: found,
      next: found.length === limit ? found.at(-1)!.number : undefined,
    });
  });
  app.get("/api/transactions/stream", (c) => {
    let last = newest();
    const matches = filtered(c);
    return events(500, () => {
      const all = Array.from(
        { length: Math.min(newest() - last, 3_000) },
        (_, place) => transaction(last + place + 1, startedAt),
      ).filter(matches);
      last = newest();
      return ["transactions", {
        transactions: all.slice(-20).toReversed(),
        skipped: Math.max(0, all.length - 20),
      }];
    });
  });
  app.get("/api/transactions/:id", (c) => {
    const number = parseInt(c.req.param("id").slice(1), 36);
    if (!(number > 0 && number <= newest())) return missing(c, "transaction");
    return c.json(transaction(number, startedAt));
  });
  app.get("/api/policy", (c) => c.json({ rules, explainable: true, reloadable: true }));
  app.post("/api/policy/explain", async (c) => c.json(explanation(await c.req.json())));
  app.post("/api/reload", (c) =>
    c.json({
      error: {
        code: "bad-configuration",
        message: "The configuration was not taken over: 2 mistakes",
        mistakes: ["sluice.toml:14: unknown key “lisen”", "sluice.toml:31: “5x” is no duration"],
      },
    }, 422));
  app.post("/api/drain", (c) => {
    draining = true;
    return c.json({ drained: true, took: 3_204 });
  });
  app.get("/api/upstreams", (c) => c.json({ upstreams: upstreams(Date.now()) }));

  return {
    fetch: (request) => app.fetch(request),
    done,
    streams: (open) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting.push([open, resolve]);
      count(0);
      return promise;
    },
  };
}
