/** Mail that curl hands in over HTTP, in front of a real Postfix. */

import { assertEquals, assertMatch } from "@std/assert";
import { denoDialer } from "../../src/adapters/deno/mod.ts";
import { createGateway } from "../../src/gateway/gateway.ts";
import { smtpUpstream } from "../../src/upstream/smtp/upstream.ts";
import { assertArrived, MESSAGES, SMALL } from "./_messages.ts";
import { type PostfixInstance, startPostfix } from "./_postfix.ts";
import { interop, run, shared } from "./_tools.ts";

const postfix = shared(startPostfix);

/** What is asked of the gateway, and what it answers. */
type Ask = (octets: Uint8Array, ...args: string[]) => Promise<{ status: string; body: string }>;

async function inFrontOf(
  use: (server: PostfixInstance, ask: Ask) => Promise<void>,
): Promise<void> {
  const server = await postfix();
  const gateway = createGateway({
    hostname: "mx.test.example",
    upstream: smtpUpstream({
      target: { transport: "tcp", host: "127.0.0.1", port: server.port },
      dialer: denoDialer,
    }),
  }, {
    client: (_request, { remoteAddr }: Deno.ServeHandlerInfo<Deno.NetAddr>) => remoteAddr.hostname,
  });
  const options = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
  const http = Deno.serve(options, gateway.fetch);
  const place = `http://127.0.0.1:${http.addr.port}/messages`;
  try {
    await use(server, async (octets, query, ...args) => {
      const { code, output } = await run(
        "curl",
        ["--silent", "--globoff", "--write-out", "\n%{http_code}", place + query, ...args],
        { input: octets },
      );
      assertEquals(code, 0, output);
      const [, body, status] = /^([^]*)\n([0-9]{3})$/.exec(output)!;
      return { status, body };
    });
  } finally {
    await http.shutdown();
    await gateway.close();
  }
}

const raw = ["--header", "content-type: message/rfc822", "--data-binary", "@-"];
const toBox = "?from=sender@test.example&to=box@test.example";

for (const message of MESSAGES) {
  interop(`curl, octet for octet: ${message.name}`, ["postfix", "curl"], async () => {
    await inFrontOf(async (server, ask) => {
      const { status, body } = await ask(message.octets, toBox, ...raw);
      assertEquals(status, "200", body);
      const [recipient] = JSON.parse(body).recipients;
      assertEquals([recipient.code, recipient.enhanced], [250, "2.0.0"]);
      assertMatch(recipient.text, /queued as/);
      const [delivered] = await server.delivered(1);
      assertArrived(delivered.file, message);
      assertEquals(delivered.reversePath, "sender@test.example");
      assertMatch(
        new TextDecoder().decode(delivered.file),
        /^Received: from \[127\.0\.0\.1\] \(\[127\.0\.0\.1\]\)\n\tby mx\.test\.example via HTTP with ESMTP id /m,
      );
    });
  });
}

interop("curl: a form, of which one recipient is refused", ["postfix", "curl"], async () => {
  await inFrontOf(async (server, ask) => {
    const { status, body } = await ask(
      SMALL.octets,
      "",
      ...["--form", "from=", "--form-string", "to=<box@test.example>"],
      ...["--form", "to=refused@test.example", "--form", "message=@-"],
    );
    assertEquals(status, "207", body);
    const { recipients } = JSON.parse(body);
    assertEquals(recipients.map(({ code }: { code: number }) => code), [250, 550]);
    const [delivered] = await server.delivered(1);
    assertArrived(delivered.file, SMALL);
    assertEquals(delivered.reversePath, "");
  });
});

interop("curl: nobody is there, and a message that is larger than allowed", [
  "postfix",
  "curl",
], async () => {
  await inFrontOf(async (server, ask) => {
    const refused = await ask(SMALL.octets, "?from=&to=refused@test.example", ...raw);
    assertEquals([refused.status, JSON.parse(refused.body).recipients[0].code], ["422", 550]);
    // Postfix's own limit is 10,240,000 octets.
    const large = new Uint8Array(11_000_000).fill(0x78);
    const { status, body } = await ask(large, toBox, ...raw);
    assertEquals([status, JSON.parse(body).error.code], ["413", "too-large"]);
    assertEquals(await server.queueEmpty(), true);
  });
});
