/**
 * A program that serves with workers, and is sent SIGUSR2 while it says for the first time that it
 * listens. It prints what it says until it has been restarted.
 *
 * @module
 */

import { Supervisor } from "../../src/cli/workers/supervisor.ts";
import { defaultConfiguration } from "../../src/config/defaults.ts";

const restarted = Promise.withResolvers<void>();
const written = defaultConfiguration();
const at = { transport: "tcp", host: "127.0.0.1", port: 0 } as const;
const configuration = { ...written, listeners: [{ ...written.listeners[0], at }], workers: 1 };

const supervisor = await Supervisor.start({
  workers: 1,
  load: () => Promise.resolve(configuration),
  announce: ({ event }) => {
    console.log(event);
    if (event === "listening") Deno.kill(Deno.pid, "SIGUSR2");
    if (event === "restarted") restarted.resolve();
  },
  trouble: (error) => restarted.reject(error),
  audit: () => {},
  write: () => Promise.resolve(),
  drain: 1_000,
});
await restarted.promise;
await supervisor.close(0);
