/** The suite in workerd, and what only workerd has. */

import { assertEquals } from "@std/assert";
import { listen } from "../../src/adapters/deno/listener.ts";
import { createTlsServer, staticCertificates } from "../../src/adapters/node_tls.ts";
import type { Target } from "../../src/channel.ts";
import { createProxy } from "../../src/proxy.ts";
import { CaptureUpstream, MemoryStore } from "../../src/upstream/capture.ts";
import { makeCertificates } from "../_certificates.ts";
import { Client } from "./_client.ts";
import { type Host, runtimeSuite, type Setup } from "./_suite.ts";
import { startUpstream } from "./_upstream.ts";
import { startWorkerd, type Workerd } from "./_workerd.ts";

async function start(setup: Setup): Promise<Host> {
  const workerd = await startWorkerd({
    source: `
      import scanner from "./scanner.wasm";
      import { worker } from "./hosts/workerd.ts";
      const setup = ${JSON.stringify(setup)};
      export default worker(setup, { scanner });
      export const smtps = worker(setup, { scanner, implicitTls: true });
    `,
    listeners: [
      { name: "smtp" },
      { name: "smtps", entrypoint: "smtps", tls: setup.certificate },
    ],
    authorities: setup.upstreamTls && [setup.upstreamTls.authority],
  });
  return {
    smtp: targetOf(workerd),
    smtps: targetOf(workerd, "smtps"),
    pid: workerd.pid,
    [Symbol.asyncDispose]: () => workerd[Symbol.asyncDispose](),
  };
}

runtimeSuite({
  name: "workerd",
  lacks: {
    starttls: "startTls of an inbound socket throws",
    unix: "cloudflare:sockets dials TCP only",
    farewell: "a worker is not told that workerd ends",
  },
  start,
});

/** A worker whose sessions tell by their greeting what they are, and keep messages for themselves. */
function capturing(greeting: string, options = ""): string {
  return `
    import scanner from "./scanner.wasm";
    import { currentScanner, plainScanner } from "../../src/stages/scanner/scanner.ts";
    import { sluice } from "../../src/adapters/workerd/mod.ts";
    import { CaptureUpstream, MemoryStore } from "../../src/upstream/capture.ts";
    const kind = () => currentScanner() === plainScanner ? "plain" : "simd";
    const upstream = () => new CaptureUpstream("capture:", new MemoryStore());
    const make = (options) => sluice({ hostname: ${greeting}, upstream, ...options });
    export default make({ ${options} });
  `;
}

function targetOf({ ports }: Workerd, listener = "smtp"): Target {
  return { transport: "tcp", host: "127.0.0.1", port: ports.get(listener)! };
}

const listeners = [{ name: "smtp" }];

const scanners: readonly {
  readonly name: string;
  readonly compatibilityDate: string;
  readonly injected: boolean;
  readonly used: "plain" | "simd";
}[] = [
  {
    name: "compiled while the worker starts",
    compatibilityDate: "2026-04-01",
    injected: false,
    used: "simd",
  },
  {
    name: "plain, where that is disallowed",
    compatibilityDate: "2025-05-01",
    injected: false,
    used: "plain",
  },
  {
    name: "injected, where that is disallowed",
    compatibilityDate: "2025-05-01",
    injected: true,
    used: "simd",
  },
];

for (const { name, compatibilityDate, injected, used } of scanners) {
  Deno.test(`workerd, the scanner: ${name}`, async () => {
    const source = injected
      ? `${
        capturing('"unused"')
      }\nexport const smtp = (make({ scanner }), make({ hostname: kind() }));`
      : `${capturing('"unused"')}\nexport const smtp = make({ hostname: kind() });`;
    await using workerd = await startWorkerd({
      source,
      listeners: [{ name: "smtp", entrypoint: "smtp" }],
      compatibilityDate,
    });
    using client = await Client.connect(targetOf(workerd), "none", `220 ${used} `);
    await client.say("EHLO client.example", "250 ");
    await client.envelope("a@client.example", "b@mx.example");
    await client.say("DATA", "354 ");
    await client.say(`${`${"x".repeat(70)}\r\n..\r\n`.repeat(1000)}.`, "250 ");
    await client.envelope("a@client.example", "b@mx.example");
    await client.say("DATA", "354 ");
    await client.say(`${"x".repeat(70)}\r\n.\n\r\n.`, "554 5.6.0 ");
  });
}

