/**
 * Limits of message size and number of recipients, for everybody or for some.
 *
 * @module
 */

import type { Path } from "../../rfc5321/path.ts";
import { definePolicy, type Policy } from "../policy.ts";
import { reject } from "../verdicts.ts";
import { type ConditionOptions, readCondition } from "./condition.ts";
import { type CheckEnvironment, type Octets, OptionReader } from "./option_reader.ts";

/** The limits, and for whom they are meant. */
export interface SizesOptions extends ConditionOptions {
  /** Octets, as MAIL declares them and as they then come (RFC 1870 §5). @default no limit */
  readonly messageSize?: Octets;
  /** RCPT commands in a transaction. @default no limit */
  readonly recipients?: number;
}

// RFC 1870 §6.1
const tooBig = reject("552 5.3.4 Message too big");
// RFC 5321 §4.5.3.1.10: the client sends the others again.
const tooMany = reject("452 4.5.3 Too many recipients");

/**
 * Limits of message size and number of recipients.
 *
 * @throws {OptionError} If an option cannot be used.
 */
export function sizes(options: SizesOptions, environment?: CheckEnvironment): Policy {
  const reader = new OptionReader("sizes", options, environment);
  const messageSize = reader.octets("messageSize");
  const recipients = reader.count("recipients", { least: 1, most: 1_000_000 }, Infinity);
  const applies = readCondition(reader);
  reader.finish();
  return definePolicy({
    name: "sizes",
    transaction: () => ({ commands: 0, last: undefined as Path | undefined }),
    mail: ({ client, reversePath, parameters }) =>
      (parameters.size ?? 0) > messageSize && applies(client, reversePath) ? tooBig : undefined,
    rcpt({ session, current, given }, { transaction }) {
      // One command may have become several paths: each of them is asked about.
      if (given !== transaction.last) transaction.commands++;
      transaction.last = given;
      return transaction.commands > recipients && applies(session.client, current.reversePath)
        ? tooMany
        : undefined;
    },
    content: ({ session, current, octets }) =>
      octets > messageSize && applies(session.client, current.reversePath) ? tooBig : undefined,
  });
}
