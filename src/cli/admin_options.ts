/**
 * What an admin of `serve` is told, from its configuration: all that can be wrong with it is found here,
 * before anybody listens.
 *
 * @module
 */

import { access } from "../admin/access.ts";
import type { AdminOptions } from "../admin/options.ts";
import { systemClock } from "../clock.ts";
import type { AdminSource, Configuration } from "../config/configuration.ts";
import { ConfigurationError, type Mistake, shown } from "../config/mistake.ts";
import type { KeyPath } from "../config/places.ts";
import { messageOf, OptionError } from "../errors.ts";
import { loopback, Networks } from "../networks.ts";
import { printAddress } from "./address.ts";
import { secretAt } from "./secret.ts";

const LOOPBACK = new Networks(loopback);

/**
 * Reads the tokens, and checks all of it.
 *
 * @throws {ConfigurationError}
 */
export async function adminOptionsOf(
  configuration: Configuration,
  source: AdminSource,
): Promise<AdminOptions> {
  const { at, tokens, hosts, addresses, paths } = source;
  const mistakes: Mistake[] = [];
  const read = async (where: string | undefined, path: KeyPath): Promise<string[]> => {
    if (where === undefined) return [];
    try {
      return [await secretAt(where)];
    } catch (error) {
      const why = messageOf(error);
      mistakes.push(
        configuration.mistake(path, shown(where), `a secret that can be read (${why})`),
      );
      return [];
    }
  };
  const operator = await read(tokens.operator, paths.operator);
  const reader = await read(tokens.reader, paths.reader);
  const asked = tokens.operator !== undefined || tokens.reader !== undefined;
  if (!asked && !LOOPBACK.has(at.host) && at.host !== "localhost") {
    const found = shown(printAddress(at));
    const allowed = "a loopback address, or one with a token";
    mistakes.push(configuration.mistake(paths.listen, found, allowed));
  }
  if (mistakes.length > 0) throw new ConfigurationError(mistakes);
  const options = { hosts, ...asked && { tokens: { operator, reader } } };
  try {
    access({ ...options, clock: systemClock });
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    const path = pathOf(error.option, source);
    throw new ConfigurationError([configuration.mistake(path, shown(error.found), error.allowed)]);
  }
  return { ...options, addresses };
}

/** Where an option of `access` stands in the configuration. */
function pathOf(option: string, { paths }: AdminSource): KeyPath {
  const [, role, nth] = /^(?:tokens\.(operator|reader)|hosts\[([0-9]+)\])/.exec(option) ?? [];
  if (nth !== undefined) return [...paths.hosts, Number(nth)];
  return role === "operator" || role === "reader" ? paths[role] : paths.listen;
}
