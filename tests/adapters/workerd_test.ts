/** What workerd's adapter refuses, and what it makes of sockets; workerd itself is in tests/runtimes. */

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { memoryPair } from "../../src/adapters/memory.ts";
import { streamsOfChannel } from "../../src/adapters/streams.ts";
import {
  sluice,
  type SocketInfo,
  workerdDialer,
  type WorkerdOptions,
  type WorkerdSocket,
  workerdTlsClient,
} from "../../src/adapters/workerd/mod.ts";
import { dialerOf } from "../../src/adapters/workerd/dialer.ts";
import { type Channel, ChannelError } from "../../src/channel.ts";
import { OptionError } from "../../src/errors.ts";
import { definePolicy, type SessionFacts } from "../../src/policy/mod.ts";
import { CaptureUpstream, MemoryStore } from "../../src/upstream/capture.ts";
import { settle } from "../_clock.ts";
import { Peer } from "../_peer.ts";

const capture = () => new CaptureUpstream("capture:", new MemoryStore());
const target = { transport: "tcp", host: "mail.example", port: 25 } as const;
const smtp = { target, tls: { mode: "none" } } as const;
const good: WorkerdOptions = { hostname: "mx.example", upstream: smtp };

/** One mistake, in an option that no other runtime would refuse unless its name is the proxy's own. */
const mistakes: Readonly<Record<string, readonly [options: unknown, message: string]>> = {
  "STARTTLS for clients": [
    { tls: {} },
    'option "tls": found [object Object], allowed is nothing in workerd, which has no server side of',
  ],
  "no name": [
    { hostname: undefined },
    'option "hostname": found undefined, allowed is a domain name',
  ],
  "no upstream": [
    { upstream: undefined },
    'option "upstream": found undefined, allowed is an SMTP',
  ],
  "an upstream for all": [{ upstream: capture() }, "in workerd no two sessions share an upstream"],
  "a Unix socket": [
    { upstream: { ...smtp, target: { transport: "unix", path: "/run/smtp" } } },
    'option "upstream.target": found "unix", allowed is tcp: workerd has no other way',
  ],
  "TLS that is not decided": [
    { upstream: { target } },
    'option "upstream.tls": found undefined, allowed is none, or required or implicit with a name',
  ],
  "TLS of any certificate": [
    { upstream: { target, tls: { mode: "required", verify: { kind: "none" } } } },
    'option "upstream.tls": found "required", allowed is none, or',
  ],
  "opportunistic TLS": [
    { upstream: { target, tls: { mode: "opportunistic" } } },
    'option "upstream.tls": found "opportunistic", allowed is none, or',
  ],
  "authorities of one's own": [
    {
      upstream: {
        target,
        tls: { mode: "implicit", verify: { kind: "name", name: "a", authorities: [] } },
      },
    },
    "which workerd verifies by the authorities of its own configuration",
  ],
  "a pool": [
    { upstream: { ...smtp, pool: { connections: 3 } } },
    "nothing: in workerd a connection ends with the session that has opened it",
  ],
  "another upstream": [
    { upstreams: { archive: { target } } },
    'option "upstreams.archive.tls": found undefined',
  ],
  "another default": [{ upstreams: { default: smtp } }, 'option "upstreams": found "default"'],
  "what no upstream can use": [
    { upstream: { ...smtp, timeouts: { greeting: 0 } } },
    'option "upstream.timeouts.greeting": found 0',
  ],
  "what no proxy can use": [{ limits: { sessions: 0 } }, 'option "limits.sessions": found 0'],
  "what no listener can use": [{ proxyFrom: ["x"] }, 'option "proxyFrom"'],
  "a policy that needs STARTTLS": [
    { policy: definePolicy({ name: "strict", needs: ["starttls"] }) },
    'found "strict, which needs starttls", allowed is a policy that needs what workerd gives (it has',
  ],
  "a shadow that needs STARTTLS": [
    { shadow: definePolicy({ needs: ["starttls"] }) },
    'option "shadow": found "policy, which needs starttls"',
  ],
};

for (const [what, [options, message]] of Object.entries(mistakes)) {
  Deno.test(`workerd refuses ${what}`, () => {
    assertThrows(() => sluice({ ...good, ...options as WorkerdOptions }), OptionError, message);
  });
}

Deno.test("workerd can have all the rest", () => {
  const verify = { kind: "name", name: "mail.example" } as const;
  sluice({
    ...good,
    policy: definePolicy({ needs: ["connect", "rcpt", "disconnect", "route"] }),
    upstreams: {
      secure: {
        target,
        tls: { mode: "required", verify },
        pool: false,
      } as WorkerdOptions["upstream"],
      capture,
    },
    implicitTls: true,
  });
});

/** workerd's end of a connection, whose other end is a test's. */
function socketOf(channel: Channel, opened: Promise<SocketInfo>): WorkerdSocket {
  return {
    ...streamsOfChannel(channel),
    opened,
    closed: Promise.resolve(),
    close: () => Promise.resolve(channel.close()),
    startTls: () => {
      throw new TypeError("not here");
    },
  };
}

const unknown = { client: ["", 0], server: { transport: "memory", name: "workerd" } };

