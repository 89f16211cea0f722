import { createTlsClient, createTlsServer } from "../../src/adapters/node_tls.ts";
import { staticCertificates } from "../../src/adapters/node_certificates.ts";
import { memoryPair } from "../../src/adapters/memory.ts";
import { channelOfStreams, streamsOfChannel } from "../../src/adapters/streams.ts";
import { denoDialer } from "../../src/adapters/deno/dialer.ts";
import { listen } from "../../src/adapters/deno/listener.ts";
import type { Channel, SocketTarget } from "../../src/channel.ts";
import { makeCertificates } from "../_certificates.ts";
import { WINDOW } from "../../src/adapters/websocket.ts";
import { channelContract, type ChannelPair } from "./_channel_contract.ts";
import { listenerPair, upgradedPair } from "./_websockets.ts";

const never = new AbortController().signal;
let directory = "";

Deno.test.beforeAll(async () => {
  directory = await Deno.makeTempDir({ prefix: "sluice-sockets-" });
});

Deno.test.afterAll(async () => {
  await Deno.remove(directory, { recursive: true });
  await (await makeCertificates()).remove();
});

async function socketPair(target: SocketTarget): Promise<ChannelPair> {
  const listener = await listen(target);
  const [one, { value: other }] = await Promise.all([
    denoDialer.connect(listener.address as SocketTarget, never),
    listener[Symbol.asyncIterator]().next(),
  ]);
  return { one, other, dispose: () => listener.close() };
}

const tcpPair = () => socketPair({ transport: "tcp", host: "127.0.0.1", port: 0 });

async function overTls(below: ChannelPair): Promise<ChannelPair> {
  const { a } = await makeCertificates();
  const server = createTlsServer({ certificates: staticCertificates([a]) });
  const [one, other] = await Promise.all([
    createTlsClient().connect(
      below.one,
      { serverName: "a.example", verify: { kind: "none" } },
      never,
    ),
    server.accept(below.other, never),
  ]);
  return { one, other, dispose: below.dispose };
}

function overStreams(channel: Channel): Channel {
  return channelOfStreams(streamsOfChannel(channel), channel);
}

const memory = (buffer?: number): ChannelPair => {
  const [one, other] = memoryPair({ buffer });
  return { one, other };
};

const inMemory = 2 * 65536;
/** What Linux lets the two kernel buffers of a connection grow to, and more. */
const inKernel = 16 * 1024 * 1024;

channelContract("memory", inMemory, () => Promise.resolve(memory()));
channelContract("memory with a small buffer", 2000, () => Promise.resolve(memory(1000)));
channelContract("TCP", inKernel, tcpPair);
channelContract("Unix socket", inKernel, () => {
  return socketPair({ transport: "unix", path: `${directory}/socket` });
});
channelContract("TLS over memory", 10 * 65536, () => overTls(memory()));
channelContract("TLS over TCP", inKernel, async () => overTls(await tcpPair()));
channelContract("streams over memory", inMemory, () => {
  const { one, other } = memory();
  return Promise.resolve({ one: overStreams(one), other: overStreams(other) });
});
channelContract("streams over TCP", inKernel, async () => {
  const { one, other, dispose } = await tcpPair();
  return { one: overStreams(one), other: overStreams(other), dispose };
});
channelContract("WebSocket", 2 * WINDOW, listenerPair);
channelContract("WebSocket, from its server", 2 * WINDOW, async () => {
  const { one, other, dispose } = await listenerPair();
  return { one: other, other: one, dispose };
});
channelContract("WebSocket of an app", 2 * WINDOW, upgradedPair);
