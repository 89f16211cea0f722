/**
 * The gate in front of a real Postfix: a filter reads 100 MB while they flow, refuses them, and nothing
 * of them is left behind.
 */

import { assertEquals, assertLess, assertMatch } from "@std/assert";
import { encode } from "../../src/bytes.ts";
import { Client } from "./_client.ts";
import { startPostfix } from "./_postfix.ts";
import { type SluiceProcess, startSluice } from "./_sluice.ts";
import { interop, shared } from "./_tools.ts";

const MIB = 1024 * 1024;
const CHUNK = 65_536;
const POLICY = new URL("../../src/policy/mod.ts", import.meta.url);

const postfix = shared(() =>
  startPostfix({
    settings: {
      message_size_limit: "0",
      virtual_mailbox_limit: "0",
      smtpd_client_connection_count_limit: "0",
      default_process_limit: "60",
    },
  })
);

/** Reads everything and refuses what asks for it. */
const FILTER = `
import { definePolicy, reject } from ${JSON.stringify(POLICY.href)};

export default definePolicy({
  filter: async ({ headers, message }) => {
    let octets = 0;
    const reader = message.stream().getReader({ mode: "byob" });
    for (let memory = new Uint8Array(65536);;) {
      const { done, value } = await reader.read(memory);
      if (done) break;
      octets += value.length;
      memory = new Uint8Array(value.buffer);
    }
    if (headers.has("x-refuse")) return reject(\`550 5.7.1 Refused after \${octets} octets\`);
  },
});
`;

async function withSluice(
  filter: boolean,
  use: (sluice: SluiceProcess) => Promise<void>,
): Promise<void> {
  const module = await Deno.makeTempFile({ prefix: "sluice-filter-", suffix: ".ts" });
  try {
    await Deno.writeTextFile(module, FILTER);
    await using sluice = await startSluice([
      ...["--listen", "127.0.0.1:0", "--max-size", "400m", "--no-trace"],
      ...["--upstream", `smtp://127.0.0.1:${(await postfix()).port}?tls=none`],
      ...filter ? ["--policy", module] : [],
    ]);
    await use(sluice);
  } finally {
    await Deno.remove(module);
  }
}

/** 64 KiB of lines with 78 octets, the last one shorter. */
const chunk = encode(`${"x".repeat(76)}\r\n`.repeat(CHUNK / 78).padEnd(CHUNK - 2, "y") + "\r\n");

async function envelope(client: Client): Promise<void> {
  await client.commands("MAIL FROM:<a@test.example>", "RCPT TO:<box@test.example>", "DATA");
}

/** Sends a message of so many chunks; what its end is told. */
async function send(client: Client, header: string, chunks: number): Promise<string> {
  await envelope(client);
  await client.send(header);
  for (let nth = 0; nth < chunks; nth++) await client.send(chunk);
  return await client.command(".");
}

const REFUSED = "X-Refuse: yes\r\n\r\n";
const ACCEPTED = "Subject: Hi\r\n\r\n";

async function client(sluice: SluiceProcess): Promise<Client> {
  const client = await Client.connect(sluice.ports[0]);
  await client.commands("EHLO client.example.net");
  return client;
}

/** A line of /proc/PID/status, in octets. */
async function peakOf({ pid }: SluiceProcess): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)![1]) * 1024;
}

const sessions = async (): Promise<number> =>
  (await (await postfix()).log()).match(/\]: connect from /g)?.length ?? 0;

interop(
  "gate: 100 MB are refused, and the connection serves the next message",
  ["postfix"],
  async () => {
    await withSluice(true, async (sluice) => {
      using one = await client(sluice);
      const before = await sessions();
      for (let nth = 0; nth < 30; nth++) {
        assertMatch(await send(one, REFUSED, 0), /^550 5\.7\.1 Refused after 17 octets$/);
      }
      const octets = 1600 * CHUNK + REFUSED.length;
      assertEquals(await send(one, REFUSED, 1600), `550 5.7.1 Refused after ${octets} octets`);
      assertMatch(await send(one, ACCEPTED, 1), /^250 /);
      const [{ file }] = await (await postfix()).delivered(1);
      assertEquals(file.length > CHUNK * 0.9, true);
      // A pool retires a connection on which much was refused, and never one a message.
      assertLess(await sessions() - before, 10);
    });
  },
);

interop("gate: 100 MB that are accepted arrive octet for octet", ["postfix"], async () => {
  await withSluice(true, async (sluice) => {
    using one = await client(sluice);
    assertMatch(await send(one, ACCEPTED, 1600), /^250 /);
    const [{ file }] = await (await postfix()).delivered(1);
    const text = new TextDecoder("latin1").decode(chunk).replaceAll("\r\n", "\n");
    const body = new TextDecoder("latin1").decode(file.subarray(-1600 * text.length));
    for (let nth = 0; nth < 1600; nth++) {
      assertEquals(body.startsWith(text, nth * text.length), true, `chunk ${nth}`);
    }
  });
});

interop("gate: a filter costs little memory, for one message or fifty", ["postfix"], async () => {
  const growth = async (filter: boolean, count: number, chunks: number): Promise<number> => {
    let grown = 0;
    await withSluice(filter, async (sluice) => {
      const clients = await Promise.all(Array.from({ length: count }, () => client(sluice)));
      // The first messages pay for code and heap that any message needs.
      await Promise.all(clients.map((one) => send(one, REFUSED, 32)));
      const before = await peakOf(sluice);
      const told = await Promise.all(clients.map((one) => send(one, REFUSED, chunks)));
      assertEquals(told.every((reply) => reply.startsWith(filter ? "550" : "250")), true);
      grown = await peakOf(sluice) - before;
      for (const one of clients) one.close();
    });
    if (!filter) await (await postfix()).delivered(2 * count);
    await (await postfix()).sessionsEnded();
    return grown;
  };
  const [without, one] = [await growth(false, 1, 1600), await growth(true, 1, 1600)];
  const fifty = await growth(true, 50, 80);
  const shown = [without, one, fifty].map((octets) => (octets / MIB).toFixed(1));
  console.log(`peak RSS grew by ${shown[0]} MiB without, ${shown[1]} with, ${shown[2]} with fifty`);
  assertLess(one - without, 16 * MIB);
  // Twenty times as much mail as one message had, and a buffer for each.
  assertLess(fifty, 64 * MIB);
});
