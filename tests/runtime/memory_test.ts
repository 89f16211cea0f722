import { assertEquals, assertLess } from "@std/assert";
import { listen } from "../../src/adapters/deno/mod.ts";
import { encode } from "../../src/bytes.ts";
import { createProxy } from "../../src/proxy.ts";
import { CaptureUpstream, type MessageStore } from "../../src/upstream/capture.ts";
import { startSluice } from "../interop/_sluice.ts";

const MIB = 1024 * 1024;
const MESSAGE = 200 * MIB;
const CHUNK = 65_536;

/** A line of /proc/PID/status, in octets. */
async function memory(pid: number, line: "VmHWM" | "VmRSS"): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(new RegExp(`^${line}:\\s+(\\d+) kB$`, "m").exec(status)![1]) * 1024;
}

/** An SMTP server in this process that counts what it is given. */
async function sink(): Promise<{ port: number; octets(): number; close(): Promise<void> }> {
  let octets = 0;
  const store: MessageStore = {
    open: () =>
      Promise.resolve({
        write: (piece) => Promise.resolve(void (octets += piece.length)),
        commit: () => Promise.resolve("counted"),
        discard: () => Promise.resolve(),
      }),
  };
  const proxy = createProxy({
    upstream: new CaptureUpstream("sink", store),
    limits: { messageSize: 2 * MESSAGE },
    trace: false,
  });
  const listener = await listen({ transport: "tcp", host: "127.0.0.1", port: 0 });
  const served = proxy.serve(listener);
  const { address } = listener;
  if (address.transport !== "tcp") throw new Error("Expected a TCP listener");
  return {
    port: address.port,
    octets: () => octets,
    close: async () => {
      await proxy.close(1_000);
      await served;
    },
  };
}

/** Reads until a line begins with `code` and a space. */
async function until(conn: Deno.Conn, code: string): Promise<void> {
  const buffer = new Uint8Array(4096);
  let text = "";
  while (!new RegExp(`^${code} .*\\r\\n$`, "m").test(text)) {
    const n = await conn.read(buffer);
    if (n === null) throw new Error(`Waited for ${code}, the connection ended after: ${text}`);
    text += new TextDecoder().decode(buffer.subarray(0, n));
  }
}

async function writeAll(conn: Deno.Conn, octets: Uint8Array): Promise<void> {
  for (let at = 0; at < octets.length;) at += await conn.write(octets.subarray(at));
}

/** 64 KiB of lines with 78 octets. */
function lines(): Uint8Array {
  const line = encode(`${"x".repeat(76)}\r\n`);
  const chunk = new Uint8Array(CHUNK);
  for (let at = 0; at < CHUNK; at += line.length) chunk.set(line.subarray(0, CHUNK - at), at);
  chunk.set(encode("\r\n"), CHUNK - 2);
  return chunk;
}

Deno.test("a message of 200 MB raises the peak RSS by less than 32 MB", async () => {
  const upstream = await sink();
  await using sluice = await startSluice([
    ...["--listen", "127.0.0.1:0", "--max-size", "400m", "--no-trace"],
    ...["--upstream", `smtp://127.0.0.1:${upstream.port}?tls=none`],
  ]);
  const send = async (size: number): Promise<void> => {
    using conn = await Deno.connect({ hostname: "127.0.0.1", port: sluice.ports[0] });
    const chunk = lines();
    await until(conn, "220");
    for (
      const [line, code] of [["EHLO a", "250"], ["MAIL FROM:<>", "250"], ["RCPT TO:<a@b>", "250"]]
    ) {
      await writeAll(conn, encode(`${line}\r\n`));
      await until(conn, code);
    }
    await writeAll(conn, encode("DATA\r\n"));
    await until(conn, "354");
    for (let sent = 0; sent < size; sent += CHUNK) await writeAll(conn, chunk);
    await writeAll(conn, encode(".\r\n"));
    await until(conn, "250");
  };
  // The first message pays for code and heap that any message needs.
  await send(MIB);
  const before = await memory(sluice.pid, "VmHWM");
  await send(MESSAGE);
  const growth = await memory(sluice.pid, "VmHWM") - before;
  await upstream.close();
  assertEquals(upstream.octets(), MESSAGE + MIB);
  console.log(`peak RSS grew by ${(growth / MIB).toFixed(1)} MiB`);
  assertLess(growth, 32 * MIB);
});

Deno.test("2,000 idle sessions cost less than 30 kB each", async () => {
  await using sluice = await startSluice(["--listen", "127.0.0.1:0"]);
  const open = async (count: number): Promise<Deno.Conn[]> => {
    const conns: Deno.Conn[] = [];
    for (let nth = 0; nth < count; nth++) {
      const conn = await Deno.connect({ hostname: "127.0.0.1", port: sluice.ports[0] });
      conns.push(conn);
      await until(conn, "220");
      await writeAll(conn, encode("EHLO a\r\n"));
      await until(conn, "250");
    }
    return conns;
  };
  // What comes and goes first pays for code and for the heap in which garbage waits.
  for (const conn of await open(500)) conn.close();
  const before = await memory(sluice.pid, "VmRSS");
  const idle = await open(2_000);
  const each = (await memory(sluice.pid, "VmRSS") - before) / idle.length;
  for (const conn of idle) conn.close();
  console.log(`an idle session costs ${(each / 1024).toFixed(1)} KiB`);
  assertLess(each, 30_000);
});
