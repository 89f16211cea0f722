/**
 * Subaddresses (RFC 5233): `user+detail` becomes `user`.
 *
 * @module
 */

import type { Policy } from "../policy.ts";
import type { List } from "./lookup.ts";
import { type CheckEnvironment, OptionReader } from "./option_reader.ts";
import { readdress } from "./readdress.ts";

/** Where the detail begins, and whose it is. */
export interface SubaddressOptions {
  /** Characters of which the first one found begins the detail. @default "+" */
  readonly separators?: string;
  /** Recipients whose detail is taken away: nobody else's local-parts are ours to read. @default all */
  readonly recipients?: List;
}

/**
 * Takes the detail off recipients. A local-part that begins with a separator stays. Compose it behind
 * {@linkcode srs}, whose addresses may have separators.
 *
 * @throws {OptionError} If an option cannot be used.
 */
export function subaddress(
  options: SubaddressOptions = {},
  environment?: CheckEnvironment,
): Policy {
  const reader = new OptionReader("subaddress", options, environment);
  const isSeparators = (text: string) => /^[!-~]{1,8}$/.test(text);
  const separators = reader.text("separators", "1 to 8 ASCII characters", isSeparators, "+");
  const recipients = reader.list("recipients");
  reader.finish();
  return readdress("subaddress", "recipients", (path) => {
    if (recipients !== undefined && recipients.get({ path }) === undefined) return undefined;
    const { localPart } = path;
    const at = Array.from(localPart).findIndex((character) => separators.includes(character));
    if (at < 1) return undefined;
    return path.withLocalPart(Array.from(localPart).slice(0, at).join(""));
  });
}
