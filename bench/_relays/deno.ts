/**
 * What a relay under Deno costs that looks at nothing: octets each way by `read` and `write`, a
 * connection to the upstream for each client.
 *
 *     deno run --allow-net=127.0.0.1 bench/_relays/deno.ts 2525 25
 *
 * @module
 */

const READ = 65_536;
const [port, upstreamPort] = Deno.args.map(Number);

async function move(from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> {
  const buffer = new Uint8Array(READ);
  for (;;) {
    const count = await from.read(buffer);
    if (count === null) break;
    for (let at = 0; at < count;) at += await to.write(buffer.subarray(at, count));
  }
  await to.closeWrite();
}

async function relay(client: Deno.TcpConn): Promise<void> {
  using _ = client;
  using upstream = await Deno.connect({ hostname: "127.0.0.1", port: upstreamPort });
  client.setNoDelay();
  upstream.setNoDelay();
  await Promise.all([move(client, upstream), move(upstream, client)]);
}

for await (const client of Deno.listen({ hostname: "127.0.0.1", port })) {
  // One that is cut off is none of the others' business.
  void relay(client).catch(() => {});
}
