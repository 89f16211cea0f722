/**
 * By which name we are addressed, and from which page.
 *
 * A browser on somebody's machine reaches what strangers do not, and runs strangers' pages. So
 * loopback alone protects nothing: a page may lead a name of its own to 127.0.0.1 (DNS rebinding),
 * and then the Host header shows that name; or it may send a request to us under our name, and then
 * Origin and Sec-Fetch-Site show the page. What is no browser sends none of these.
 *
 * @module
 */

import type { Context } from "hono";
import { OptionError } from "../errors.ts";
import { loopback, Networks } from "../networks.ts";
import { quoted, refuse } from "./errors.ts";

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
export function addressedHost(c: Context): string {
  return c.req.header("host") ?? /^https?:\/\/([^/?#]*)/i.exec(c.req.url)?.[1] ?? "";
}

/**
 * What refuses a request that is addressed to somebody else.
 *
 * @param hosts Allowed besides `localhost` and addresses; as in a URL, without port.
 * @param addresses Which IP addresses are allowed.
 * @throws {OptionError} For a host that is none.
 */
export function hostCheck(
  hosts: readonly string[] = [],
  addresses: "any" | "loopback",
): (c: Context, host: string) => Response | undefined {
  const names = new Set(["localhost"]);
  for (const [place, text] of hosts.entries()) {
    if (!wholeHost.test(text)) {
      throw new OptionError(
        `hosts[${place}]`,
        text,
        "a host name, an IPv4 address or an [IPv6 address], without port",
      );
    }
    names.add(text.toLowerCase());
  }
  const [networks, which] = addresses === "loopback"
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
    if (names.has(host) || networks.has(address)) return undefined;
    return refuse(
      c,
      421,
      "forbidden-host",
      `Cannot answer as ${quoted(host)}, allowed are localhost, ${which} and configured hosts`,
    );
  };
}

/** Methods that change nothing. */
export const safe: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * What refuses a request that the page of another origin has made.
 *
 * A preflight carries the Origin of such a page and ends here too, without any CORS header.
 */
export function foreignPage(c: Context, host: string): Response | undefined {
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
