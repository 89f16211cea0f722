/**
 * One mailbox for all that is addressed to a domain.
 *
 * @module
 */

import { Path } from "../../rfc5321/path.ts";
import { definePolicy, type Policy } from "../policy.ts";
import { rewrite } from "../verdicts.ts";
import type { List } from "./lookup.ts";
import { type CheckEnvironment, OptionReader } from "./option_reader.ts";

/** Which domains, and where to. */
export interface CatchAllOptions {
  /** The mailbox. */
  readonly to: string;
  /** Recipients that are caught, as a rule whole domains. @default all */
  readonly recipients?: List;
  /** Recipients that keep their own mailbox. @default none */
  readonly except?: List;
}

/** Reads a mailbox; `undefined` where it is none. */
function mailbox(text: string): Path | undefined {
  try {
    return Path.from(text);
  } catch {
    return undefined;
  }
}

/**
 * Rewrites recipients to one mailbox.
 *
 * @throws {OptionError} If an option cannot be used.
 */
export function catchAll(options: CatchAllOptions, environment?: CheckEnvironment): Policy {
  const reader = new OptionReader("catch-all", options, environment);
  const isMailbox = (text: string) => mailbox(text) !== undefined;
  const to = Path.from(reader.text("to", "a mailbox: local-part@domain", isMailbox));
  const recipients = reader.list("recipients");
  const except = reader.list("except");
  reader.finish();
  return definePolicy({
    name: "catch-all",
    rcpt({ forwardPath: path }) {
      const caught = !path.equals(to) && except?.get({ path }) === undefined &&
        (recipients === undefined || recipients.get({ path }) !== undefined);
      return caught ? rewrite(to) : undefined;
    },
  });
}
