import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import * as tls from "node:tls";
import { listen } from "../../src/adapters/node/listener.ts";
import { type MemoryChannel, memoryPair } from "../../src/adapters/memory.ts";
import {
  type CertificateSource,
  createTlsClient,
  staticCertificates,
} from "../../src/adapters/node_tls.ts";
import { ChannelDuplex } from "../../src/adapters/node_tls_channel.ts";
import { type Channel, ChannelError, type SecureChannel } from "../../src/channel.ts";
import { makeCertificates } from "../_certificates.ts";
import { settle } from "../_clock.ts";
import { readAll } from "./_channel_contract.ts";
import { assertClosed, closeAll, handshake, loopback, never, serverOf } from "./_tls.ts";

const certificates = await makeCertificates();
const { a, b, ca, chained, client, expired, misissued, stolenClient, stranger } = certificates;
Deno.test.afterAll(() => certificates.remove());

const text = new TextEncoder();

/** The failure of a handshake over memory whose client sends just these chunks, then ends. */
async function failureOf(chunks: Uint8Array[]): Promise<ChannelError> {
  const [peer, channel] = memoryPair();
  const failed = assertRejects(() => serverOf().accept(channel, never), ChannelError);
  for (const chunk of chunks) await peer.write(chunk).catch(() => {});
  await peer.closeWrite();
  const error = await failed;
  await assertClosed(channel);
  return error;
}

/** What a client of `node:tls` sends first. */
async function clientHello(): Promise<Uint8Array> {
  const [below, peer] = memoryPair();
  const connecting = createTlsClient()
    .connect(below, { serverName: "a.example", verify: { kind: "none" } }, never);
  const hello = (await peer.read(65536))!.slice();
  peer.close();
  await assertRejects(() => connecting, ChannelError);
  return hello;
}

Deno.test("TLS server: the certificate is chosen by server name", async (t) => {
  const cases = [
    ["a.example", a],
    ["A.EXAMPLE", a],
    ["mail.b.example", b],
    ["b.example", a],
    ["x.mail.b.example", a],
    ["elsewhere.example", a],
    ["192.0.2.1", a],
    ["", a],
  ] as const;
  for (const [serverName, expected] of cases) {
    await t.step(serverName || "no name", async () => {
      const [one, other] = await handshake({}, { serverName });
      assertEquals(one.tls.peer?.fingerprint, expected.fingerprint);
      const asked = serverName === "192.0.2.1" ? "" : serverName.toLowerCase();
      assertEquals(other.tls.serverName, asked);
      assertEquals(other.tls.peer, undefined);
      closeAll(one, other);
    });
  }
});

Deno.test("TLS server: versions 1.2 and 1.3, and the oldest that is allowed", async (t) => {
  const cases = [
    ["TLSv1.2", "TLSv1.2", true],
    ["TLSv1.3", "TLSv1.2", true],
    ["TLSv1.3", "TLSv1.3", true],
    ["TLSv1.2", "TLSv1.3", false],
  ] as const;
  for (const [spoken, minVersion, accepted] of cases) {
    await t.step(`${spoken} where ${minVersion} is the oldest`, async () => {
      const [below, above] = memoryPair();
      const duplex = new ChannelDuplex(below);
      const socket = tls.connect({
        socket: duplex,
        maxVersion: spoken,
        rejectUnauthorized: false,
      });
      socket.on("error", () => {});
      duplex.readWhile(() => true);
      const accepting = serverOf({ minVersion }).accept(above, never);
      if (accepted) {
        const channel = await accepting;
        assertEquals(channel.tls.version, spoken);
        assert(channel.tls.cipher.length > 0);
        channel.close();
      } else {
        assertEquals((await assertRejects(() => accepting, ChannelError)).kind, "tls");
      }
      socket.destroy();
    });
  }
});

