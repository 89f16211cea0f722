/**
 * A private clamd in a temporary directory: one signature of the test's own, nothing of the machine's.
 *
 * @module
 */

import type { SocketTarget } from "../../src/channel.ts";
import { encode } from "../../src/bytes.ts";
import { type Daemon, startDaemon } from "./_daemon.ts";
import { freePort } from "./_tools.ts";

/** What its only signature finds, and what that is called; clamd adds that it is not official. */
export const INFECTION = "SLUICE-INTEROP-INFECTION-7f3a";
export const INFECTION_NAME = "Sluice.Test.Infection.UNOFFICIAL";

/** Octets that it takes at most. */
export const STREAM_MAX_LENGTH = 26_214_400;

/** A private clamd. */
export interface ClamdInstance extends Daemon {
  readonly tcp: Extract<SocketTarget, { transport: "tcp" }>;
  readonly unix: Extract<SocketTarget, { transport: "unix" }>;
}

/** Starts a private clamd. @throws {Error} If it does not start; the message holds what it printed. */
export async function startClamd(): Promise<ClamdInstance> {
  const directory = await Deno.makeTempDir({ prefix: "sluice-clamd-" });
  const unix = { transport: "unix", path: `${directory}/clamd.sock` } as const;
  const tcp = { transport: "tcp", host: "127.0.0.1", port: freePort() } as const;
  const config = `${directory}/clamd.conf`;
  const hex = encode(INFECTION).toHex();
  await Deno.mkdir(`${directory}/db`);
  await Deno.writeTextFile(`${directory}/db/test.ndb`, `Sluice.Test.Infection:0:*:${hex}\n`);
  await Deno.writeTextFile(
    config,
    [
      `LogFile ${directory}/log`,
      `PidFile ${directory}/pid`,
      `DatabaseDirectory ${directory}/db`,
      `TemporaryDirectory ${directory}`,
      `LocalSocket ${unix.path}`,
      `TCPSocket ${tcp.port}`,
      `TCPAddr ${tcp.host}`,
      `StreamMaxLength ${STREAM_MAX_LENGTH}`,
      "",
    ].join("\n"),
  );
  const daemon = await startDaemon("clamd", {
    args: ["--config-file", config],
    directory,
    ready: async () => {
      using conn = await Deno.connect({ hostname: tcp.host, port: tcp.port });
      await conn.write(encode("zPING\0"));
      const answer = new Uint8Array(5);
      await conn.read(answer);
      return new TextDecoder().decode(answer) === "PONG\0";
    },
  });
  return { ...daemon, tcp, unix };
}
