/**
 * The admin: what is happening, live, over HTTP. It reads; only its operations change anything, and
 * they are the proxy's own.
 *
 * @module
 */

import { explain } from "../policy/explain.ts";
import type { Proxy } from "../proxy.ts";
import { pens } from "../stats/pen.ts";
import { Stats } from "../stats/stats.ts";
import { version } from "../version.ts";
import { access } from "./access.ts";
import { type AdminContext, type OpenApiConfiguration, routes } from "./context.ts";
import { dashboard } from "./dashboard/page.tsx";
import { Deeds } from "./deeds.ts";
import { refuse } from "../http/errors.ts";
import type { AdminOptions } from "./options.ts";
import { localSource } from "./local_source.ts";
import { healthRoutes } from "./routes/health.ts";
import { operationRoutes } from "./routes/operations.ts";
import { policyRoutes } from "./routes/policy.ts";
import { sessionRoutes } from "./routes/sessions.ts";
import { statsRoutes } from "./routes/stats.ts";
import { transactionRoutes } from "./routes/transactions.ts";
import { securityHeaders } from "./security_headers.ts";
import type { AdminSource } from "./source.ts";
import { Viewers } from "./sse.ts";

/** An admin; give its `fetch` to a server, or mount it in an app. */
export interface Admin {
  /** Answers a request whose path is the one below the admin's own place. */
  readonly fetch: (request: Request) => Response | Promise<Response>;
  /** Ends live streams and stops counting. */
  close(): void;
}

/** The description of the API. */
const DESCRIPTION: OpenApiConfiguration = {
  openapi: "3.1.0",
  info: {
    title: "Sluice admin",
    version,
    description:
      "What a filtering SMTP proxy is doing, live, and what an operator can do about it.",
  },
  // Beside this description, wherever the admin is mounted.
  servers: [{ url: "." }],
  // Whether there are tokens is a matter of options.
  security: [{}, { token: [] }],
};

/**
 * Makes an admin.
 *
 * @example By itself
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { createProxy } from "@sluice/sluice";
 * import { createAdmin } from "@sluice/sluice/admin";
 *
 * const proxy = createProxy();
 * const admin = createAdmin(proxy);
 * const answer = await admin.fetch(new Request("http://localhost:8025/healthz"));
 * assertEquals(await answer.json(), { alive: true });
 * admin.close();
 * ```
 *
 * @example In an app
 * ```ts
 * import { Hono } from "hono";
 * import { createProxy } from "@sluice/sluice";
 * import { createAdmin } from "@sluice/sluice/admin";
 *
 * const admin = createAdmin(createProxy(), {
 *   tokens: { reader: ["a-token-that-is-long-enough"] },
 *   hosts: ["mail.example"],
 * });
 * const app = new Hono().mount("/mail", admin.fetch);
 * admin.close();
 * ```
 *
 * @throws {OptionError} If an option cannot be used.
 */
export function createAdmin(proxy: Proxy, options: AdminOptions = {}): Admin {
  const stats = new Stats({ clock: proxy.clock });
  const admin = adminOf(proxy, stats, options);
  const observing = proxy.observe(stats.observer);
  return {
    fetch: admin.fetch,
    close() {
      admin.close();
      observing[Symbol.dispose]();
    },
  };
}

/**
 * The same for statistics that somebody else keeps, and longer than one admin.
 *
 * @throws {OptionError} If an option cannot be used.
 */
export function adminOf(proxy: Proxy, stats: Stats, options: AdminOptions): Admin {
  const { clock } = proxy;
  const source = localSource({
    proxy,
    stats,
    pen: pens[options.addresses ?? "plain"],
    explain: options.explain ?? ((described) => explain(proxy.policy, described, { clock })),
  });
  return adminOver(source, { drain: (deadline) => proxy.close(deadline), ...options });
}

/** What an admin over any source can be told. */
export type OverOptions =
  & Omit<AdminOptions, "addresses" | "explain">
  & Required<Pick<AdminOptions, "drain">>;

/**
 * The same for whatever knows what is to be shown.
 *
 * @throws {OptionError} If an option cannot be used.
 */
export function adminOver(source: AdminSource, options: OverOptions): Admin {
  const viewers = new Viewers({ most: options.viewers });
  const app = adminApp({
    source,
    clock: source.clock,
    viewers,
    deeds: new Deeds(options.audit),
    tokens: options.tokens !== undefined,
    reload: options.reload,
    drain: options.drain,
  }, options);
  return { fetch: (request) => app.fetch(request), close: () => viewers.close() };
}

function adminApp(admin: AdminContext, { tokens, hosts }: OverOptions) {
  const app = routes();
  app.use(
    securityHeaders(),
    access({
      tokens,
      hosts,
      clock: admin.clock,
      wrong: (within) => {
        if (within) admin.deeds.note({ action: "wrong-token" });
        else admin.deeds.count("wrong-token");
      },
    }),
  );
  app.use(async (c, next) => {
    c.set("clock", admin.clock);
    await next();
  });
  app.get("/", async (c) => c.html(await dashboard(c.get("secureHeadersNonce")!, { version })));
  app.openAPIRegistry.registerComponent("securitySchemes", "token", {
    type: "http",
    scheme: "bearer",
  });
  app.doc31("/openapi.json", DESCRIPTION);
  app.route("/", healthRoutes(admin));
  app.route("/", statsRoutes(admin));
  app.route("/", sessionRoutes(admin));
  app.route("/", transactionRoutes(admin));
  app.route("/", policyRoutes(admin));
  app.route("/", operationRoutes(admin));
  app.notFound((c) => refuse(c, 404, "not-found", "Cannot find this path; see /openapi.json"));
  app.onError((error, c) => {
    if ("getResponse" in error) {
      return refuse(c, 400, "unreadable", "Cannot read the request: its body is no JSON");
    }
    return refuse(c, 500, "failed", "Cannot do this: something has failed");
  });
  return app;
}
