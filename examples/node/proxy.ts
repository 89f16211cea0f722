/**
 * A filter in front of a mail server, as a program of Node (20 and later) or Bun.
 *
 * @module
 */

import process from "node:process";
import { createProxy, smtpUpstream } from "@sluice/sluice";
import { createTlsClient, listen, nodeDialer } from "@sluice/sluice/node";
import { definePolicy, reject } from "@sluice/sluice/policy";

// npm install @sluice/sluice && node proxy.ts 2525 25
// (Node before 22.18 reads no TypeScript: there are no types in this file, so call it proxy.mjs.)
const [port = "2525", upstreamPort = "25"] = process.argv.slice(2);

const proxy = createProxy({
  hostname: "mx.example",
  upstream: smtpUpstream({
    target: { transport: "tcp", host: "127.0.0.1", port: Number(upstreamPort) },
    dialer: nodeDialer,
    tlsClient: createTlsClient(),
  }),
  policy: definePolicy({
    rcpt: ({ forwardPath }) =>
      forwardPath.domain === "old.example" ? reject("550 5.1.6 Has moved") : undefined,
  }),
  observers: [{ transaction: ({ id }, { kind }) => console.log(id, kind) }],
});
const listener = await listen({ transport: "tcp", host: "127.0.0.1", port: Number(port) });
if (listener.address.transport === "tcp") console.log("listening", listener.address.port);

// New clients are told 421; who is in the midst of a message has 30 seconds.
process.once("SIGTERM", () => proxy.close(30_000));
await proxy.serve(listener);
