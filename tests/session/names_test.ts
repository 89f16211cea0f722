/**
 * Names of clients: known before the policy is asked about them, waited for no longer than the limit.
 */

import { assertEquals, assertStringIncludes } from "@std/assert";
import type { SessionFacts } from "../../src/session/facts.ts";
import { definePolicy, reject } from "../../src/policy/mod.ts";
import { onStage, rest } from "../_dialogue.ts";
import { FakeResolver } from "../dns/_resolver.ts";

const ADDRESS = "192.0.2.1";
const BEHIND = "198.51.100.7";

function resolverOf(): FakeResolver {
  return new FakeResolver({
    [ADDRESS]: ["mx.client.example."],
    "mx.client.example": [ADDRESS],
    [BEHIND]: ["behind.example."],
    "behind.example": [BEHIND],
  });
}

/** Keeps the names of which the policy is asked at `connect`. */
function listening() {
  const names: (string | undefined)[] = [];
  const policy = definePolicy({
    connect: ({ client }: SessionFacts) => void names.push(client.name),
  });
  return { names, policy };
}

Deno.test("names: the policy knows the name before the greeting", async () => {
  const resolver = resolverOf();
  const policy = definePolicy({
    connect: ({ client }) => reject(`554 5.7.1 Not ${client.name}`),
  });
  await onStage({ offers: [], proxy: { resolver, policy } }, async (stage) => {
    const client = stage.connect();
    await client.expect("554 5.7.1 Not mx.client.example");
    await client.expectClose();
  });
});

Deno.test("names: the name stands in the trace header", async () => {
  await onStage({ offers: [], proxy: { resolver: resolverOf(), trace: true } }, async (stage) => {
    const { client, upstream } = await stage.data();
    await client.send(".\r\n");
    const header = await upstream.through("\r\n.\r\n");
    assertStringIncludes(
      header,
      "Received: from client.example (mx.client.example [192.0.2.1])\r\n",
    );
    await upstream.send("250 Ok\r\n");
    await client.expect("250 *");
  });
});

Deno.test("names: that of the client behind a proxy, and only that", async () => {
  const resolver = resolverOf();
  const { names, policy } = listening();
  const listener = { proxyFrom: [ADDRESS] };
  await onStage({ offers: [], listener, proxy: { resolver, policy } }, async (stage) => {
    const client = stage.connect();
    await client.send(`PROXY TCP4 ${BEHIND} 192.0.2.25 50000 25\r\n`);
    await client.expect("220 *");
    assertEquals([names, resolver.asked], [["behind.example"], [BEHIND, "behind.example/4"]]);
  });
});

Deno.test("names: an address that XCLIENT tells does not inherit the gateway's name", async () => {
  const { names, policy } = listening();
  const listener = { xclientFrom: [ADDRESS] };
  const proxy = { resolver: resolverOf(), policy };
  await onStage({ offers: [], listener, proxy }, async (stage) => {
    const client = stage.connect();
    await client.expect("220 *");
    for (const said of ["PORT=7", `ADDR=${BEHIND} NAME=told.example`, `ADDR=${ADDRESS}`]) {
      await client.send(`XCLIENT ${said}\r\n`);
      await client.expect("220 *");
    }
    const gateway = "mx.client.example";
    assertEquals(names, [gateway, gateway, "told.example", undefined]);
  });
});

Deno.test("names: without a resolver nothing is looked up", async () => {
  const { names, policy } = listening();
  await onStage({ offers: [], proxy: { policy } }, async (stage) => {
    await stage.connect().expect("220 *");
    assertEquals(names, [undefined]);
  });
});

Deno.test("names: a slow lookup holds the greeting no longer than the limit", async () => {
  const resolver = resolverOf();
  resolver.stalled.add(ADDRESS);
  const { names, policy } = listening();
  const proxy = { resolver, policy, timeouts: { lookup: 700 } };
  await onStage({ offers: [], proxy }, async (stage) => {
    const client = stage.connect();
    await stage.clock.advance(699);
    await client.expectNothing();
    await stage.clock.advance(1);
    await client.expect("220 *");
    assertEquals(names, [undefined]);
  });
});

Deno.test("names: a client that leaves meanwhile leaves nothing behind", async () => {
  const resolver = resolverOf();
  resolver.stalled.add("mx.client.example");
  await onStage({ offers: [], proxy: { resolver } }, async (stage) => {
    const client = stage.connect();
    await rest();
    client.close();
    await stage.clock.advance(5_000);
    assertEquals([stage.proxy.sessions, stage.clock.timers], [0, 0]);
    assertEquals(resolver.signals.map(({ aborted }) => aborted), [true, true]);
  });
});

Deno.test("names: the end of the proxy's patience ends a lookup too", async () => {
  const resolver = resolverOf();
  resolver.stalled.add(ADDRESS);
  await onStage({ offers: [], proxy: { resolver } }, async (stage) => {
    const client = stage.connect();
    await rest();
    const closed = stage.proxy.close(1_000);
    await stage.clock.advance(1_000);
    await client.expectClose();
    await closed;
    assertEquals(resolver.signals[0].aborted, true);
  });
});
