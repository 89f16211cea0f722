/** Connections that are kept to a real Postfix, which has its own mind about how long. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { denoDialer, listen } from "../../src/adapters/deno/mod.ts";
import { createProxy } from "../../src/proxy.ts";
import type { PoolOptions } from "../../src/upstream/smtp/pool.ts";
import { smtpUpstream } from "../../src/upstream/smtp/upstream.ts";
import { Client } from "./_client.ts";
import { type PostfixInstance, startPostfix } from "./_postfix.ts";
import { eventually, interop } from "./_tools.ts";

/** A proxy in front of a Postfix; both end with the function. */
async function inFrontOf(
  settings: Readonly<Record<string, string>>,
  pool: Partial<PoolOptions>,
  use: (port: number, server: PostfixInstance) => Promise<void>,
): Promise<void> {
  await using server = await startPostfix({ settings });
  const proxy = createProxy({
    hostname: "mx.test.example",
    upstream: smtpUpstream({
      target: { transport: "tcp", host: "127.0.0.1", port: server.port },
      dialer: denoDialer,
      pool,
    }),
  });
  const listener = await listen({ transport: "tcp", host: "127.0.0.1", port: 0 });
  const served = proxy.serve(listener);
  const { address } = listener;
  try {
    await use(address.transport === "tcp" ? address.port : 0, server);
  } finally {
    await proxy.close();
    await served;
  }
}

/** Sends messages in one session; each bears its own sender. */
async function send(port: number, senders: readonly string[]): Promise<void> {
  using client = await Client.connect(port);
  await client.commands("EHLO client.example.net");
  for (const sender of senders) {
    await client.commands(`MAIL FROM:<${sender}>`, "RCPT TO:<box@test.example>", "DATA");
    await client.send("Subject: x\r\n\r\nText\r\n");
    assertMatch(await client.command("."), /^250 /);
  }
  await client.commands("QUIT");
}

function names(count: number, first = 0): string[] {
  return Array.from({ length: count }, (_, nth) => `m${first + nth}@test.example`);
}

async function arrived(server: PostfixInstance, senders: readonly string[]): Promise<void> {
  const delivered = await server.delivered(senders.length);
  assertEquals(delivered.map(({ reversePath }) => reversePath).sort(), [...senders].sort());
}

async function logged(server: PostfixInstance, line: RegExp): Promise<number> {
  return (await server.log()).match(line)?.length ?? 0;
}

interop("pool: 200 messages take few connections", ["postfix"], async () => {
  await inFrontOf({}, { connections: 4 }, async (port, server) => {
    const senders = names(200);
    const sessions = Array.from({ length: 20 }, (_, nth) => senders.slice(nth * 10, nth * 10 + 10));
    await Promise.all(sessions.map((senders) => send(port, senders)));
    await arrived(server, senders);
    // One that has found out what is offered is among them, or came while there were four.
    assert(await logged(server, /\]: connect from /g) <= 5);
  });
});

interop("pool: connections that Postfix has closed cost no message", ["postfix"], async () => {
  await inFrontOf({ smtpd_timeout: "1s" }, {}, async (port, server) => {
    const senders = names(20);
    for (let nth = 0; nth < senders.length; nth += 4) {
      const before = await logged(server, /\]: timeout after /g);
      // It is closing them just now.
      await Promise.all(senders.slice(nth, nth + 4).map((sender) => send(port, [sender])));
      await eventually("Postfix to close an idle connection", async () => {
        return await logged(server, /\]: timeout after /g) > before || undefined;
      });
    }
    await arrived(server, senders);
  });
});

interop("pool: the mistakes of one client are not another's", ["postfix"], async (t) => {
  const settings = { smtpd_hard_error_limit: "3" };
  const guess = async (port: number, times: number): Promise<void> => {
    using client = await Client.connect(port);
    await client.commands("EHLO client.example.net", "MAIL FROM:<guess@test.example>");
    for (let nth = 0; nth < times; nth++) {
      assertMatch(await client.command("RCPT TO:<refused@test.example>"), /^[45]/);
    }
    await client.command("QUIT");
  };
  for (const times of [2, 3, 5]) {
    await t.step(`${times} mistakes`, async () => {
      await inFrontOf(settings, { refusals: 1 }, async (port, server) => {
        await guess(port, times);
        using client = await Client.connect(port);
        await client.commands("EHLO client.example.net", "MAIL FROM:<m1@test.example>");
        for (let nth = 0; nth < 2; nth++) {
          assertMatch(await client.command("RCPT TO:<refused@test.example>"), /^550 /);
        }
        await client.commands("RCPT TO:<box@test.example>", "DATA");
        await client.send("Subject: x\r\n\r\nText\r\n");
        assertMatch(await client.command("."), /^250 /);
        await client.commands("QUIT");
        await arrived(server, ["m1@test.example"]);
      });
    });
  }
});