Deno.test("TLS server: client certificates are told, verified or not", async (t) => {
  const authorities = [ca.cert];
  const cases = [
    { name: "none shown", request: true, expected: undefined },
    { name: "not asked for", request: false, shown: client, expected: undefined },
    { name: "issued by the authority", request: true, shown: client, expected: [true, ""] },
    { name: "through an intermediate", request: true, shown: chained, expected: [true, ""] },
    {
      name: "issued by no authority",
      request: true,
      shown: misissued,
      expected: [false, 'no configured authority issued "misissued.example"'],
    },
    {
      name: "of an unknown authority",
      request: true,
      shown: stranger,
      expected: [false, 'no configured authority issued "stranger.example"'],
    },
    { name: "run out", request: true, shown: expired, expected: [false, "is valid from"] },
  ] as const;
  for (const { name, request, expected, ...rest } of cases) {
    await t.step(name, async () => {
      const shown = "shown" in rest ? rest.shown : undefined;
      const [one, other] = await handshake({ clientCertificates: { request, authorities } }, {
        tls: createTlsClient({ certificate: shown?.cert, key: shown?.key }),
      });
      const { peer } = other.tls;
      if (expected === undefined) {
        assertEquals(peer, undefined);
      } else {
        assertEquals(peer?.fingerprint, shown?.fingerprint);
        assertEquals(peer?.verified, expected[0]);
        assertStringIncludes(peer?.problem ?? "", expected[1]);
      }
      closeAll(one, other);
    });
  }
});

Deno.test("TLS server: an authority itself is believed, nothing is without authorities", async () => {
  const tls = createTlsClient({ certificate: stranger.cert, key: stranger.key });
  for (const [authorities, verified] of [[[stranger.cert], true], [[], false]] as const) {
    const [one, other] = await handshake(
      { clientCertificates: { request: true, authorities } },
      { tls },
    );
    assertEquals(other.tls.peer?.verified, verified);
    closeAll(one, other);
  }
});

Deno.test("TLS server: validity is judged by the clock", async () => {
  const afterwards = {
    now: () => Date.now() + 30 * 86_400_000,
    monotonic: () => 0,
    after: () => ({ cancel() {} }),
  };
  const [one, other] = await handshake(
    { clientCertificates: { request: true, authorities: [ca.cert] }, clock: afterwards },
    { tls: createTlsClient({ certificate: client.cert, key: client.key }) },
  );
  assertEquals(other.tls.peer?.verified, false);
  closeAll(one, other);
});

Deno.test("TLS server: a client must hold its certificate's key", async (t) => {
  const server = serverOf({ clientCertificates: { request: true, authorities: [ca.cert] } });
  for (const version of ["-tls1_2", "-tls1_3"]) {
    for (const [shown, accepted] of [[client, true], [stolenClient, false]] as const) {
      await t.step(`${version} ${accepted ? "its own" : "stolen"}`, async () => {
        const listener = await listen(loopback);
        const { port } = listener.address as { port: number };
        const process = new Deno.Command("openssl", {
          args: [
            ...["s_client", "-connect", `127.0.0.1:${port}`, version, "-quiet"],
            ...["-cert", shown.certPath, "-key", shown.keyPath],
          ],
          stdin: "null",
          stdout: "null",
          stderr: "null",
        }).spawn();
        const { value: channel } = await listener[Symbol.asyncIterator]().next();
        if (accepted) {
          const secure = await server.accept(channel, never);
          assertEquals(secure.tls.peer?.verified, true);
          secure.close();
        } else {
          await assertRejects(() => server.accept(channel, never), ChannelError);
        }
        listener.close();
        await process.status;
      });
    }
  }
});

Deno.test("TLS server: whoever does not speak TLS is refused", async (t) => {
  const hello = await clientHello();
  const cases: [string, Uint8Array[], string][] = [
    ["plain text", [text.encode("EHLO client.example\r\n")], "record type is 69"],
    ["nothing at all", [], "has ended the connection"],
    ["half a ClientHello", [hello.subarray(0, 100)], "has ended the connection"],
    ["a ClientHello and the end", [hello], "has ended the connection"],
    ["junk after the ClientHello", [hello, text.encode("EHLO client.example\r\n")], ""],
    ["junk right behind it", [Uint8Array.of(...hello, 0x45, 0x48, 0x4c, 0x4f, 0x20)], ""],
  ];
  for (const [name, chunks, problem] of cases) {
    await t.step(name, async () => {
      const error = await failureOf(chunks);
      assertEquals(error.kind, "tls");
      assertStringIncludes(error.message, problem);
    });
  }
});

