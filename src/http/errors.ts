/**
 * The one form in which we say no over HTTP.
 *
 * @module
 */

import type { Context, TypedResponse } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";

/** The body of every answer of 400 and above. */
export interface ApiError {
  error: {
    /** For programs, and never changed: `forbidden-host`. */
    code: string;
    /** For people: what was attempted, what was found, what is allowed. */
    message: string;
  };
}

/**
 * Answers with an error.
 *
 * @param status 400 to 599.
 * @param message What was attempted, found and allowed; no secret.
 */
export function refuse<Status extends ContentfulStatusCode>(
  c: Context,
  status: Status,
  code: string,
  message: string,
): Response & TypedResponse<ApiError, Status, "json"> {
  return c.json<ApiError, Status>({ error: { code, message } }, status);
}

/** A stranger's text as it may stand in a message: in quotes, its first 100 characters. */
export function quoted(text: string): string {
  return `"${text.slice(0, 100)}"`;
}
