/**
 * Addresses and files as they stand on a command line.
 *
 * @module
 */

import { messageOf, OptionError } from "../errors.ts";

export {
  parseAddress,
  parseDuration,
  parseIdentify,
  parseListen,
  parseNetwork,
  parseNumber,
  parseSize,
  printAddress,
} from "../config/units.ts";

/** Reads a file that an option names. @throws {OptionError} */
export async function readFile(path: string, option: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    const why = messageOf(error);
    throw new OptionError(option, path, `a file that can be read (${why})`);
  }
}