Deno.test("TLS server: octets behind the ClientHello reach the engine", async () => {
  // An alert of the client, handshake_failure, in the same chunk: the connection stays open, so
  // an engine that did not see it would wait.
  const alert = Uint8Array.of(21, 3, 3, 0, 2, 2, 40);
  const [peer, channel] = memoryPair();
  const accepting = serverOf().accept(channel, never);
  await peer.write(Uint8Array.of(...await clientHello(), ...alert));
  assertEquals((await assertRejects(() => accepting, ChannelError)).kind, "tls");
  peer.close();
});

Deno.test("TLS server: a ClientHello may come octet by octet", async () => {
  const [peer, channel] = memoryPair();
  const accepting = serverOf().accept(channel, never);
  for (const octet of await clientHello()) await peer.write(Uint8Array.of(octet));
  // The server's answer: a handshake record.
  assertEquals((await peer.read())?.[0], 22);
  peer.close();
  await assertRejects(() => accepting, ChannelError);
});

Deno.test("TLS: the signal ends a handshake", async (t) => {
  const silent: CertificateSource = { certificateFor: () => new Promise(() => {}) };
  const hello = await clientHello();
  const cases: [string, (channel: Channel, signal: AbortSignal) => Promise<SecureChannel>][] = [
    ["silent client", (channel, signal) => serverOf().accept(channel, signal)],
    [
      "certificate that does not come",
      (channel, signal) => serverOf({ certificates: silent }).accept(channel, signal),
    ],
    [
      "silent server",
      (channel, signal) => {
        const options = { serverName: "a.example", verify: { kind: "none" } } as const;
        return createTlsClient().connect(channel, options, signal);
      },
    ],
  ];
  for (const [name, start] of cases) {
    for (const turns of [-1, 0, 5]) {
      const when = turns < 0 ? "before it" : `after ${turns} turns`;
      await t.step(`${name}, ${when}`, async () => {
        const [peer, channel] = memoryPair();
        const controller = new AbortController();
        if (turns < 0) controller.abort(new Error("shutdown"));
        const failed = assertRejects(() => start(channel, controller.signal), ChannelError);
        if (name === "certificate that does not come") await peer.write(hello).catch(() => {});
        for (let turn = 0; turn < turns; turn++) await settle();
        controller.abort(new Error("shutdown"));
        const error = await failed;
        assertEquals(error.kind, "aborted");
        assertStringIncludes(error.message, "shutdown");
        await assertClosed(channel);
      });
    }
  }
});

Deno.test("TLS: whatever happens to the connection, and when, only the handshake fails", async () => {
  const misfortunes: ((channel: MemoryChannel, signal: AbortController) => void)[] = [
    (channel) => channel.reset(),
    (channel) => channel.close(),
    (channel) => void channel.closeWrite(),
    (_channel, controller) => controller.abort(),
  ];
  const server = serverOf({ clientCertificates: { request: true } });
  const options = { serverName: "a.example", verify: { kind: "none" } } as const;
  for (const misfortune of misfortunes) {
    for (let turns = 0; turns < 12; turns++) {
      const [below, above] = memoryPair({ buffer: 1000 });
      const controllers = [new AbortController(), new AbortController()];
      const outcomes = Promise.allSettled([
        createTlsClient().connect(below, options, controllers[0].signal),
        server.accept(above, controllers[1].signal),
      ]);
      for (let turn = 0; turn < turns; turn++) await settle();
      misfortune(turns % 2 === 0 ? below : above, controllers[turns % 2]);
      await settle();
      closeAll(below, above);
      for (const outcome of await outcomes) {
        if (outcome.status === "rejected") {
          assertInstanceOf(outcome.reason, ChannelError);
        } else {
          // Whatever the end is, a read comes to it.
          await outcome.value.read().catch((error) => assertInstanceOf(error, ChannelError));
          outcome.value.close();
        }
      }
    }
  }
});

