/**
 * Masquerading: hosts below a domain appear under the domain's own name.
 *
 * @module
 */

import { asciiLowerCase } from "../../rfc5321/text.ts";
import type { Policy } from "../policy.ts";
import type { List } from "./lookup.ts";
import { type CheckEnvironment, isDomain, OptionReader } from "./option_reader.ts";
import { type Of, ofAll, readdress } from "./readdress.ts";

/** The domains, and whose they are. */
export interface MasqueradeOptions {
  /** Whose subdomains, at any depth, are taken away; the longest that fits counts. */
  readonly domains: string | readonly string[];
  /** Addresses that stay: `root@*`. @default none */
  readonly except?: List;
  /** Whose addresses. @default "senders" */
  readonly of?: Of;
}

/**
 * Masquerading: `a@host.dom.example` becomes `a@dom.example`.
 *
 * @throws {OptionError} If an option cannot be used.
 */
export function masquerade(options: MasqueradeOptions, environment?: CheckEnvironment): Policy {
  const reader = new OptionReader("masquerade", options, environment);
  const domains = reader.texts("domains", "a list of domains", isDomain);
  const except = reader.list("except");
  const of = reader.choice("of", ofAll, "senders");
  if (domains.length === 0) reader.refuse("domains", undefined, "at least one domain");
  reader.finish();
  const parents = new Set(domains.map(asciiLowerCase));
  return readdress("masquerade", of, (path) => {
    const { domain } = path;
    if (parents.has(domain) || except?.get({ path }) !== undefined) return undefined;
    for (let dot = domain.indexOf("."); dot !== -1; dot = domain.indexOf(".", dot + 1)) {
      const parent = domain.slice(dot + 1);
      if (parents.has(parent)) return path.withDomain(parent);
    }
    return undefined;
  });
}
