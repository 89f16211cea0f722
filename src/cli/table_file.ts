/**
 * The lines of a table from a file.
 *
 * @module
 */

import { messageOf } from "../errors.ts";
import type { Copy, TableFeed } from "../config/live_table.ts";

/** Most octets of a file: about two million entries. */
const MAX_OCTETS = 134_217_728;

/** Milliseconds between two looks at a file. */
const REFRESH = 1_000;

/** Lines of a file, which is looked at once a second at most and read where it has changed. */
export function fileFeed(path: string): TableFeed {
  return {
    name: path,
    refresh: REFRESH,
    async read(last): Promise<Copy | undefined> {
      const { size } = await Deno.stat(path);
      if (size > MAX_OCTETS) {
        throw new RangeError(
          `Cannot read ${path}: found ${size} octets, allowed are ${MAX_OCTETS}`,
        );
      }
      // Taken before the file is read: what changes meanwhile is seen the next time.
      const stamp = await stampOf(path);
      return stamp === last ? undefined : { text: await Deno.readTextFile(path), stamp };
    },
  };
}

/**
 * Something that differs once a file has been written or replaced; a file that cannot be looked at
 * has a stamp too.
 */
export async function stampOf(path: string): Promise<string> {
  try {
    const { mtime, ctime, ino, size } = await Deno.stat(path);
    return [mtime?.getTime(), ctime?.getTime(), ino, size].join();
  } catch (error) {
    return messageOf(error);
  }
}
