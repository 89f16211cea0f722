/**
 * What a relay under Node costs that looks at nothing: `pipe` each way, a connection to the upstream
 * for each client.
 *
 *     node bench/_relays/node.mjs 2525 25
 */

import { connect, createServer } from "node:net";
import process from "node:process";

const [port, upstreamPort] = process.argv.slice(2).map(Number);
const options = { noDelay: true, allowHalfOpen: true };

createServer(options, (client) => {
  const upstream = connect({ ...options, host: "127.0.0.1", port: upstreamPort });
  client.on("error", () => upstream.destroy());
  upstream.on("error", () => client.destroy());
  client.pipe(upstream);
  upstream.pipe(client);
}).listen({ host: "127.0.0.1", port, backlog: 4096 });
