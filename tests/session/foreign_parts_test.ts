/** Channels and upstreams that others have written, and that do not keep their promises. */

import { memoryPair } from "../../src/adapters/memory.ts";
import { Extensions } from "../../src/rfc5321/extension.ts";
import { Reply } from "../../src/rfc5321/reply.ts";
import type { Upstream, UpstreamLink } from "../../src/session/upstream.ts";
import { createProxy } from "../../src/proxy.ts";
import { addressed, rest } from "../_dialogue.ts";
import { FakeClock } from "../_clock.ts";
import { guarded, Peer } from "../_peer.ts";

Deno.test("foreign: a channel that never ends its side does not hold the session", async () => {
  const clock = new FakeClock();
  const proxy = createProxy({ hostname: "proxy.example", clock });
  const [far, near] = memoryPair();
  const channel = {
    ...addressed(near, near.localAddress, near.remoteAddress),
    closeWrite: () => new Promise<void>(() => {}),
  };
  const ended = proxy.handle(channel);
  const client = new Peer("client", far);
  await client.expect("220 *");
  await client.send("QUIT\r\n");
  await client.expect("221 *");
  await rest();
  await clock.advance(600_000);
  await guarded(ended, () => "the session to end");
  await proxy.close();
});

Deno.test("foreign: an upstream's own mistake is 451, and no unhandled rejection", async () => {
  const answered = Promise.withResolvers<Reply>();
  const link: UpstreamLink = {
    extensions: Extensions.none,
    open: true,
    usable: true,
    mail: () => Promise.reject(new TypeError("a mistake")),
    rcpt: () => answered.promise,
    data: () => Promise.resolve(new Reply(503, "5.5.1 No")),
    reset: () => Promise.resolve(new Reply(250, "2.0.0 Ok")),
    authenticate: () => Promise.resolve(new Reply(502, "5.5.1 No")),
    query: () => Promise.resolve(new Reply(502, "5.5.1 No")),
    quit: () => Promise.resolve(),
    abort: () => {},
  };
  const upstream: Upstream = {
    name: "mistaken",
    offer: () => Promise.resolve({ extensions: Extensions.none, verified: false }),
    connect: () => Promise.resolve(link),
    close: () => Promise.resolve(),
  };
  const proxy = createProxy({
    hostname: "proxy.example",
    clock: new FakeClock(),
    upstream,
    upstreams: { other: upstream },
  });
  const [far, near] = memoryPair();
  const ended = proxy.handle(near);
  const client = new Peer("client", far);
  await client.expect("220 *");
  await client.send("HELO client.example\r\n");
  await client.expect("250 *");
  await client.send("MAIL FROM:<a@b.example>\r\n");
  await client.expect("250 *");
  await client.send("RCPT TO:<c@d.example>\r\n");
  await client.expectNothing();
  answered.resolve(new Reply(250, "2.1.5 Ok"));
  await client.expect("451 4.3.0 *");
  client.close();
  await ended;
  await proxy.close();
});
