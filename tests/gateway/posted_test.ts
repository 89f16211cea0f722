/** A gateway behind an upstream that is an HTTP endpoint: SMTP to HTTP, and back to SMTP. */

import { assertEquals } from "@std/assert";
import { createGateway } from "../../src/gateway/gateway.ts";
import { definePolicy, reject } from "../../src/policy/mod.ts";
import { openSession } from "../../src/testing/session.ts";
import { CaptureUpstream, MemoryStore } from "../../src/upstream/capture.ts";
import { httpUpstream } from "../../src/upstream/http/upstream.ts";

Deno.test("posted: an envelope crosses from one proxy to the other as it is", async () => {
  const store = new MemoryStore();
  const gateway = createGateway({
    upstream: new CaptureUpstream("capture:", store),
    trace: false,
    policy: definePolicy({
      rcpt: ({ forwardPath }) =>
        forwardPath.localPart === "nobody" ? reject("550 5.1.1 Nobody") : undefined,
    }),
  });
  const quiet = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
  const http = Deno.serve(quiet, (request) => gateway.fetch(request));
  {
    const upstream = httpUpstream({ url: `http://127.0.0.1:${http.addr.port}/messages` });
    await using session = await openSession({ upstream, trace: false });
    await session.cmd("MAIL FROM:<jürgen@bücher.example> SMTPUTF8 RET=HDRS ENVID=1+2B1", "250");
    await session.cmd("RCPT TO:<b%c@y.example> NOTIFY=SUCCESS,FAILURE", "250");
    await session.cmd('RCPT TO:<"d, <e>"@y.example> ORCPT=rfc822;d@y.example', "250");
    await session.message("Subject: Grüße\r\n\r\n.\r\nHello\r\n", "250");

    await session.cmd("MAIL FROM:<>", "250");
    await session.cmd("RCPT TO:<nobody@y.example>", "250");
    await session.message("Subject: Hi\r\n\r\n", "554 5.0.0");

    // Who has it gets it again: a copy too many is better than a message that is lost.
    await session.cmd("MAIL FROM:<>", "250");
    await session.cmd("RCPT TO:<b@y.example>", "250");
    await session.cmd("RCPT TO:<nobody@y.example>", "250");
    await session.message("Subject: Hi\r\n\r\n", "451 4.3.0");
  }
  await http.shutdown();
  await gateway.close();

  const [{ reversePath, parameters, recipients, content }, again, ...others] = store.messages;
  assertEquals([reversePath.address, parameters.smtputf8], ["jürgen@bücher.example", true]);
  assertEquals([parameters.ret, parameters.envid], ["HDRS", "1+2B1"]);
  assertEquals(recipients.map((one) => [one.forwardPath.address, one.parameters]), [
    ["b%c@y.example", { notify: ["SUCCESS", "FAILURE"] }],
    ['"d, <e>"@y.example', { orcpt: { addressType: "rfc822", address: "d@y.example" } }],
  ]);
  assertEquals(new TextDecoder().decode(content), "Subject: Grüße\r\n\r\n.\r\nHello\r\n");
  assertEquals(again.recipients.map((one) => one.forwardPath.address), ["b@y.example"]);
  assertEquals(others, []);
});