/** Addresses as workerd tells them, and what a policy is told. */
const addresses: Readonly<Record<string, readonly [SocketInfo, unknown]>> = {
  "IPv4": [
    { remoteAddress: "192.0.2.1:50000", localAddress: "192.0.2.25:25" },
    { client: ["192.0.2.1", 50000], server: { transport: "tcp", host: "192.0.2.25", port: 25 } },
  ],
  "IPv6": [
    { remoteAddress: "[2001:db8::1]:50000", localAddress: "[::1]:25" },
    { client: ["2001:db8::1", 50000], server: { transport: "tcp", host: "::1", port: 25 } },
  ],
  "IPv4 in IPv6": [
    { remoteAddress: "[::ffff:192.0.2.1]:50000", localAddress: "[::ffff:192.0.2.25]:25" },
    { client: ["192.0.2.1", 50000], server: { transport: "tcp", host: "192.0.2.25", port: 25 } },
  ],
  "nothing": [{}, unknown],
  "a Unix socket": [{ remoteAddress: "unix:", localAddress: "unix:/run/smtp" }, unknown],
};

for (const [what, [info, expected]] of Object.entries(addresses)) {
  Deno.test(`workerd tells the addresses: ${what}`, async () => {
    const told: SessionFacts[] = [];
    const policy = definePolicy({ connect: (facts) => void told.push(facts) });
    const [far, near] = memoryPair();
    const client = new Peer("client", far);
    const served = sluice({ ...good, upstream: capture, policy })
      .connect(socketOf(near, Promise.resolve(info)));
    await client.expect("220 mx.example ESMTP");
    client.close();
    await served;
    const [{ client: { address, port }, server }] = told;
    assertEquals({ client: [address, port], server } as unknown, expected);
  });
}

Deno.test("workerd's TLS is the client's", async () => {
  const store = new MemoryStore();
  const [far, near] = memoryPair();
  const client = new Peer("client", far);
  const upstream = () => new CaptureUpstream("capture:", store);
  const served = sluice({ ...good, upstream, implicitTls: true })
    .connect(socketOf(near, Promise.resolve({})));
  await client.expect("220 mx.example ESMTP");
  await client.send("EHLO client.example\r\n");
  assertEquals((await client.reply()).some((line) => line.includes("STARTTLS")), false);
  await client.send("MAIL FROM:<a@client.example>\r\nRCPT TO:<b@mx.example>\r\nDATA\r\n");
  await client.expect("250*", "250*", "354*");
  await client.send("Hello\r\n.\r\nQUIT\r\n");
  await client.expect("250*", "221*");
  client.close();
  await served;
  const [{ content }] = store.messages;
  const [from, by, recipient] = new TextDecoder().decode(content).split("\r\n");
  assertEquals(from, "Received: from client.example (unknown)");
  // No cipher: workerd does not tell it.
  assertEquals(by.replace(/id .*/, "id"), "\tby mx.example with ESMTPS id");
  assertEquals(recipient, "\tfor <b@mx.example>;");
});

Deno.test("a client that is gone before it is anybody ends nothing", async () => {
  const [far, near] = memoryPair();
  far.close();
  const troubles: unknown[] = [];
  const observers = [{ trouble: (_: unknown, error: unknown) => void troubles.push(error) }];
  const opened = Promise.reject(new Error("gone"));
  await sluice({ ...good, observers }).connect(socketOf(near, opened));
  assertEquals((troubles[0] as Error).message, "Cannot connect: gone");
});

Deno.test("workerd's dialer and TLS refuse what they cannot do", async () => {
  const { signal } = new AbortController();
  const unix = { transport: "unix", path: "/run/smtp" } as const;
  const kindOf = async (attempt: () => Promise<Channel>) =>
    (await assertRejects(attempt, ChannelError)).kind;
  assertEquals(await kindOf(() => workerdDialer.connect(unix, signal)), "refused");
  for (const verify of [{ kind: "none" }, { kind: "name", name: "a.example" }] as const) {
    const [far, near] = memoryPair();
    const options = { serverName: "a.example", verify };
    assertEquals(await kindOf(() => workerdTlsClient.connect(near, options, signal)), "tls");
    assertEquals(await far.read(), undefined);
    far.close();
  }
});

Deno.test("workerd: an address that it refuses at once is a connection that is refused", async () => {
  const connect = (): never => {
    throw new TypeError("Specified address could not be parsed.");
  };
  const dialer = dialerOf(() => Promise.resolve({ connect }));
  const error = await assertRejects(
    () => dialer.connect(target, new AbortController().signal),
    ChannelError,
    "Specified address",
  );
  assertEquals(error.kind, "refused");
});

Deno.test("a connection that is called off is closed, whenever it comes about", async () => {
  for (const early of [true, false]) {
    const [far, near] = memoryPair();
    const opened = Promise.withResolvers<SocketInfo>();
    const dialled: unknown[] = [];
    const dialer = dialerOf(() =>
      Promise.resolve({
        connect(address) {
          dialled.push(address);
          return socketOf(near, opened.promise);
        },
      })
    );
    const calling = new AbortController();
    if (early) calling.abort(new Error("too late"));
    const attempt = dialer.connect({ transport: "tcp", host: "::1", port: 25 }, calling.signal);
    const refused = assertRejects(() => attempt, ChannelError, "Stopped connecting: too late");
    await settle();
    assertEquals(dialled, early ? [] : [{ hostname: "[::1]", port: 25 }]);
    calling.abort(new Error("too late"));
    assertEquals((await refused).kind, "aborted");
    opened.resolve({});
    if (!early) assertEquals(await far.read(), undefined);
    near.close();
    far.close();
  }
});
