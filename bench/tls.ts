/**
 * What does TLS cost that may begin in mid-connection (STARTTLS)?
 *
 * Deno has no server side of STARTTLS of its own, so Sluice takes another way (`src/adapters/node_tls.ts`).
 * Two processes read 20 MB from the same client: one by `Deno.listenTls`, one by that. They take turns.
 * Linux only, with openssl.
 *
 *     deno run --allow-all bench/tls.ts [rounds]
 *
 * @module
 */

import { processor } from "./_proc.ts";
import { Process, script } from "./_process.ts";
import { header, median, row, spreadOf } from "./_rounds.ts";

const ROUNDS = 12;
const OCTETS = 20_971_520;
const piece = new Uint8Array(65_536).fill(0x78);

interface Turn {
  /** Megabytes a second. */
  readonly speed: number;
  /** Milliseconds of processor time of the server. */
  readonly cpu: number;
}

async function turn(server: Process, port: number, caCerts: string[]): Promise<Turn> {
  const [began, before] = [performance.now(), server.cpu()];
  using conn = await Deno.connectTls({ hostname: "localhost", port, caCerts });
  for (let sent = 0; sent < OCTETS; sent += piece.length) {
    for (let at = 0; at < piece.length;) at += await conn.write(piece.subarray(at));
  }
  await conn.closeWrite();
  if (await conn.read(new Uint8Array(1)) !== 1) {
    throw new Error("Found the end instead of an octet");
  }
  const milliseconds = performance.now() - began;
  return { speed: OCTETS / 1e3 / milliseconds, cpu: (server.cpu() - before) * 1e3 };
}

if (import.meta.main) {
  const [rounds = ROUNDS] = Deno.args.map(Number);
  const directory = await Deno.makeTempDir();
  const [cert, key] = [`${directory}/cert.pem`, `${directory}/key.pem`];
  await new Deno.Command("openssl", {
    args: [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"],
      ...["-days", "1", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
      ...["-addext", "basicConstraints=critical,CA:FALSE", "-keyout", key, "-out", cert],
    ],
    stderr: "null",
  }).output();
  const authorities = [await Deno.readTextFile(cert)];
  const start = (kind: string): Process =>
    new Process(["--allow-net", "--allow-read", script("_tls_server.ts"), kind, cert, key]);
  await using native = start("native");
  await using ours = start("ours");
  const servers = { native, ours };
  const ports = { native: Number(await native.line()), ours: Number(await ours.line()) };
  const turns = { native: [] as Turn[], ours: [] as Turn[] };
  for (let round = 0; round <= rounds; round++) {
    for (
      const kind of round % 2 === 0 ? ["native", "ours"] as const : ["ours", "native"] as const
    ) {
      const one = await turn(servers[kind], ports[kind], authorities);
      if (round > 0) turns[kind].push(one);
    }
  }
  await Deno.remove(directory, { recursive: true });
  const day = new Date().toISOString().slice(0, 10);
  console.log(`${processor()}; Deno ${Deno.version.deno}; ${day}; ${rounds} rounds of 20 MB\n`);
  header("server", "MB/s", "ratio to native", "processor ms", "ratio to native");
  for (const kind of ["native", "ours"] as const) {
    const ratio = (key: keyof Turn): string =>
      kind === "native"
        ? ""
        : spreadOf(turns.ours.map((one, nth) => one[key] / turns.native[nth][key]), 2);
    const own = (key: keyof Turn): string => median(turns[kind].map((one) => one[key])).toFixed(0);
    row(kind, own("speed"), ratio("speed"), own("cpu"), ratio("cpu"));
  }
}
