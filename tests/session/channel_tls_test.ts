import { assertEquals, assertStringIncludes } from "@std/assert";
import { memoryPair } from "../../src/adapters/memory.ts";
import { encode } from "../../src/bytes.ts";
import { createProxy } from "../../src/proxy.ts";
import { CaptureUpstream, MemoryStore } from "../../src/upstream/capture.ts";
import { plainTls } from "../_dialogue.ts";

Deno.test("a channel that brings its TLS along is a session under TLS", async () => {
  const store = new MemoryStore();
  const upstream = new CaptureUpstream("capture:", store);
  const seen: (string | undefined)[] = [];
  const proxy = createProxy({
    upstream,
    hostname: "mx.example",
    tls: plainTls,
    observers: [{ sessionOpened: ({ client }) => void seen.push(client.tls?.version) }],
  });
  const [client, server] = memoryPair();
  const tls = { version: "TLSv1.3", cipher: "TLS_AES_128_GCM_SHA256", serverName: "" };
  const ended = proxy.handle(Object.assign(server, { tls }));
  await client.write(encode(
    "EHLO client.example\r\nSTARTTLS\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<b@c.example>\r\n" +
      "BDAT 2 LAST\r\n\r\nQUIT\r\n",
  ));
  let said = "";
  for (let octets; (octets = await client.read()) !== undefined;) {
    said += new TextDecoder().decode(octets);
  }
  client.close();
  await ended;
  await proxy.close();
  assertEquals(said.includes("250-STARTTLS"), false);
  assertStringIncludes(said, "\r\n503 5.5.1");
  assertEquals(seen, ["TLSv1.3"]);
  const [{ content }] = store.messages;
  const text = new TextDecoder().decode(content);
  assertStringIncludes(text, "by mx.example with ESMTPS id");
  assertStringIncludes(text, "tls TLS_AES_128_GCM_SHA256");
});
