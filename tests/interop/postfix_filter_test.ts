import { assert, assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import { concat, encode } from "../../src/bytes.ts";
import { Client } from "./_client.ts";
import { assertArrived, MESSAGES, SMALL } from "./_messages.ts";
import { startPostfix } from "./_postfix.ts";
import { startSluice } from "./_sluice.ts";
import { freePort, interop, shared } from "./_tools.ts";

/** A second port of the same Postfix that demands a PROXY header. */
const proxyPort = freePort();

const upstream = shared(() =>
  startPostfix({
    // It listens on IPv4 only but hears of clients that do not.
    settings: { inet_protocols: "all" },
    master: [
      `127.0.0.1:${proxyPort} inet n - n - - smtpd -o smtpd_upstream_proxy_protocol=haproxy`,
    ],
  })
);

interop("Postfix → sluice → Postfix as smtpd_proxy_filter", ["postfix"], async (t) => {
  const inner = await upstream();
  await using sluice = await startSluice([
    ...["--listen", "127.0.0.1:0", "--upstream", `smtp://127.0.0.1:${inner.port}?tls=none`],
    ...["--trusted", "127.0.0.0/8", "--accept", "xforward", "--identify", "xforward"],
  ]);
  await using outer = await startPostfix({
    settings: {
      smtpd_proxy_filter: `127.0.0.1:${sluice.ports[0]}`,
      // The outer one accepts every mailbox, so that the inner one's refusal comes through.
      virtual_mailbox_maps: "static:box/",
    },
  });
  const connect = async (address: string) => {
    const client = await Client.connect(outer.port);
    await client.commands(
      "EHLO gateway.example.net",
      `XCLIENT NAME=client.example.net ADDR=${address}`,
    );
    return client;
  };

  await t.step("every message of one session arrives octet by octet", async () => {
    using client = await connect("192.0.2.9");
    for (const message of MESSAGES) {
      assertMatch(await client.attempt(message), /^250 /);
      const [{ file, reversePath, forwardPath }] = await inner.delivered(1);
      assertEquals([reversePath, forwardPath], ["sender@test.example", "box@test.example"]);
      assertArrived(file, message);
    }
  });

  await t.step("XFORWARD passes through", async () => {
    using client = await connect("192.0.2.10");
    assertMatch(await client.attempt(SMALL), /^250 /);
    await inner.delivered(1);
    const [line] = await inner.logged(/^.*orig_client=\S*\[192\.0\.2\.10\].*$/m);
    assertMatch(line, /client=\S*\[127\.0\.0\.1\].*orig_client=client\.example\.net\[/);
  });

  await t.step("a refusal behind the filter reaches the client", async () => {
    using client = await connect("192.0.2.11");
    assertMatch(await client.attempt(SMALL, { to: "refused@test.example" }), /^550 5\.1\.1 /);
    assertMatch(await client.attempt(SMALL), /^250 /);
    await inner.delivered(1);
  });
});

/** A client's address, and its octets for PROXY 2. */
interface ClientAddress {
  readonly text: string;
  readonly octets: readonly number[];
}

/** One client after the other: a connection kept for the first must not serve the second. */
const CLIENT_ADDRESSES: readonly ClientAddress[] = [
  { text: "192.0.2.77", octets: [192, 0, 2, 77] },
  { text: "192.0.2.78", octets: [192, 0, 2, 78] },
  { text: "2001:db8::77", octets: [0x20, 1, 0xd, 0xb8, ...Array(11).fill(0), 0x77] },
];

const isIpv6 = ({ text }: ClientAddress) => text.includes(":");

/** What a proxy in front of us would say about a client, and how. */
const announcements: {
  name: string;
  accept: string;
  connect(port: number, address: ClientAddress): Promise<Client>;
}[] = [
  {
    name: "XCLIENT",
    accept: "xclient",
    async connect(port, address) {
      const client = await Client.connect(port);
      const value = isIpv6(address) ? `IPV6:${address.text}` : address.text;
      await client.commands("EHLO gateway.example.net", `XCLIENT ADDR=${value} PORT=4096`);
      return client;
    },
  },
  {
    name: "PROXY 1",
    accept: "proxy",
    connect(port, address) {
      const [family, server] = isIpv6(address) ? ["TCP6", "::1"] : ["TCP4", "127.0.0.1"];
      const header = `PROXY ${family} ${address.text} ${server} 4096 25\r\n`;
      return Client.connect(port, encode(header));
    },
  },
  {
    name: "PROXY 2",
    accept: "proxy",
    connect(port, address) {
      const server = isIpv6(address) ? [...Array(15).fill(0), 1] : [127, 0, 0, 1];
      const body = Uint8Array.of(...address.octets, ...server, 0x10, 0, 0, 25);
      const family = isIpv6(address) ? 0x21 : 0x11;
      const signature = encode("\r\n\r\n\0\r\nQUIT\n");
      return Client.connect(
        port,
        concat([signature, Uint8Array.of(0x21, family, 0, body.length), body]),
      );
    },
  },
];

/** How the upstream is told, and what its log then shows of a client. */
const identifications: {
  identify: string;
  port: () => Promise<number>;
  logged: (address: string) => RegExp;
}[] = [
  {
    identify: "none",
    port: async () => (await upstream()).port,
    logged: () => /: client=\S*\[127\.0\.0\.1\]$/,
  },
  {
    identify: "xforward",
    port: async () => (await upstream()).port,
    logged: (address) =>
      new RegExp(`: client=\\S*\\[127\\.0\\.0\\.1\\].*, orig_client=\\S*\\[${address}\\]$`),
  },
  {
    identify: "xclient",
    port: async () => (await upstream()).port,
    logged: (address) => new RegExp(`: client=\\S*\\[${address}\\]$`),
  },
  {
    identify: "proxy",
    port: async () => (await upstream(), proxyPort),
    logged: (address) => new RegExp(`: client=\\S*\\[${address}\\]$`),
  },
];

for (const announcement of announcements) {
  for (const { identify, port, logged } of identifications) {
    const name = `identity by ${announcement.name}, told to Postfix by ${identify}`;
    interop(name, ["postfix"], async () => {
      const postfix = await upstream();
      await using sluice = await startSluice([
        ...["--listen", "127.0.0.1:0", "--upstream", `smtp://127.0.0.1:${await port()}?tls=none`],
        ...["--trusted", "127.0.0.0/8", "--accept", announcement.accept, "--identify", identify],
      ]);
      for (const address of CLIENT_ADDRESSES) {
        using client = await announcement.connect(sluice.ports[0], address);
        const reply = await client.attempt(SMALL);
        assertMatch(reply, /^250 /);
        const [{ file }] = await postfix.delivered(1);
        const queueId = /\(Postfix\) with \S+ id (\w+)/.exec(new TextDecoder().decode(file))?.[1];
        const [line] = await postfix.logged(new RegExp(`^.*smtpd.* ${queueId}: client=.*$`, "m"));
        assertMatch(line, logged(address.text));
      }
    });
  }
}

interop("XCLIENT from a peer that is not trusted", ["postfix"], async () => {
  const postfix = await upstream();
  await using sluice = await startSluice([
    ...["--listen", "127.0.0.1:0", "--upstream", `smtp://127.0.0.1:${postfix.port}?tls=none`],
    ...["--trusted", "192.0.2.0/24", "--accept", "xclient,xforward", "--identify", "xclient"],
  ]);
  using client = await Client.connect(sluice.ports[0]);
  assertNotMatch(await client.command("EHLO client.example.net"), /XCLIENT|XFORWARD/);
  assertMatch(await client.command("XCLIENT ADDR=192.0.2.66"), /^5/);
  assertMatch(await client.attempt(SMALL), /^250 /);
  const [{ file }] = await postfix.delivered(1);
  assert(!new TextDecoder().decode(file).includes("192.0.2.66"));
});

interop("PROXY from a peer that is not trusted", ["postfix"], async () => {
  const postfix = await upstream();
  await using sluice = await startSluice([
    ...["--listen", "127.0.0.1:0", "--upstream", `smtp://127.0.0.1:${postfix.port}?tls=none`],
    ...["--trusted", "192.0.2.0/24", "--accept", "proxy"],
  ]);
  const preface = encode("PROXY TCP4 192.0.2.66 127.0.0.1 4096 25\r\n");
  using client = await Client.open(sluice.ports[0], preface);
  assertNotMatch(await client.reply(), /^220 /);
});
