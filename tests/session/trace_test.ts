import { assertEquals, assertMatch } from "@std/assert";
import type { ClientFacts } from "../../src/session/facts.ts";
import { dateTime, withProtocol } from "../../src/session/trace.ts";
import { onStage, type StageOptions } from "../_dialogue.ts";

const client: ClientFacts = {
  address: "192.0.2.1",
  port: 1,
  hello: "x",
  extended: true,
  trusted: false,
};
const tls = { version: "TLSv1.3", cipher: "TLS_AES_128_GCM_SHA256", serverName: "" };

Deno.test("trace: the with word (RFC 3848, RFC 6531 §4.3)", () => {
  const words: readonly [facts: Partial<ClientFacts>, utf8: boolean, word: string][] = [
    [{ extended: false }, false, "SMTP"],
    [{}, false, "ESMTP"],
    [{ tls }, false, "ESMTPS"],
    [{ login: "jane" }, false, "ESMTPA"],
    [{ tls, login: "" }, false, "ESMTPSA"],
    [{}, true, "UTF8SMTP"],
    [{ tls }, true, "UTF8SMTPS"],
    [{ login: "jane" }, true, "UTF8SMTPA"],
    [{ tls, login: "jane" }, true, "UTF8SMTPSA"],
  ];
  for (const [facts, utf8, word] of words) {
    assertEquals(withProtocol({ ...client, ...facts }, utf8), word);
    const inLmtp = word.replace(/E?SMTP/, "LMTP");
    assertEquals(withProtocol({ ...client, ...facts }, utf8, "lmtp"), inLmtp);
  }
});

Deno.test("trace: the date (RFC 5322 §3.3)", () => {
  assertEquals(dateTime(0), "Thu, 1 Jan 1970 00:00:00 +0000");
  assertEquals(dateTime(Date.UTC(2024, 1, 29, 23, 5, 9, 999)), "Thu, 29 Feb 2024 23:05:09 +0000");
});

/** The trace header that a message gets. */
async function traced(options: StageOptions, hello: string): Promise<string> {
  let header = "";
  await onStage({ offers: [], ...options, proxy: { trace: true } }, async (stage) => {
    const peer = stage.connect();
    await peer.expect("220 *");
    await peer.send(`${hello}\r\n`);
    await peer.reply();
    await peer.send("MAIL FROM:<a@b.example>\r\n");
    const upstream = await stage.upstream.accept();
    await upstream.expect("MAIL *");
    await upstream.send("250 Ok\r\n");
    await peer.expect("250 *");
    await peer.send('RCPT TO:<@route.example:"c;d"@e.example>\r\n');
    await upstream.expect("RCPT *");
    await upstream.send("250 Ok\r\n");
    await peer.expect("250 *");
    await peer.send("DATA\r\n");
    await upstream.expect("DATA");
    await upstream.send("354 Go on\r\n");
    await peer.expect("354 *");
    await peer.send(".\r\n");
    header = (await upstream.through("\r\n.\r\n")).slice(0, -3);
    await upstream.send("250 Ok\r\n");
    await peer.expect("250 *");
  });
  return header;
}

Deno.test("trace: what the client says of itself is printed only if it is a name", async () => {
  const names: readonly [hello: string, options: StageOptions, from: string][] = [
    ["EHLO client.example", {}, "client.example ([192.0.2.1])"],
    ["EHLO [192.0.2.7]", {}, "[192.0.2.7] ([192.0.2.1])"],
    ["EHLO [IPv6:2001:db8::1]", {}, "[IPv6:2001:db8::1] ([192.0.2.1])"],
    ["EHLO a(b);by", {}, "unknown ([192.0.2.1])"],
    ["EHLO under_score", {}, "unknown ([192.0.2.1])"],
    ["EHLO x", { client: "2001:db8::1" }, "x ([IPv6:2001:db8::1])"],
    ["EHLO x", { client: "" }, "x (unknown)"],
  ];
  for (const [hello, options, from] of names) {
    const lines = (await traced(options, hello)).split("\r\n");
    assertEquals(lines[0], `Received: from ${from}`);
    assertMatch(lines[1], /^\tby proxy\.example with ESMTP id [0-9a-f]{8}-[0-9a-z]+-1$/);
    assertEquals(lines.slice(2), [
      '\tfor <"c;d"@e.example>;',
      "\tThu, 1 Jan 2026 00:00:00 +0000",
      "",
    ]);
  }
});
