/**
 * Sluice and what one would put in its place: how each is started.
 *
 * @module
 */

import { script } from "./_process.ts";
import type { WorkloadName } from "./_workloads.ts";

/** Where one is to listen, and where it finds what it needs. */
export interface Places {
  /** Of 127.0.0.1. */
  readonly port: number;
  /** Another one, for whatever it serves beside SMTP. */
  readonly otherPort: number;
  readonly upstreamPort: number;
  /** Of its own, with its files in it. */
  readonly directory: string;
}

/** One of them. */
export interface PeerKind {
  readonly name: string;
  /** Looked for where programs are; absent: there is nothing between the load and the sink. */
  readonly program?: string;
  /** What it is run with, to stay in the foreground. */
  args(places: Places): readonly string[];
  /** Folder below `_relays` whose files it gets, with the places filled in. */
  readonly files?: string;
  /** What is done with its directory before it starts, each a command. */
  prepare?(directory: string): readonly (readonly string[])[];
  /** Runs only as root. */
  readonly root?: boolean;
  /** Workloads it has no part in, and why. */
  readonly unfit?: Readonly<Partial<Record<WorkloadName, string>>>;
}

const DENO = Deno.execPath();
// As the README starts it; each peer waits while the others have their turns.
const DENO_RUN = ["run", "--no-prompt", "--quiet", "--v8-flags=--no-memory-reducer"];

/** Options of the upstream's URL to `sluice serve`, and what makes them a kind of their own. */
function sluice(name: string, query: string): PeerKind {
  return {
    name,
    program: DENO,
    files: "sluice",
    args: ({ port, otherPort, upstreamPort, directory }) => [
      ...[...DENO_RUN, "--allow-net", "--allow-read", "--allow-env"],
      ...[script("../src/cli/main.ts"), "serve", "--quiet"],
      ...["--config", `${directory}/sluice.toml`],
      ...["--listen", `127.0.0.1:${port}`, "--admin", `127.0.0.1:${otherPort}`],
      ...["--upstream", `smtp://127.0.0.1:${upstreamPort}?tls=none${query}`],
    ],
  };
}

/** All of them; the first is what the others are compared with. */
export const peerKinds: readonly PeerKind[] = [
  sluice("sluice", ""),
  sluice("sluice without BDAT", "&chunking=never"),
  { name: "direct", args: () => [] },
  {
    name: "Deno read/write",
    program: DENO,
    args: ({ port, upstreamPort }) => [
      ...[...DENO_RUN, "--allow-net=127.0.0.1", script("_relays/deno.ts")],
      ...[`${port}`, `${upstreamPort}`],
    ],
  },
  {
    name: "Node pipe",
    program: "node",
    args: ({ port, upstreamPort }) => [script("_relays/node.mjs"), `${port}`, `${upstreamPort}`],
  },
  {
    name: "haproxy",
    program: "haproxy",
    files: "haproxy",
    args: ({ directory }) => ["-db", "-q", "-f", `${directory}/haproxy.cfg`],
  },
  {
    name: "nginx",
    program: "nginx",
    files: "nginx",
    args: ({ directory }) => [
      ...["-p", "/usr/share/nginx", "-c", `${directory}/nginx.conf`],
      ...["-e", `${directory}/error.log`],
    ],
  },
  {
    name: "nodemailer",
    program: DENO,
    args: ({ port, upstreamPort }) => [
      ...[...DENO_RUN, "--allow-all", script("_relays/nodemailer.ts")],
      ...[`${port}`, `${upstreamPort}`],
    ],
  },
  {
    name: "Haraka",
    program: "haraka",
    files: "haraka",
    args: ({ directory }) => ["-c", directory],
    unfit: { W7: "takes longer than a minute" },
  },
  {
    name: "Postfix",
    program: "/usr/lib/postfix/sbin/master",
    files: "postfix",
    args: ({ directory }) => ["-c", directory, "-d"],
    prepare: (directory) => [
      ["mkdir", "-p", ...postfixFolders(directory)],
      // Its servers are not root.
      ["chmod", "755", directory],
      ["chown", "postfix", `${directory}/data`, `${directory}/spool/private`],
      ["chown", "postfix:postdrop", `${directory}/spool/public`],
    ],
    root: true,
    unfit: { W6: "a process for each session" },
  },
];

function postfixFolders(directory: string): readonly string[] {
  return ["data", "spool/private", "spool/public", "spool/pid"]
    .map((folder) => `${directory}/${folder}`);
}

/** Where a program is; undefined where it is not installed. */
export async function locate(program: string): Promise<string | undefined> {
  const folders = [...(Deno.env.get("PATH") ?? "").split(":"), "/usr/local/sbin", "/usr/sbin"];
  const paths = program.startsWith("/")
    ? [program]
    : folders.map((folder) => `${folder}/${program}`);
  for (const path of paths) {
    const isFile = await Deno.stat(path).then((found) => found.isFile, () => false);
    if (isFile) return path;
  }
  return undefined;
}