Deno.test("workerd, many sessions at a time, each with an upstream connection of its own", async () => {
  await using upstream = await startUpstream();
  await using workerd = await startWorkerd({
    source: `
      import { worker } from "./hosts/workerd.ts";
      export default worker(${JSON.stringify({ upstream: upstream.target })});
    `,
    listeners,
  });
  const senders = Array.from({ length: 20 }, (_, nth) => `${nth}@client.example`);
  await Promise.all(senders.map(async (sender) => {
    using client = await Client.connect(targetOf(workerd));
    await client.say("EHLO client.example", "250 ");
    for (let message = 0; message < 3; message++) {
      await client.envelope(sender, "b@mx.example");
      await client.say("DATA", "354 ");
      await client.say("Hello\r\n.", "250 ");
    }
    await client.say("QUIT", "221 ");
    await client.ended();
  }));
  const counts = senders.map((sender) =>
    upstream.messages.filter(({ reversePath }) => reversePath === sender).length
  );
  assertEquals(counts, senders.map(() => 3));
});

for (const name of ["a.example", "other.example"]) {
  Deno.test(`workerd, TLS from the first octet with an upstream that should be ${name}`, async () => {
    const { a, ca } = await makeCertificates();
    const store = new MemoryStore();
    const upstream = createProxy({
      upstream: new CaptureUpstream("capture:", store),
      tls: createTlsServer({ certificates: staticCertificates([a]) }),
    });
    const listener = await listen({ transport: "tcp", host: "127.0.0.1", port: 0 });
    const served = upstream.serve(listener, { implicitTls: true });
    const smtp = {
      target: listener.address,
      tls: { mode: "implicit", verify: { kind: "name", name } },
    };
    await using workerd = await startWorkerd({
      source: capturing('"mx.example"', `upstream: ${JSON.stringify(smtp)}`),
      listeners,
      authorities: [ca.cert],
    });
    using client = await Client.connect(targetOf(workerd));
    if (name === "a.example") {
      await client.say("EHLO client.example", "250 ");
      await client.envelope("a@client.example", "b@mx.example");
      await client.say("DATA", "354 ");
      await client.say("Hello\r\n.", "250 ");
    } else {
      await client.send("EHLO client.example\r\n");
      await client.reply("421 4.4.1 ");
    }
    assertEquals(store.messages.length, name === "a.example" ? 1 : 0);
    await upstream.close(0);
    await served;
  });
}

Deno.test("workerd, one session more than the limit is told 421", async () => {
  await using workerd = await startWorkerd({
    source: capturing('"mx.example"', "limits: { sessions: 1 }"),
    listeners,
  });
  {
    using first = await Client.connect(targetOf(workerd));
    using _second = await Client.connect(targetOf(workerd), "none", "421 4.7.0 ");
    await first.say("QUIT", "221 ");
    await first.ended();
  }
  using _third = await Client.connect(targetOf(workerd));
});

Deno.test("workerd, an upstream that cannot be made is a temporary failure", async () => {
  await using workerd = await startWorkerd({
    source: capturing('"mx.example"', 'upstream: () => { throw new Error("broken"); }'),
    listeners,
  });
  using _first = await Client.connect(targetOf(workerd), "none", "421 4.3.0 ");
  // A worker that throws is the end of workerd.
  using _second = await Client.connect(targetOf(workerd), "none", "421 4.3.0 ");
});
