/**
 * Checks that give one verdict to all mail that a condition describes.
 *
 * @module
 */

import type { Discard, Route } from "../../session/phases.ts";
import { definePolicy, type Policy } from "../policy.ts";
import { type ConditionOptions, readCondition } from "./condition.ts";
import type { List } from "./lookup.ts";
import type { OptionReader } from "./option_reader.ts";

/** Whose mail; without any of these everybody's. */
export interface DivertOptions extends ConditionOptions {
  /** The recipients that are meant, and not the others of the message. @default the whole message */
  readonly recipients?: List;
}

/** Reads the condition, and gives the verdict at `rcpt` where it names recipients, otherwise at `mail`. */
export function divert(name: string, reader: OptionReader, verdict: Discard | Route): Policy {
  const applies = readCondition(reader);
  const recipients = reader.list("recipients");
  reader.finish();
  if (recipients === undefined) {
    return definePolicy({
      name,
      mail: ({ client, reversePath }) => applies(client, reversePath) ? verdict : undefined,
    });
  }
  return definePolicy({
    name,
    rcpt: ({ session, current, forwardPath }) =>
      recipients.get({ path: forwardPath }) !== undefined &&
        applies(session.client, current.reversePath)
        ? verdict
        : undefined,
  });
}
