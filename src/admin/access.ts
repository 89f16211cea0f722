/**
 * Who may use the admin: by which name it is addressed, from which page (`http/origin.ts`), with
 * which token. A request of another page may also have a content type that no form can send; what is
 * no browser needs no more than the token.
 *
 * @module
 */

import type { Context, MiddlewareHandler } from "hono";
import type { Clock } from "../clock.ts";
import { bearer, challenge } from "../http/bearer.ts";
import { quoted, refuse } from "../http/errors.ts";
import { addressedHost, foreignPage, hostCheck, safe } from "../http/origin.ts";

/** What somebody may do: a reader looks, an operator does all that a reader may, and acts. */
export type Role = "reader" | "operator";

/** Tokens by the role that they give. */
export type TokenOptions = Readonly<Partial<Record<Role, readonly string[]>>>;

/** Who may use the admin. */
export interface AccessOptions {
  /**
   * Tokens by role. Default: none, and then everybody who addresses the admin by an allowed name is
   * an operator.
   */
  readonly tokens?: TokenOptions;
  /**
   * Hosts as which browsers may address the admin, as they stand in a URL and without port, besides
   * `localhost` and loopback addresses; with tokens, besides any IP address. Default: none.
   */
  readonly hosts?: readonly string[];
  /** Slows wrong tokens down. */
  readonly clock: Pick<Clock, "monotonic">;
  /** Told of each wrong token, and whether it is within the limit. Default: nobody. */
  readonly wrong?: (within: boolean) => void;
}

/** What `access` leaves in the context. */
export interface AccessVariables {
  /** Absent without a token where one is asked for. */
  role?: Role;
}

type Handler = MiddlewareHandler<{ Variables: AccessVariables }>;

/**
 * Refuses what is addressed to another host or comes from another page, and tells the role of the
 * rest: `c.get("role")`. It lets requests without a token pass, for `needs` to refuse.
 *
 * @throws {OptionError} For tokens that cannot be used, and for a host that is none.
 */
export function access({ tokens, hosts, clock, wrong }: AccessOptions): Handler {
  // No page can make an address its own, unlike a name; without tokens there is still no need.
  const ours = hostCheck(hosts, tokens === undefined ? "loopback" : "any");
  const roleOf = tokens && bearer<Role>({ tokens, clock, wrong });
  return async (c, next) => {
    const host = addressedHost(c);
    const refusal = ours(c, host) ?? foreignPage(c, host) ?? foreignContent(c);
    if (refusal !== undefined) return refusal;
    const role = roleOf === undefined ? "operator" : await roleOf(c);
    if (role instanceof Response) return role;
    if (role !== undefined) c.set("role", role);
    await next();
  };
}

/** Lets pass who has the role: 401 without any, 403 with too little. To be used after `access`. */
export function needs(role: Role): Handler {
  return async (c, next) => {
    const has = c.get("role");
    if (has === undefined) {
      return challenge(c, `Cannot do this without a token, allowed is one of role ${role}`);
    }
    if (has !== role && has !== "operator") {
      return refuse(
        c,
        403,
        "forbidden-role",
        `Cannot do this with a token of role ${has}, allowed is one of role ${role}`,
      );
    }
    await next();
  };
}

/** What refuses a change without the content type that no form can give, body or not. */
function foreignContent(c: Context): Response | undefined {
  if (safe.has(c.req.method)) return undefined;
  const type = c.req.header("content-type") ?? "";
  if (type.split(";", 1)[0].trim().toLowerCase() === "application/json") return undefined;
  return refuse(
    c,
    415,
    "unsupported-media-type",
    `Cannot ${c.req.method} with content type ${quoted(type)}, allowed is application/json`,
  );
}
