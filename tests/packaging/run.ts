/**
 * Other programs.
 *
 * @module
 */

/**
 * Runs one to its end and gives what it printed.
 *
 * @throws {Error} If it fails; with what it printed and complained of.
 */
export async function run(command: string, args: string[], cwd: URL): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args,
    cwd,
    env: { NO_COLOR: "1" },
  }).output();
  const [out, err] = [stdout, stderr].map((octets) => new TextDecoder().decode(octets));
  if (!success) throw new Error(`Ran ${command} ${args.join(" ")}, it failed:\n${out}${err}`);
  return out;
}
