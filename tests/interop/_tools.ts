/**
 * Outside programs: whether they are installed, how they are run, how one waits for them.
 *
 * The programs live in other processes, so nothing but polling tells what they have done;
 * `eventually` is the one place that does it.
 *
 * @module
 */

const REQUIRED = Deno.env.get("SLUICE_REQUIRE_INTEROP") === "1";

/** Directories that hold servers and are missing from many users' PATH. */
const SERVER_DIRECTORIES = ["/usr/sbin", "/usr/local/sbin", "/sbin", "/usr/lib/dovecot"];

const found = new Map<string, string | undefined>();

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** Where a program is, or `undefined` where it is not installed. */
export function available(tool: string): string | undefined {
  if (!found.has(tool)) {
    const directories = [...(Deno.env.get("PATH") ?? "").split(":"), ...SERVER_DIRECTORIES];
    found.set(tool, directories.map((directory) => `${directory}/${tool}`).find(isFile));
  }
  return found.get(tool);
}

/** Why a need cannot be met, or `undefined` where it can. */
function obstacle(need: string): string | undefined {
  if (!available(need)) return `${need} is not installed`;
  if (need === "postfix" && Deno.uid() !== 0) return "postfix needs root";
}

/**
 * Registers a test that needs outside programs.
 *
 * Where one is missing the test is ignored and its name says why; with `SLUICE_REQUIRE_INTEROP=1`
 * in the environment it fails instead.
 */
export function interop(
  name: string,
  needs: readonly string[],
  fn: (t: Deno.TestContext) => Promise<void>,
): void {
  const missing = needs.map(obstacle).filter((reason) => reason !== undefined).join(", ");
  if (missing === "") return Deno.test(name, fn);
  if (!REQUIRED) return Deno.test({ name: `${name} (skipped: ${missing})`, ignore: true, fn });
  Deno.test(name, () => {
    throw new Error(`Cannot run "${name}": ${missing}`);
  });
}

/**
 * Shares one outside server among the tests of a file: started by the first test that asks for
 * it, stopped after the last test of the file.
 */
export function shared<T extends AsyncDisposable>(start: () => Promise<T>): () => Promise<T> {
  let server: Promise<T> | undefined;
  Deno.test.afterAll(async () => {
    await (await server)?.[Symbol.asyncDispose]();
  });
  return () => server ??= start();
}

/** What a program has done: its exit code and all that it printed. */
export interface Finished {
  readonly code: number;
  /** Standard output, then standard error. */
  readonly output: string;
}

/**
 * Runs a program to its end; one that takes longer than 30 s is killed.
 *
 * @param options.input Octets for its standard input; none by default.
 */
export async function run(
  tool: string,
  args: readonly string[],
  options: { input?: Uint8Array; env?: Record<string, string> } = {},
): Promise<Finished> {
  const child = new Deno.Command(available(tool) ?? tool, {
    args: [...args],
    env: options.env,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const feed = async () => {
    const writer = child.stdin.getWriter();
    // A program that refuses early closes its input; its exit code tells the story.
    try {
      await writer.write(options.input ?? new Uint8Array(0));
      await writer.close();
    } catch (error) {
      if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
    }
  };
  const watchdog = setTimeout(() => child.kill("SIGKILL"), 30_000);
  const [{ code, stdout, stderr }] = await Promise.all([child.output(), feed()]);
  clearTimeout(watchdog);
  const decoder = new TextDecoder();
  return { code, output: decoder.decode(stdout) + decoder.decode(stderr) };
}

/**
 * Runs a program to its end.
 *
 * @throws {Error} If its exit code is not 0; the message holds what it printed.
 */
export async function runOrThrow(
  ...parameters: Parameters<typeof run>
): Promise<string> {
  const { code, output } = await run(...parameters);
  if (code !== 0) {
    throw new Error(`Cannot run ${parameters[0]} ${parameters[1].join(" ")}: ${code}: ${output}`);
  }
  return output;
}

/**
 * Asks again and again until there is an answer.
 *
 * @param probe Returns `undefined` as long as there is none.
 * @param explain Called for the error's text when the time is up.
 * @param milliseconds Time limit; 10 s by default.
 * @throws {Error} When the limit passes first.
 */
export async function eventually<T>(
  what: string,
  probe: () => Promise<T | undefined>,
  explain: () => Promise<string> = () => Promise.resolve(""),
  milliseconds = 10_000,
): Promise<T> {
  const deadline = performance.now() + milliseconds;
  while (true) {
    const answer = await probe();
    if (answer !== undefined) return answer;
    if (performance.now() > deadline) {
      throw new Error(`Waited ${milliseconds} ms for ${what}: ${await explain()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A port of 127.0.0.1 that nobody listens on at this moment. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
