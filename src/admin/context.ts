/**
 * What the admin's routes have in common.
 *
 * @module
 */

import { OpenAPIHono, type RouteConfig } from "@hono/zod-openapi";
import type { SecureHeadersVariables } from "hono/secure-headers";
import type { Clock } from "../clock.ts";
import type { Described, Explanation } from "../policy/explain.ts";
import type { Proxy } from "../proxy.ts";
import type { Pen } from "../stats/pen.ts";
import type { Stats } from "../stats/stats.ts";
import type { StatsView } from "../stats/views.ts";
import type { AccessVariables } from "./access.ts";
import { type ApiError, refuse } from "./errors.ts";
import type { z } from "zod";
import { failure } from "./schema.ts";
import type { Viewers } from "./sse.ts";

/** What routes work with. */
export interface AdminContext {
  readonly proxy: Proxy;
  readonly stats: Stats;
  readonly clock: Clock;
  readonly viewers: Viewers;
  /** Writes addresses. */
  readonly pen: Pen;
  /** Whether tokens are asked for. */
  readonly tokens: boolean;
  /** @throws {ReloadError} */
  readonly reload: (() => Promise<void>) | undefined;
  readonly explain: (described: Described) => Promise<Explanation>;
  readonly drain: (deadline: number) => Promise<void>;
}

/** Variables of a request. */
export interface AdminEnv {
  Variables: AccessVariables & SecureHeadersVariables;
}

/** An app for some of the routes, whose validators answer in the admin's one form. */
export function routes(): OpenAPIHono<AdminEnv> {
  return new OpenAPIHono<AdminEnv>({
    defaultHook: (result, c) => {
      if (result.success) return;
      const { message } = (result.error as z.ZodError).issues
        .map(({ path, message }) => ({ message: `${path.join(".")}: ${message}` }))[0];
      return refuse(c, 422, "invalid", `Cannot use the request: ${message}`);
    },
  });
}

/** An answer in JSON, as the description of a route wants it. */
export function json<T extends z.ZodType>(schema: T, description: string) {
  return { description, content: { "application/json": { schema } } };
}

/** An answer that goes on and on. */
export function eventStream<T extends z.ZodType>(schema: T, description: string) {
  return { description, content: { "text/event-stream": { schema } } };
}

/** Errors of a route, by status. */
export function errors<const S extends number>(
  ...described: readonly (readonly [status: S, description: string])[]
): Record<S, { description: string; content: { "application/json": { schema: typeof failure } } }> {
  const all = described.map(([status, description]) => [status, json(failure, description)]);
  return Object.fromEntries(all);
}

/** Errors that every route behind a token has. */
export const refusals = errors(
  [401, "No token, or a wrong one."],
  [403, "A token of another role, or a request of another page."],
  [422, "What was sent cannot be used."],
);

/** What was asked for does not exist. */
export const notFound = errors([404, "There is none with this id, or not any more."]);

/** Too many watch already. */
export const tooMany = errors([503, "Too many live streams are open."]);

/** What is no matter of statistics in {@linkcode StatsView}. */
export function statsOf({ stats, proxy, viewers }: AdminContext): StatsView {
  return stats.view({
    draining: proxy.closing,
    viewers: { open: viewers.open, dropped: viewers.dropped },
  });
}

export type { ApiError, RouteConfig };