Deno.test("TLS server: a signal after the handshake changes nothing", async () => {
  const controller = new AbortController();
  const [below, above] = memoryPair();
  const options = { serverName: "a.example", verify: { kind: "none" } } as const;
  const [one, other] = await Promise.all([
    createTlsClient().connect(below, options, controller.signal),
    serverOf().accept(above, controller.signal),
  ]);
  controller.abort();
  await one.write(text.encode("still here"));
  assertEquals(new TextDecoder().decode(await other.read()), "still here");
  closeAll(one, other);
});

Deno.test("TLS server: a certificate source that fails, fails the handshake", async () => {
  const [peer, channel] = memoryPair();
  const certificates: CertificateSource = {
    certificateFor: () => Promise.reject(new Error("the store is away")),
  };
  const failed = assertRejects(
    () => serverOf({ certificates }).accept(channel, never),
    ChannelError,
  );
  await peer.write(await clientHello());
  assertStringIncludes((await failed).message, "the store is away");
});

Deno.test("TLS server: a client may say all it has right behind its handshake", async () => {
  const [below, above] = memoryPair();
  const options = { serverName: "a.example", verify: { kind: "none" } } as const;
  const talk = async () => {
    const channel = await createTlsClient().connect(below, options, never);
    await channel.write(text.encode("QUIT"));
    await channel.closeWrite();
    return await readAll(channel);
  };
  const serve = async () => {
    const channel = await serverOf().accept(above, never);
    const said = await readAll(channel);
    await channel.write(text.encode("221"));
    await channel.closeWrite();
    channel.close();
    return said;
  };
  const [reply, said] = await Promise.all([talk(), serve()]);
  assertEquals(new TextDecoder().decode(said), "QUIT");
  assertEquals(new TextDecoder().decode(reply), "221");
  below.close();
});

Deno.test("TLS: a peer that hangs up without close_notify has ended its side", async () => {
  const [below, above] = memoryPair();
  const options = { serverName: "a.example", verify: { kind: "none" } } as const;
  const [one, other] = await Promise.all([
    createTlsClient().connect(below, options, never),
    serverOf().accept(above, never),
  ]);
  await one.write(text.encode("QUIT"));
  await below.closeWrite();
  assertEquals(new TextDecoder().decode(await readAll(other)), "QUIT");
  closeAll(one, other);
});

Deno.test("TLS: a reset below breaks reads and writes above", async () => {
  const [below, above] = memoryPair();
  const options = { serverName: "a.example", verify: { kind: "none" } } as const;
  const [one, other] = await Promise.all([
    createTlsClient().connect(below, options, never),
    serverOf().accept(above, never),
  ]);
  const reading = assertRejects(() => other.read(), ChannelError);
  below.reset();
  assertEquals((await reading).kind, "broken");
  assertEquals(
    (await assertRejects(() => other.write(text.encode("x")), ChannelError)).kind,
    "broken",
  );
  closeAll(one, other);
});

Deno.test("staticCertificates: says what cannot be used", async (t) => {
  const cases = [
    ["none", [], "no certificate is given"],
    ["no certificate", [{ cert: "junk", key: a.key }], "Cannot read the certificate"],
    ["no key", [{ cert: a.cert, key: "junk" }], "Cannot read the private key"],
    ["another's key", [a, { cert: a.cert, key: b.key }], "is not that certificate's"],
  ] as const;
  for (const [name, pairs, problem] of cases) {
    await t.step(name, () => {
      let message = "";
      try {
        staticCertificates(pairs);
      } catch (error) {
        message = (error as Error).message;
      }
      assertStringIncludes(message, problem);
    });
  }
});
