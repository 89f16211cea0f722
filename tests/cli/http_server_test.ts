import { assert, assertEquals, assertMatch } from "@std/assert";
import { HttpServer } from "../../src/cli/http_server.ts";
import { guarded } from "../_peer.ts";
import { linesOf } from "./_serving.ts";

const ENTRY = new URL("../../src/cli/main.ts", import.meta.url).pathname;

async function ask(url: string): Promise<number> {
  const answer = await guarded(fetch(url), () => url);
  await answer.text();
  return answer.status;
}

Deno.test("a process that has run out of descriptors listens again once it has some", async () => {
  const serve = `serve --listen 127.0.0.1:0 --admin 127.0.0.1:0`;
  const child = new Deno.Command("sh", {
    args: [
      "-c",
      `ulimit -n 80; exec ${Deno.execPath()} run --no-prompt --allow-net --allow-read ${ENTRY} ${serve}`,
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const lines = linesOf(child.stdout);
  const line = async () => (await guarded(lines.read(), () => "a line")).value ?? "";
  await line();
  const admin = new URL((await line()).split(" ")[2]);
  const conns: Deno.Conn[] = [];
  try {
    for (;;) conns.push(await Deno.connect({ hostname: "127.0.0.1", port: Number(admin.port) }));
  } catch {
    // Nobody listens any more.
  }
  const told = await line();
  assertMatch(told, /Cannot listen at 127\.0\.0\.1:\d+, trying again in 100 ms/);
  for (const conn of conns) conn.close();
  for (let status = 0; status !== 200;) status = await ask(`${admin}healthz`).catch(() => 0);
  child.kill("SIGTERM");
  const { code } = await guarded(child.status, () => "the process to end");
  assertEquals(code, 0);
  await lines.cancel();
});

Deno.test("so many requests are answered at a time, and the next is told 503", async () => {
  const { promise: answer, resolve } = Promise.withResolvers<void>();
  const heard = Promise.withResolvers<void>();
  let count = 0;
  const server = new HttpServer({ transport: "tcp", host: "127.0.0.1", port: 0 }, {
    answer: async ({ url }) => {
      if (++count === 512) heard.resolve();
      await answer;
      return new Response(url);
    },
    trouble: (error) => {
      throw error;
    },
  });
  const url = `http://127.0.0.1:${server.address.port}/`;
  const all = Array.from({ length: 512 }, () => ask(url));
  await guarded(heard.promise, () => "all requests");
  assertEquals(await ask(url), 503);
  resolve();
  assert((await Promise.all(all)).every((status) => status === 200));
  assertEquals(await ask(url), 200);
  await server.close();
});
