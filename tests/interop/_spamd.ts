/**
 * A private spamd in a temporary directory: a few rules of the test's own, no network, nothing of the
 * machine's.
 *
 * @module
 */

import type { SocketTarget } from "../../src/channel.ts";
import { encode } from "../../src/bytes.ts";
import { type Daemon, startDaemon } from "./_daemon.ts";
import { freePort } from "./_tools.ts";

/** The line that every SpamAssassin takes for spam: 1000 points. */
export const GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X";

const RULES = String.raw`
required_score 5
report_safe 0
rewrite_header Subject [SPAM]
add_header spam Flag _YESNOCAPS_
add_header all Test value _TESTS_
body GTUBE /XJS\*C4JDBQADN1\.NSBN3\*2IDNEN\*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL\*C\.34X/
describe GTUBE The line that is always spam
score GTUBE 1000
header SLUICE_SUBJECT Subject =~ /lottery/i
describe SLUICE_SUBJECT A subject
score SLUICE_SUBJECT 2.5
header SLUICE_SENDER EnvelopeFrom =~ /^known\@x\.example$/
describe SLUICE_SENDER A reverse-path
score SLUICE_SENDER -1
header SLUICE_CLIENT X-Spam-Relays-Untrusted =~ /^\[ ip=192\.0\.2\.1 rdns=\S* helo=client\.example /
describe SLUICE_CLIENT A client
score SLUICE_CLIENT -0.5
`;

/** A private spamd. */
export interface SpamdInstance extends Daemon {
  readonly tcp: Extract<SocketTarget, { transport: "tcp" }>;
  readonly unix: Extract<SocketTarget, { transport: "unix" }>;
}

/** Starts a private spamd. @throws {Error} If it does not start; the message holds what it logged. */
export async function startSpamd(): Promise<SpamdInstance> {
  const directory = await Deno.makeTempDir({ prefix: "sluice-spamd-" });
  // Its children are not root.
  await Deno.chmod(directory, 0o755);
  for (const name of ["rules", "site", "home"]) await Deno.mkdir(`${directory}/${name}`);
  await Deno.chmod(`${directory}/home`, 0o777);
  const unix = { transport: "unix", path: `${directory}/spamd.sock` } as const;
  const tcp = { transport: "tcp", host: "127.0.0.1", port: freePort() } as const;
  await Deno.writeTextFile(`${directory}/rules/test.cf`, RULES);
  await Deno.writeTextFile(
    `${directory}/site/init.pre`,
    "loadplugin Mail::SpamAssassin::Plugin::Check\n",
  );
  const daemon = await startDaemon("spamd", {
    args: [
      ...["--daemonize", "--pidfile", `${directory}/pid`, "--syslog", `${directory}/log`],
      ...["--local", "--nouser-config", "--max-children", "2", "--min-children", "1"],
      ...["--configpath", `${directory}/rules`, "--siteconfigpath", `${directory}/site`],
      ...["--helper-home-dir", `${directory}/home`, ...Deno.uid() === 0 ? ["-u", "nobody"] : []],
      ...["--listen", `${tcp.host}:${tcp.port}`, "--socketpath", unix.path],
    ],
    directory,
    ready: async () => {
      using conn = await Deno.connect(unix);
      await conn.write(encode("PING SPAMC/1.2\r\n\r\n"));
      const answer = new Uint8Array(100);
      const length = await conn.read(answer) ?? 0;
      return new TextDecoder().decode(answer.subarray(0, length)).includes("PONG");
    },
  });
  return { ...daemon, tcp, unix };
}
