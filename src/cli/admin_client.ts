/**
 * What the commands share that ask a running Sluice: `top` and `tail`.
 *
 * @module
 */

import { type AdminClient, adminClient } from "../admin/client.ts";
import { duration } from "../admin/dashboard/client/words.ts";
import { messageOf, OptionError } from "../errors.ts";
import type { Given, OptionRow } from "./command_line.ts";
import { secretAt } from "./secret.ts";

/** Rows that both tables have. */
export const adminRows = {
  "admin": {
    argument: "url",
    help: "Where `sluice serve --admin` listens. Default http://127.0.0.1:8025.",
  },
  "token": {
    argument: "where",
    help: "File with a token of that admin, or env:NAME. Default: none is sent.",
  },
  "help": { short: "h", help: "Show this." },
} as const satisfies Record<string, OptionRow>;

/** The admin that the options of {@linkcode adminRows} name. */
export interface NamedAdmin {
  readonly url: string;
  readonly client: AdminClient;
}

/** Reads the options and connects to nothing yet. @throws {OptionError} */
export async function adminOf(given: Given): Promise<NamedAdmin> {
  const url = given.value("admin") ?? "http://127.0.0.1:8025";
  const where = given.value("token");
  const token = where === undefined ? undefined : await tokenAt(where);
  try {
    return { url, client: adminClient(url, { token }) };
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    throw new OptionError(
      error.option === "token" ? "--token" : "--admin",
      error.found,
      error.allowed,
    );
  }
}

async function tokenAt(where: string): Promise<string> {
  try {
    return await secretAt(where);
  } catch (error) {
    const why = messageOf(error);
    throw new OptionError("--token", where, `a file that can be read, or env:NAME (${why})`);
  }
}

/** What became of a live stream's connection, in words. */
export function lossOf(error: unknown, pause: number): string {
  const why = error === undefined ? "" : `: ${error instanceof Error ? error.message : error}`;
  return `Connection lost, again in ${duration(pause)}${why}`;
}
