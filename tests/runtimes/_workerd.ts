/**
 * The real workerd, with a worker bundled from sources.
 *
 * @module
 */

import { TextLineStream } from "@std/streams";
import * as esbuild from "esbuild";
import { systemClock, within } from "../../src/clock.ts";
import { scannerOctets } from "../../src/stages/scanner/scanner.ts";
import { ourselves } from "./_bundle.ts";

/** Milliseconds for workerd to start or to end. */
const PATIENCE = 15_000;

/** A socket of workerd; it takes any free port of 127.0.0.1. */
export interface WorkerdListener {
  readonly name: string;
  /** The worker's export that answers. Default: the default one. */
  readonly entrypoint?: string;
  /** TLS from the first octet, with this certificate in PEM. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

/** What workerd is to run. */
export interface WorkerdProgram {
  /** An ES module; it may import sources relative to this folder, and `./scanner.wasm`. */
  readonly source: string;
  readonly listeners: readonly WorkerdListener[];
  /**
   * In place of the one that is made of the rest: it embeds `worker.js` and names the listeners, whose
   * addresses do not count.
   */
  readonly config?: string;
  /** Certificates in PEM that outbound TLS believes. */
  readonly authorities?: readonly string[];
  /** @default "2026-04-01" */
  readonly compatibilityDate?: string;
}

/** A workerd that runs. Disposing of it ends it. */
export interface Workerd extends AsyncDisposable {
  readonly pid: number;
  /** Ports by the names of listeners. */
  readonly ports: ReadonlyMap<string, number>;
}

/** Bundles a worker, which then needs nothing but what workerd has. */
export function bundleWorker(source: string): string {
  const { outputFiles } = esbuild.buildSync({
    stdin: { contents: source, resolveDir: new URL(".", import.meta.url).pathname },
    bundle: true,
    write: false,
    format: "esm",
    platform: "neutral",
    target: "es2022",
    external: ["*.wasm"],
    alias: ourselves,
    logLevel: "error",
  });
  return outputFiles[0].text;
}

/** Starts one and waits until it listens. */
export async function startWorkerd(program: WorkerdProgram): Promise<Workerd> {
  const { source, listeners, config = configOf(program), authorities = [] } = program;
  const directory = await Deno.makeTempDir({ prefix: "sluice-workerd-" });
  const write = (name: string, content: string | Uint8Array): Promise<void> =>
    Deno.writeFile(
      `${directory}/${name}`,
      typeof content === "string" ? new TextEncoder().encode(content) : content,
    );
  await write("worker.js", bundleWorker(source));
  await write("scanner.wasm", scannerOctets());
  for (const { name, tls } of listeners) {
    if (tls === undefined) continue;
    await write(`${name}.crt`, tls.cert);
    await write(`${name}.key`, tls.key);
  }
  for (const [nth, authority] of authorities.entries()) await write(`${nth}.ca`, authority);
  await write("config.capnp", config);
  const child = new Deno.Command(await workerdProgram(), {
    args: [
      ...["serve", "--experimental", "--control-fd=1", `${directory}/config.capnp`],
      ...listeners.map(({ name }) => `--socket-addr=${name}=127.0.0.1:0`),
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const said = new Response(child.stderr).text();
  const lines = child.stdout.pipeThrough(new TextDecoderStream())
    .pipeThrough(new TextLineStream()).getReader();
  const end = async (): Promise<void> => {
    try {
      child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    await within(systemClock, PATIENCE, "the end of workerd", child.status);
    await Promise.all([lines.cancel(), said]);
    await Deno.remove(directory, { recursive: true });
  };
  try {
    const ports = new Map<string, number>();
    while (ports.size < listeners.length) {
      const { value } = await within(systemClock, PATIENCE, "workerd to listen", lines.read());
      if (value === undefined) throw new Error(`Waited for workerd to listen: ${await said}`);
      const { event, socket, port } = JSON.parse(value);
      if (event === "listen") ports.set(socket, port);
    }
    return { pid: child.pid, ports, [Symbol.asyncDispose]: end };
  } catch (error) {
    await end();
    throw error;
  }
}

function configOf(
  { listeners, authorities = [], compatibilityDate = "2026-04-01" }: WorkerdProgram,
): string {
  const sockets = listeners.map(({ name, entrypoint, tls }) => {
    const keypair = `(privateKey = embed "${name}.key", certificateChain = embed "${name}.crt")`;
    const tcp = tls === undefined ? "()" : `(tlsOptions = (keypair = ${keypair}))`;
    const service = entrypoint === undefined
      ? `"worker"`
      : `(name = "worker", entrypoint = "${entrypoint}")`;
    return `(name = "${name}", tcp = ${tcp}, service = ${service})`;
  });
  const trusted = authorities.map((_, nth) => `embed "${nth}.ca"`).join(", ");
  return `
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "worker", worker = .worker),
    (name = "network", network = (
      allow = ["public", "private", "local"],
      tlsOptions = (trustedCertificates = [${trusted}]),
    )),
  ],
  sockets = [${sockets.join(", ")}],
);

const worker :Workerd.Worker = (
  modules = [
    (name = "worker.js", esModule = embed "worker.js"),
    (name = "scanner.wasm", wasm = embed "scanner.wasm"),
  ],
  compatibilityDate = "${compatibilityDate}",
  compatibilityFlags = ["experimental"],
  globalOutbound = "network",
);
`;
}

let located: Promise<string> | undefined;

/** The program inside of the package that miniflare depends on. */
function workerdProgram(): Promise<string> {
  return located ??= locate();
}

async function locate(): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", import.meta.resolve("miniflare")],
  }).output();
  const { npmPackages }: {
    npmPackages: Readonly<Record<string, { readonly name: string; readonly localPath: string }>>;
  } = JSON.parse(new TextDecoder().decode(stdout));
  const folders = Object.values(npmPackages)
    .filter(({ name }) => name.startsWith("@cloudflare/workerd-"))
    .map(({ localPath }) => `${localPath}/bin/workerd`);
  for (const path of folders) {
    // There is a package for each platform, and only this one's is installed.
    if (await Deno.stat(path).then(({ isFile }) => isFile, () => false)) return path;
  }
  throw new Error(`Cannot find workerd: found none of ${folders.join(", ")}`);
}
