/**
 * What the admin's routes have in common.
 *
 * @module
 */

import { OpenAPIHono, type RouteConfig } from "@hono/zod-openapi";
import type { Context, MiddlewareHandler } from "hono";
import type { SecureHeadersVariables } from "hono/secure-headers";
import type { Clock } from "../clock.ts";
import type { StatsView } from "../stats/views.ts";
import { type AccessVariables, needs } from "./access.ts";
import { type BodyVariables, bounded } from "./body.ts";
import type { Deeds } from "./deeds.ts";
import { type ApiError, refuse } from "../http/errors.ts";
import type { z } from "zod";
import { failure } from "./schema.ts";
import { type AdminSource, type Awaitable, use } from "./source.ts";
import type { Viewers } from "./sse.ts";
import { EVENT_STREAM_HEADERS } from "./sse_format.ts";

/** Characters of a complaint about a request: it may name what stands in it. */
const COMPLAINT = 200;

/** What routes work with. */
export interface AdminContext {
  readonly source: AdminSource;
  readonly clock: Clock;
  readonly viewers: Viewers;
  readonly deeds: Deeds;
  /** Whether tokens are asked for. */
  readonly tokens: boolean;
  /** @throws {ReloadError} */
  readonly reload: (() => Promise<void>) | undefined;
  readonly drain: (deadline: number) => Promise<void>;
}

/** Variables of a request. */
export interface AdminEnv {
  Variables: AccessVariables & BodyVariables & SecureHeadersVariables;
}

/** An app for some of the routes, whose validators answer in the admin's one form. */
export function routes(): OpenAPIHono<AdminEnv> {
  return new OpenAPIHono<AdminEnv>({
    defaultHook: (result, c) => {
      if (result.success) return;
      const [{ path, message }] = (result.error as z.ZodError).issues;
      const why = [...path, message].join(": ").slice(0, COMPLAINT);
      return refuse(c, 422, "invalid", `Cannot use the request: ${why}`);
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

/** Errors that every route has: who asks, under which name, from which page. */
export const strangers = errors(
  [400, "No Host that can be read, or a body that is no JSON."],
  [401, "No token, or a wrong one."],
  [403, "A token of another role, or a request of another page."],
  [421, "The Host is none of the admin's."],
  [429, "A wrong token again, after too many."],
);

/** Errors that a route has that is told something. */
export const refusals = {
  ...strangers,
  ...errors([422, "What was sent cannot be used."]),
};

/** Errors that every route has that changes something. */
export const changes = {
  ...refusals,
  ...errors(
    [408, "The body did not come in 30 seconds."],
    [413, "The body is larger than 2 MiB."],
    [415, "The content type is not application/json, which it has to be without a body too."],
  ),
};

/** Who changes something is an operator, and says it in few words. */
export const operator: MiddlewareHandler<AdminEnv>[] = [needs("operator"), bounded];

/** What was asked for does not exist. */
export const notFound = errors([404, "There is none with this id, or not any more."]);

/** Too many watch already. */
export const tooMany = errors([503, "Too many live streams are open."]);

/**
 * Answers with a live stream, or 503. HEAD is answered without one: nobody would read it.
 *
 * @param open Lets the viewer in, if there is room.
 */
export function live(c: Context, open: () => Response | undefined) {
  if (c.req.method === "HEAD") return c.body(null, 200, EVENT_STREAM_HEADERS);
  return open() ?? refuse(c, 503, "too-many-viewers", "Cannot open another live stream");
}

/** What goes on as a whole, with who watches. */
export function statsOf({ source, viewers }: AdminContext): Awaitable<StatsView> {
  return use(source.stats(), (stats) => ({
    ...stats,
    viewers: { open: viewers.open, dropped: viewers.dropped },
  }));
}

/** The description of the API as a whole. */
export type OpenApiConfiguration = Parameters<OpenAPIHono["getOpenAPI31Document"]>[0];

export type { ApiError, RouteConfig };
