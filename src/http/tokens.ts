/**
 * Bearer tokens (RFC 6750): whose they are, and how many wrong ones are listened to.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { OptionError } from "../errors.ts";

/** RFC 6750 §2.1: b64token. Nothing else can be sent. */
const tokenForm = "[A-Za-z0-9._~+/-]+=*";
const wholeToken = new RegExp(`^${tokenForm}$`);
const credentials = new RegExp(`^Bearer +(${tokenForm})$`, "i");
/** Characters: 96 bits of what base64 makes of chance. */
const minLength = 16;
const allowed = `at least ${minLength} of the characters A-Z a-z 0-9 . _ ~ + / -, then perhaps =`;

/** The token of an Authorization header, or `undefined` where it has none (RFC 6750 §2.1). */
export function readBearer(authorization: string): string | undefined {
  return credentials.exec(authorization)?.[1];
}

/** The tokens that are good for something: for a role, or a login. */
export class Tokens<Role extends string> {
  readonly #roles = new Map<string, Role>();
  #digests: Promise<readonly (readonly [Uint8Array, Role])[]> | undefined;

  /**
   * @throws {OptionError} For a token that is too short, that no header can carry or that is listed
   * twice, and where there is none at all. Says where it stands and never what it is.
   */
  constructor(options: Readonly<Partial<Record<Role, readonly string[]>>>) {
    for (const [role, tokens] of Object.entries<readonly string[] | undefined>(options)) {
      for (const [place, token] of (tokens ?? []).entries()) {
        this.#add(token, role as Role, `tokens.${role}[${place}]`);
      }
    }
    if (this.#roles.size === 0) throw new OptionError("tokens", "none", "at least one token");
  }

  #add(token: string, role: Role, option: string): void {
    if (token.length < minLength) {
      throw new OptionError(option, `a token of ${token.length} characters`, allowed);
    }
    if (!wholeToken.test(token)) throw new OptionError(option, "other characters", allowed);
    const other = this.#roles.get(token);
    if (other !== undefined) {
      throw new OptionError(option, `a token of ${other} again`, "each token once");
    }
    this.#roles.set(token, role);
  }

  /**
   * The role that a token gives; `undefined` for a wrong one.
   *
   * Takes the same time for all of one length: digests are compared, as long whatever was sent, to
   * their last octet and with every known one.
   */
  async roleOf(token: string): Promise<Role | undefined> {
    this.#digests ??= Promise.all(
      [...this.#roles].map(async ([known, role]) => [await digest(known), role] as const),
    );
    const known = await this.#digests;
    const sent = await digest(token);
    let found: Role | undefined;
    for (const [octets, role] of known) {
      if (areEqual(octets, sent)) found = role;
    }
    return found;
  }
}

async function digest(token: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token)));
}

/** Compares digests without stopping at the first difference. */
function areEqual(a: Uint8Array, b: Uint8Array): boolean {
  let difference = 0;
  for (const [place, octet] of a.entries()) difference |= octet ^ b[place];
  return difference === 0;
}

/** Wrong tokens in a row that are told so. */
const burst = 10;
/** Milliseconds after which there may be one more. */
const interval = 6_000;

/**
 * A token bucket for wrong tokens: ten at once and ten a minute, of everybody together.
 *
 * One bucket for each address would grow with the strangers that come, and an address is not known
 * wherever an app is mounted. With one for all, whoever guesses could shut out the operator, so
 * it holds for wrong tokens only: a right one is good even while the bucket is empty. What keeps a
 * token from being guessed is then its length alone; the bucket tells a client with a stale token
 * to slow down, and gives a guesser away by its 429.
 */
export class WrongTokens {
  readonly #clock: Pick<Clock, "monotonic">;
  /** When the bucket will be full. */
  #fullAt = 0;

  /** @param clock Fills the bucket. */
  constructor(clock: Pick<Clock, "monotonic">) {
    this.#clock = clock;
  }

  /**
   * Takes note of a wrong token.
   *
   * @returns Seconds after which another may come, at least 1, or 0 if this one was within the limit.
   */
  note(): number {
    // Whole milliseconds: sums of fractions would not be exact.
    const now = Math.floor(this.#clock.monotonic());
    const fullAt = Math.max(this.#fullAt, now) + interval;
    const wait = fullAt - now - burst * interval;
    if (wait <= 0) this.#fullAt = fullAt;
    return Math.max(0, Math.ceil(wait / 1000));
  }
}
