/**
 * Who may use the admin: by which name it is addressed, from which page, with which token.
 *
 * A browser on the operator's machine reaches what strangers do not, and runs strangers' pages. So
 * loopback alone protects nothing: a page may lead a name of its own to 127.0.0.1 (DNS rebinding),
 * and then the Host header shows that name; or it may send a request to us under our name, and then
 * Origin and Sec-Fetch-Site show the page, or the content type what a form cannot send. What is no
 * browser sends none of these, and needs no more than the token.
 *
 * @module
 */

import type { Context, MiddlewareHandler } from "hono";
import type { Clock } from "../clock.ts";
import { OptionError } from "../errors.ts";
import { loopback, Networks } from "../networks.ts";
import { quoted, refuse } from "./errors.ts";
import { readBearer, type Role, type TokenOptions, Tokens, WrongTokens } from "./tokens.ts";

export type { Role, TokenOptions };

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
export function access(options: AccessOptions): Handler {
  const ours = hostCheck(options);
  const tokens = options.tokens === undefined ? undefined : new Tokens(options.tokens);
  const wrong = new WrongTokens(options.clock);
  return async (c, next) => {
    const host = addressedHost(c);
    const refusal = ours(c, host) ?? foreignPage(c, host) ?? foreignContent(c);
    if (refusal !== undefined) return refusal;
    if (tokens === undefined) {
      c.set("role", "operator");
      return await next();
    }
    const authorization = c.req.header("authorization");
    if (authorization === undefined) return await next();
    const token = readBearer(authorization);
    if (token === undefined) {
      return challenge(c, "Cannot read the Authorization header, allowed is: Bearer, a token");
    }
    const role = await tokens.roleOf(token);
    if (role === undefined) {
      const seconds = wrong.note();
      options.wrong?.(seconds === 0);
      return wrongToken(c, seconds);
    }
    c.set("role", role);
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

/** A host as browsers send it, in ASCII and without a user (RFC 9110 §7.2). */
const hostForm = "(\\[[0-9a-f.]*:[0-9a-f:.]*\\]|[a-z0-9._-]{1,253})";
const wholeHost = new RegExp(`^${hostForm}$`, "i");
const hostAndPort = new RegExp(`^${hostForm}(?::[0-9]{1,5})?$`, "i");

/**
 * The host and port to which a request is addressed, as it was sent.
 *
 * Over HTTP/2 there is no Host header, and runtimes show `:authority` in the URL (RFC 9113 §8.3.1).
 * A browser always sends one of them.
 */
function addressedHost(c: Context): string {
  return c.req.header("host") ?? /^https?:\/\/([^/?#]*)/i.exec(c.req.url)?.[1] ?? "";
}

/** What refuses a request that is addressed to somebody else. */
function hostCheck(options: AccessOptions): (c: Context, host: string) => Response | undefined {
  const names = new Set(["localhost"]);
  for (const [place, text] of (options.hosts ?? []).entries()) {
    if (!wholeHost.test(text)) {
      throw new OptionError(
        `hosts[${place}]`,
        text,
        "a host name, an IPv4 address or an [IPv6 address], without port",
      );
    }
    names.add(text.toLowerCase());
  }
  // No page can make an address its own, unlike a name; without tokens there is still no need.
  const [addresses, which] = options.tokens === undefined
    ? [new Networks(loopback), "loopback addresses"]
    : [new Networks(["0.0.0.0/0", "::/0"]), "IP addresses"];
  return (c, sent) => {
    const host = hostAndPort.exec(sent)?.[1].toLowerCase();
    if (host === undefined) {
      // RFC 9112 §3.2
      return refuse(
        c,
        400,
        "bad-host",
        `Cannot read Host ${quoted(sent)}, allowed is one name or IP address, perhaps with a port`,
      );
    }
    const address = host.startsWith("[") ? host.slice(1, -1) : host;
    if (names.has(host) || addresses.has(address)) return undefined;
    return refuse(
      c,
      421,
      "forbidden-host",
      `Cannot answer as ${quoted(host)}, allowed are localhost, ${which} and configured hosts`,
    );
  };
}

/** Methods that change nothing. */
const safe: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * What refuses a request that the page of another origin has made.
 *
 * A preflight carries the Origin of such a page and ends here too, without any CORS header.
 */
function foreignPage(c: Context, host: string): Response | undefined {
  const origin = c.req.header("origin");
  if (origin !== undefined && !isSameOrigin(origin, host)) {
    return refuse(
      c,
      403,
      "forbidden-origin",
      `Cannot answer a page of ${quoted(origin)}, allowed are those of this host and port`,
    );
  }
  const site = c.req.header("sec-fetch-site") ?? "none";
  if (site === "same-origin" || site === "none" || isFollowedLink(c)) return undefined;
  return refuse(
    c,
    403,
    "forbidden-site",
    `Cannot answer a ${quoted(site)} page, allowed are same-origin ones and links to here`,
  );
}

/** Whatever the scheme: behind a proxy that speaks TLS we do not know the one that is meant. */
function isSameOrigin(origin: string, host: string): boolean {
  const [sent, ours] = [origin.toLowerCase(), host.toLowerCase()];
  return sent === `http://${ours}` || sent === `https://${ours}`;
}

/** Whether the browser goes to another page as a whole, of which the one before sees nothing. */
function isFollowedLink(c: Context): boolean {
  return safe.has(c.req.method) && c.req.header("sec-fetch-dest") === "document";
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

/** Asks for a token (RFC 6750 §3). */
function challenge(c: Context, message: string, error = ""): Response {
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
