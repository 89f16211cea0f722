/**
 * Domain maps: another domain, the same local-part.
 *
 * @module
 */

import { Path } from "../../rfc5321/path.ts";
import type { Policy } from "../policy.ts";
import type { Values } from "./lookup.ts";
import { type CheckEnvironment, OptionReader } from "./option_reader.ts";
import { type Of, ofAll, readdress } from "./readdress.ts";

/** The map, and whose domains are meant. */
export interface DomainsOptions {
  /** By domain the one that takes its place: `{ "old.example": "new.example" }`. */
  readonly map: Values;
  /** Whose domains. @default "recipients" */
  readonly of?: Of;
}

/**
 * Domain maps.
 *
 * @throws {OptionError} If an option cannot be used.
 */
export function domains(options: DomainsOptions, environment?: CheckEnvironment): Policy {
  const reader = new OptionReader("domains", options, environment);
  const map = reader.values("map", (value) => Path.from(`x@${value}`));
  const of = reader.choice("of", ofAll, "recipients");
  reader.finish();
  return readdress("domains", of, (path) => {
    const domain = map.get({ domain: path.domain });
    return domain === undefined ? undefined : path.withDomain(domain);
  });
}
