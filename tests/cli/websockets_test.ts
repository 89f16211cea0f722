/** WebSockets and Unix sockets on the command line. */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { listen } from "../../src/adapters/deno/mod.ts";
import { addressOn, socketBelow } from "../../src/cli/websockets.ts";
import type { ListenTarget } from "../../src/config/units.ts";
import { run } from "./_run.ts";
import { linesOf, spawn } from "./_serving.ts";

const directory = await Deno.makeTempDir({ prefix: "sluice-websockets-" });
const message = `${directory}/message.eml`;
await Deno.writeTextFile(message, "From: a@example.org\nTo: b@example.org\n\nHello\n");

Deno.test.afterAll(() => Deno.remove(directory, { recursive: true }));

const tcp = (host: string, port: number) => ({ transport: "tcp", host, port }) as const;
const at = (url: string): ListenTarget => ({ transport: "websocket", url });

Deno.test("the socket below an address, and the address on a socket", () => {
  const rows: readonly [at: ListenTarget, below: ReturnType<typeof tcp>, url: string][] = [
    [at("ws://127.0.0.1:0/smtp"), tcp("127.0.0.1", 0), "ws://127.0.0.1:2525/smtp"],
    [at("ws://mx.example/smtp"), tcp("mx.example", 80), "ws://mx.example:2525/smtp"],
    [at("wss://[::1]/"), tcp("::1", 443), "wss://[::1]:2525/"],
  ];
  for (const [at, below, url] of rows) {
    assertEquals(socketBelow(at), below);
    const address = addressOn(at, { ...below, port: 2525 });
    assertEquals(address, { transport: "websocket", url });
  }
  const unix = { transport: "unix", path: "/run/sluice" } as const;
  assertEquals([socketBelow(unix), addressOn(unix, unix)], [unix, unix]);
});

Deno.test("serve and send by WebSocket, with a token", async () => {
  const token = `${directory}/token`;
  await Deno.writeTextFile(token, "a-token-that-is-long-enough\n");
  const child = spawn(["serve", "-q", "--listen", `ws://127.0.0.1:0/mail?token=${token}`]);
  const lines = linesOf(child.stdout);
  try {
    const { value = "" } = await lines.read();
    assertMatch(value, /^listening smtp ws:\/\/127\.0\.0\.1:\d+\/mail$/);
    const url = value.split(" ")[2];
    assertEquals((await run("send", "--server", `${url}?token=${token}`, message)).status, 0);
    const { status, err } = await run("send", "--server", url, message);
    assertEquals(status, 1);
    assertStringIncludes(err.join(), `Invalid status code: 401 (${url})`);
  } finally {
    child.kill("SIGTERM");
    await lines.cancel();
    await child.status;
  }
});

Deno.test("what cannot be used is told", async (t) => {
  const socket = `${directory}/socket`;
  const file = `${directory}/file`;
  await Deno.writeTextFile(file, "mine");
  const listener = await listen({ transport: "unix", path: socket });
  const none = `${directory}/none`;
  const upstream = "ws://127.0.0.1:1/smtp";
  const cases: readonly [args: readonly string[], says: string][] = [
    [["--listen", `unix:${socket}`], `an address that is free (somebody listens at ${socket})`],
    [["--listen", `unix:${file}`], `an address that is free (${file} is a file, and no socket)`],
    [["--listen", "wss://127.0.0.1:0/"], "wss:// only together with certificates"],
    [["--listen", `ws://127.0.0.1:0/?token=${none}`], "No such file"],
    [["--listen", `ws://127.0.0.1:0/?token=${file}`], "a token of 4 characters"],
    [["--upstream", `${upstream}?token=${none}`], `found "token=${none}", allowed is a file`],
  ];
  for (const [args, says] of cases) {
    await t.step(args.join(" "), async () => {
      const { status, err } = await run("serve", "--listen", "127.0.0.1:0", ...args);
      assertEquals([status, err.length], [2, 1]);
      assertStringIncludes(err[0], says);
    });
  }
  listener.close();
});
