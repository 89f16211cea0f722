/**
 * One suite for every runtime: a proxy in a process of its own, between a client and an upstream in
 * the test's process.
 *
 * A runtime's test file says how to start its process, and what it lacks:
 *
 * ```ts ignore
 * runtimeSuite({
 *   name: "Node",
 *   lacks: { peak: "it has no process identifier to look up" },
 *   start: async (setup) => { … return { smtp, smtps, unix, pid, stop, [Symbol.asyncDispose] } },
 * });
 * ```
 *
 * `start` is called several times, with different {@linkcode Setup}s. The process runs
 * `createProxy({ policy, trace: false, hostname: "proxy.example", … })` with the policy of
 * `hosts/policy.ts`, an SMTP upstream at `setup.upstream` and the listeners that it can have. A case
 * that needs what the runtime lacks is skipped, and its name says why.
 *
 * @module
 */

import { createTlsServer, staticCertificates } from "../../src/adapters/node_tls.ts";
import type { Target } from "../../src/channel.ts";
import { makeCertificates } from "../_certificates.ts";
import { type Case, cases, mistrusting, relaying } from "./_cases.ts";
import { startUpstream } from "./_upstream.ts";

/** What a runtime may lack. */
export type Capability =
  /** STARTTLS for clients. */
  | "starttls"
  /** TLS from the first octet for clients. */
  | "implicitTls"
  /** Unix sockets, to listen at and as an upstream. */
  | "unix"
  /** STARTTLS with the upstream. */
  | "upstreamTls"
  /** The peak memory of its process, from /proc. */
  | "peak"
  /** An end in good order: clients are told 421, then the process ends by itself. */
  | "farewell";

/** What a process is to run. It can be printed as JSON. */
export interface Setup {
  /** At TCP, or at a Unix socket where the runtime has them. */
  readonly upstream: Target;
  /** STARTTLS with the upstream or nothing: its name, and an authority for its certificate in PEM. */
  readonly upstreamTls?: { readonly name: string; readonly authority: string };
  /** For clients: PEM, and the files that hold it. */
  readonly certificate: {
    readonly cert: string;
    readonly key: string;
    readonly certPath: string;
    readonly keyPath: string;
  };
  /** Where to listen beside TCP, by the mode 0600: the socket of a dead process lies there already. */
  readonly unix: string;
}

/** A proxy in its process. Disposing of it ends it, however. */
export interface Host extends AsyncDisposable {
  /** Where it listens: in the clear, with TLS from the first octet, at the Unix socket. */
  readonly smtp: Target;
  readonly smtps?: Target;
  readonly unix?: Target;
  /** Process identifier, for `peak`. */
  readonly pid?: number;
  /** Asks it to end as a service manager does; resolves to its exit code. For `farewell`. */
  stop?(): Promise<number>;
}

/** A runtime. */
export interface Runtime {
  readonly name: string;
  /** What it cannot do, each with the reason, in a sentence. */
  readonly lacks: Readonly<Partial<Record<Capability, string>>>;
  /** Starts a process and waits until it listens. */
  start(setup: Setup): Promise<Host>;
}

/** What the upstream of some cases is. */
interface Arrangement {
  readonly name: string;
  readonly needs?: Capability;
  /** Where it listens, in a directory of the test's; TCP without. */
  readonly path?: string;
  /** The certificate that it shows, and that the proxy wants to see one for `a.example`. */
  readonly certificate?: "a" | "stranger";
  readonly cases: readonly Case[];
}

const arrangements: readonly Arrangement[] = [
  { name: "over TCP", cases },
  { name: "to an upstream with STARTTLS", needs: "upstreamTls", certificate: "a", cases: relaying },
  {
    name: "to an upstream with a stranger's certificate",
    needs: "upstreamTls",
    certificate: "stranger",
    cases: mistrusting,
  },
  { name: "to an upstream at a Unix socket", needs: "unix", path: "upstream", cases: relaying },
];

/** Registers the suite for one runtime. */
export function runtimeSuite(runtime: Runtime): void {
  for (const arrangement of arrangements) {
    const skipped = skippedFor(runtime, arrangement.needs);
    Deno.test({
      name: `${runtime.name}, ${arrangement.name}${skipped}`,
      ignore: skipped !== "",
      fn: (t) => play(t, runtime, arrangement),
    });
  }
  Deno.test.afterAll(async () => (await makeCertificates()).remove());
}

async function play(t: Deno.TestContext, runtime: Runtime, arrangement: Arrangement) {
  const { path, certificate } = arrangement;
  const certificates = await makeCertificates();
  const directory = await Deno.makeTempDir({ prefix: "sluice-runtime-" });
  try {
    const unix = `${directory}/listener`;
    leaveStaleSocket(unix);
    await using upstream = await startUpstream({
      at: path === undefined ? undefined : { transport: "unix", path: `${directory}/${path}` },
      tls: certificate && createTlsServer({
        certificates: staticCertificates([certificates[certificate]]),
      }),
    });
    await using host = await runtime.start({
      upstream: upstream.target,
      upstreamTls: certificate && { name: "a.example", authority: certificates.ca.cert },
      certificate: certificates.a,
      unix,
    });
    for (const { name, needs, play } of arrangement.cases) {
      const skipped = skippedFor(runtime, needs);
      await t.step({
        name: `${name}${skipped}`,
        ignore: skipped !== "",
        fn: () => play({ host, upstream, runtime }),
      });
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** `""`, or why a case is not run. */
function skippedFor({ lacks }: Runtime, needs: Capability | undefined): string {
  const reason = needs && lacks[needs];
  return reason === undefined ? "" : ` (skipped: ${reason})`;
}

/** What a process leaves behind that was killed. */
function leaveStaleSocket(path: string): void {
  const listener = Deno.listen({ transport: "unix", path: `${path}.dead` });
  // Another name keeps the file when its listener goes away.
  Deno.linkSync(`${path}.dead`, path);
  listener.close();
}
