/**
 * In whose name a login may send.
 *
 * @module
 */

import { Path } from "../../rfc5321/path.ts";
import { definePolicy, type Policy } from "../policy.ts";
import { parsePattern } from "../rules/pattern.ts";
import { reject } from "../verdicts.ts";
import { itemsOf, type List, type Values } from "./lookup.ts";
import { type CheckEnvironment, OptionReader } from "./option_reader.ts";

/** Logins and senders. The null reverse-path is everybody's (RFC 5321 §4.5.5). */
export interface SenderLoginOptions {
  /** By login the patterns of the senders that it may use: `{ jane: ["j@x.example", "@y.example"] }`. */
  readonly logins: Values;
  /** A login that is an address may send as itself. @default true */
  readonly self?: boolean;
  /** Senders that nobody may use without a login, but for clients of the option `trusted`. @default none */
  readonly protect?: List;
}

const patterns = (value: string) =>
  itemsOf(value).map((item) => parsePattern(item, "address", { ignoreCase: true }));

const refused = reject("553 5.7.1 Sender not owned by this login");
const needsLogin = reject("530 5.7.0 Authentication required for this sender");

function isSelf(login: string, sender: Path): boolean {
  try {
    return Path.from(login).equals(sender);
  } catch {
    return false;
  }
}

/**
 * A login may send only as its senders. The sender is compared as the client gave it.
 *
 * @throws {OptionError} If an option cannot be used.
 */
export function senderLogin(options: SenderLoginOptions, environment?: CheckEnvironment): Policy {
  const reader = new OptionReader("sender-login", options, environment);
  const sendersOf = reader.valuesByLogin("logins", patterns);
  const self = reader.flag("self", true);
  const protect = reader.list("protect");
  reader.finish();
  return definePolicy({
    name: "sender-login",
    mail({ client, given }) {
      if (given.isNull) return undefined;
      const { login } = client;
      if (login === undefined) {
        const open = client.trusted || protect?.get({ path: given }) === undefined;
        return open ? undefined : needsLogin;
      }
      const allowed = self && isSelf(login, given) ||
        patterns(sendersOf(login) ?? "").some((pattern) => pattern.matches(given));
      return allowed ? undefined : refused;
    },
  });
}
