/**
 * The configuration of nobody who has written one.
 *
 * @module
 */

import type { Configuration, LogSource } from "./configuration.ts";
import { printPath } from "./places.ts";

/** The log of whoever says nothing about it. */
export const defaultLog: LogSource = { format: "text", level: "info", addresses: "plain" };

/** Says what an empty file says, without what it takes to read one. */
export function defaultConfiguration(): Configuration {
  return {
    file: "",
    options: { limits: {}, timeouts: {} },
    lookupNames: false,
    listeners: [{
      at: { transport: "tcp", host: "127.0.0.1", port: 2525 },
      options: {},
      path: ["listen"],
    }],
    upstream: {
      servers: [{
        name: "capture:",
        url: { kind: "capture", directory: undefined },
        path: ["upstream", "url"],
      }],
      path: ["upstream", "url"],
    },
    upstreams: new Map(),
    tls: undefined,
    tables: new Map(),
    rules: [],
    filters: [],
    quarantine: undefined,
    module: undefined,
    shadow: undefined,
    record: undefined,
    admin: undefined,
    log: defaultLog,
    workers: 1,
    mistake: (path, found, allowed) => ({ key: printPath(path), found, allowed }),
  };
}
