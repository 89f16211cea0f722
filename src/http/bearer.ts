/**
 * Whose token a request bears (RFC 6750), and what is answered to one without or with a wrong one.
 *
 * @module
 */

import type { Context } from "hono";
import type { Clock } from "../clock.ts";
import { refuse } from "./errors.ts";
import { readBearer, Tokens, WrongTokens } from "./tokens.ts";

/** What is needed to know a token. */
export interface BearerOptions<Role extends string> {
  /** At least one, by what it gives. */
  readonly tokens: Readonly<Partial<Record<Role, readonly string[]>>>;
  /** Slows wrong tokens down. */
  readonly clock: Pick<Clock, "monotonic">;
  /** Told of each wrong token, and whether it is within the limit. Default: nobody. */
  readonly wrong?: (within: boolean) => void;
}

/**
 * Makes a reader of tokens.
 *
 * @returns Tells what a request's token gives, `undefined` for one without a token, or the answer to
 * one that is wrong.
 * @throws {OptionError} For tokens that cannot be used.
 */
export function bearer<Role extends string>(
  options: BearerOptions<Role>,
): (c: Context) => Promise<Role | Response | undefined> {
  const tokens = new Tokens(options.tokens);
  const wrong = new WrongTokens(options.clock);
  return async (c) => {
    const authorization = c.req.header("authorization");
    if (authorization === undefined) return undefined;
    const token = readBearer(authorization);
    if (token === undefined) {
      return challenge(c, "Cannot read the Authorization header, allowed is: Bearer, a token");
    }
    const role = await tokens.roleOf(token);
    if (role !== undefined) return role;
    const seconds = wrong.note();
    options.wrong?.(seconds === 0);
    return wrongToken(c, seconds);
  };
}

/** Asks for a token (RFC 6750 §3). */
export function challenge(c: Context, message: string, error = ""): Response {
  c.header("www-authenticate", `Bearer realm="sluice"${error}`);
  return refuse(c, 401, "unauthorized", message);
}

/** @param seconds After which another wrong token may come; 0: this one was within the limit. */
function wrongToken(c: Context, seconds: number): Response {
  if (seconds === 0) return challenge(c, "Cannot accept this token", `, error="invalid_token"`);
  c.header("retry-after", String(seconds));
  return refuse(
    c,
    429,
    "too-many-wrong-tokens",
    `Cannot accept this token, nor tell of more wrong ones for ${seconds} s`,
  );
}
