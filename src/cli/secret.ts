/**
 * Secrets that are not on the command line, where everybody on the machine could read them.
 *
 * @module
 */

const ENVIRONMENT = "env:";

/**
 * The secret of a file, without white space around it, or of an environment variable.
 *
 * @param where A path, or `env:NAME`.
 * @throws If the file cannot be read or the variable is not set; says nothing of what it holds.
 */
export async function secretAt(where: string): Promise<string> {
  if (!where.startsWith(ENVIRONMENT)) return (await Deno.readTextFile(where)).trim();
  const name = where.slice(ENVIRONMENT.length);
  const value = Deno.env.get(name);
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
}
