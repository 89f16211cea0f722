import { assertEquals, assertThrows } from "@std/assert";
import { memoryPair } from "../../src/adapters/memory.ts";
import { OptionError } from "../../src/errors.ts";
import { createProxy } from "../../src/proxy.ts";
import { CaptureUpstream, MemoryStore } from "../../src/upstream/capture.ts";

/** An upstream that says when it is closed. */
class Closing extends CaptureUpstream {
  constructor(name: string, readonly closed: string[]) {
    super(name, new MemoryStore());
  }

  override close(): Promise<void> {
    this.closed.push(this.name);
    return super.close();
  }
}

Deno.test("an upstream is closed with the last session that can use it", async () => {
  const closed: string[] = [];
  const [a, b, c] = ["a", "b", "c"].map((name) => new Closing(name, closed));
  const proxy = createProxy({ upstream: a, upstreams: { shared: b } });
  const [client, server] = memoryPair();
  const served = proxy.handle(server);
  await client.read();

  const first = proxy.reload({ upstream: c, upstreams: { shared: b } });
  assertEquals(closed, []);
  // No session has begun under the second options: nothing of theirs is left.
  await proxy.reload({ upstream: c });
  assertEquals(closed, []);

  client.close();
  await Promise.all([served, first]);
  assertEquals(closed.toSorted(), ["a", "b"]);
  await proxy.close();
  assertEquals(closed.toSorted(), ["a", "b", "c"]);
});

Deno.test("close waits for the sessions of earlier options, and closes what is theirs", async () => {
  const closed: string[] = [];
  const proxy = createProxy({ upstream: new Closing("a", closed) });
  const [client, server] = memoryPair();
  const served = proxy.handle(server);
  await client.read();
  const retired = proxy.reload({ upstream: new Closing("b", closed) });
  const end = proxy.close();
  await client.read();
  client.close();
  await Promise.all([served, retired, end]);
  assertEquals(closed.toSorted(), ["a", "b"]);
});

Deno.test("options that cannot be used change nothing", async () => {
  const closed: string[] = [];
  const proxy = createProxy({ hostname: "a.example", upstream: new Closing("a", closed) });
  assertThrows(() => proxy.reload({ hostname: "a b" }), OptionError);
  const [client, server] = memoryPair();
  const served = proxy.handle(server);
  assertEquals(new TextDecoder().decode(await client.read()), "220 a.example ESMTP\r\n");
  client.close();
  await served;
  assertEquals(closed, []);
  await proxy.close();
});
