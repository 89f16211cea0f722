/**
 * Whose request for a WebSocket is granted.
 *
 * A browser lets any page open a WebSocket to any server that its user can reach, and says only in
 * `Origin` which page that is. So a request with one is refused unless that page is expected, and the
 * subprotocol has to be asked for by name.
 *
 * @module
 */

import { readBearer, Tokens } from "../http/tokens.ts";
import { SUBPROTOCOL } from "./websocket.ts";

/** Whose requests are granted. */
export interface UpgradeOptions {
  /**
   * Pages that may connect, as `Origin` names them: `https://mail.example`.
   *
   * @default none; what is no browser sends no `Origin`
   */
  readonly origins?: readonly string[];
  /**
   * Bearer tokens, one of which has to be in `Authorization` (RFC 6750 §2.1): at least 16 of the
   * characters A-Z a-z 0-9 . _ ~ + / -. A browser cannot send it.
   *
   * @default none is needed
   */
  readonly tokens?: readonly string[];
}

/** Why a request is not granted. */
export interface UpgradeRefusal {
  /** HTTP status. */
  readonly status: number;
  /** In words. */
  readonly text: string;
  /** What the response has to say besides. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Grants or refuses requests. */
export class UpgradeRules {
  readonly #origins: readonly string[];
  readonly #tokens: Tokens<"peer"> | undefined;

  /** @throws {OptionError} For a token that cannot be used. */
  constructor({ origins = [], tokens }: UpgradeOptions = {}) {
    this.#origins = origins;
    this.#tokens = tokens && new Tokens({ peer: tokens });
  }

  /** Why not; `undefined` where the request is granted. */
  async refusal(headers: Headers): Promise<UpgradeRefusal | undefined> {
    if (!names(headers.get("upgrade"), "websocket")) {
      return refusal(426, "SMTP over WebSocket is spoken here", {
        connection: "upgrade",
        upgrade: "websocket",
      });
    }
    if (!names(headers.get("sec-websocket-protocol"), SUBPROTOCOL)) {
      return refusal(400, `The subprotocol ${SUBPROTOCOL} has to be asked for`);
    }
    const origin = headers.get("origin");
    if (origin !== null && !this.#origins.includes(origin)) {
      return refusal(403, "This origin may not connect");
    }
    if (this.#tokens === undefined) return undefined;
    const token = readBearer(headers.get("authorization") ?? "");
    if (token !== undefined && await this.#tokens.roleOf(token) !== undefined) return undefined;
    return refusal(401, "A valid bearer token is needed", { "www-authenticate": "Bearer" });
  }
}

/** Whether a header's list has a name, in any case. */
export function names(list: string | null, name: string): boolean {
  return (list ?? "").toLowerCase().split(",").some((item) => item.trim() === name);
}

function refusal(
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): UpgradeRefusal {
  return { status, text, headers };
}
