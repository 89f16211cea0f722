/**
 * A look into a Maildir for a message that should not be there.
 *
 * @module
 */

import { messageOf, OptionError } from "../errors.ts";

/** Octets of each message that are searched: its header. */
const SEARCHED = 65_536;

/**
 * Makes a search among the messages that arrive from now on.
 *
 * @param directory Of the Maildir, with `new` and `cur`.
 * @returns Whether one of them has the text near its beginning.
 * @throws {OptionError} If there is no Maildir that can be read.
 */
export async function maildirSearch(
  directory: string,
  option: string,
): Promise<(text: string) => Promise<boolean>> {
  const folders = [`${directory}/new`, `${directory}/cur`];
  const before = new Set<string>();
  try {
    for (const path of await filesOf(folders)) before.add(path);
  } catch (error) {
    const why = messageOf(error);
    throw new OptionError(option, directory, `a Maildir that can be read (${why})`);
  }
  return async (text) => {
    for (const path of await filesOf(folders)) {
      if (!before.has(path) && (await beginningOf(path)).includes(text)) return true;
    }
    return false;
  };
}

async function filesOf(folders: readonly string[]): Promise<string[]> {
  const paths: string[] = [];
  for (const folder of folders) {
    for await (const { name, isFile } of Deno.readDir(folder)) {
      if (isFile) paths.push(`${folder}/${name}`);
    }
  }
  return paths;
}

async function beginningOf(path: string): Promise<string> {
  using file = await Deno.open(path);
  const buffer = new Uint8Array(SEARCHED);
  const count = await file.read(buffer);
  return new TextDecoder("latin1").decode(buffer.subarray(0, count ?? 0));
}
