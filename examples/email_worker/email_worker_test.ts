import { assertEquals, assertMatch } from "@std/assert";
import { Log, LogLevel, Miniflare } from "miniflare";
import { bundleWorker } from "../../tests/runtimes/_workerd.ts";

// miniflare's HTTP client leaves a timer behind, and its directory goes some time after its end.
const sanitize = { sanitizeOps: false, sanitizeResources: false };

Deno.test("Email Worker: mail is forwarded, marked or refused", sanitize, async () => {
  let said = "";
  class Listening extends Log {
    protected override log(message: string): void {
      said += `${message}\n`;
    }
  }
  const miniflare = new Miniflare({
    modules: true,
    script: bundleWorker('export { default } from "../../examples/email_worker/worker.ts";'),
    unsafeTriggerHandlers: true,
    compatibilityDate: "2026-04-01",
    cf: false,
    log: new Listening(LogLevel.INFO),
  });
  const send = async (from: string, header: string): Promise<number> => {
    said = "";
    const query = new URLSearchParams({ from, to: "anybody@mx.example" });
    const response = await miniflare.dispatchFetch(
      `http://localhost/cdn-cgi/handler/email?${query}`,
      { method: "POST", body: `${header}Message-ID: <1@client.example>\r\n\r\nHello\r\n` },
    );
    said += await response.text();
    return response.status;
  };
  try {
    const header = "From: a@client.example\r\nTo: anybody@mx.example\r\n";
    assertEquals(await send("a@client.example", header), 200);
    assertMatch(said, /forwarded message with\n {2}rcptTo: me@inbox\.example\n/);
    assertEquals(await send("list@client.example", `Precedence: bulk\r\n${header}`), 200);
    assertMatch(said, /rcptTo: me@inbox\.example\n.*\n {4}x-bulk: yes/);
    assertEquals(await send("a@spam.example", header), 400);
    assertMatch(said, /following reason: 5\.7\.1 Not from there/);
  } finally {
    await miniflare.dispose();
  }
});
