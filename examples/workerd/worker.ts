/**
 * A filter in front of a mail server, in a workerd of your own.
 *
 * @module
 */

import { definePolicy, reject } from "@sluice/sluice/policy";
import { sluice, type WorkerdHandler, type WorkerdSmtp } from "@sluice/sluice/workerd";

/** Mail for others is not ours to carry. */
const policy = definePolicy({
  name: "our domain",
  rcpt: ({ forwardPath }) =>
    forwardPath.domain === "mx.example" ? undefined : reject("550 5.7.1 No relaying"),
});

/** The worker in front of a server. */
export function inFrontOf(target: WorkerdSmtp["target"]): WorkerdHandler {
  return sluice({ hostname: "mx.example", policy, upstream: { target, tls: { mode: "none" } } });
}

// esbuild --bundle --format=esm --outfile=worker.js worker.ts
// workerd serve --experimental config.capnp
export default inFrontOf({ transport: "tcp", host: "127.0.0.1", port: 25 });
