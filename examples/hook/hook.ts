/**
 * Judges messages for `use = "http"` in `sluice.toml`: checks the signature, reads the message as it
 * comes, and answers with a decision as soon as it knows enough.
 *
 * @module
 */

import { Hono } from "hono";
import { readEnvelope, SignatureError, verifyRequest } from "@sluice/sluice";

const FORBIDDEN = "unsubscribe from lottery";

/** The endpoint, at `/judge`. */
export function hook(secret: string): Hono {
  return new Hono().post("/judge", async (c) => {
    const { content } = await verifyRequest(c.req.raw, secret);
    const { client } = readEnvelope(c.req.raw.headers);
    if (client.login !== undefined) return c.json({ verdict: "accept" });
    let octets = 0;
    let end = "";
    // A message that breaks off throws here.
    for await (const text of content.pipeThrough(new TextDecoderStream("latin1"))) {
      octets += text.length;
      const seen = end + text.toLowerCase();
      if (seen.includes(FORBIDDEN)) {
        // Before the end of the message: Sluice stops sending it.
        return c.json({ verdict: "reject", reply: "550 5.7.1 No lotteries here" });
      }
      end = seen.slice(-FORBIDDEN.length);
    }
    return c.json({
      verdict: "accept",
      score: octets > 1_000_000 ? 2 : 0,
      headers: [{ remove: "X-Judged" }, { add: "X-Judged", value: `${octets} octets` }],
    });
  }).onError((error, c) => {
    if (error instanceof SignatureError) return c.text("Wrong signature", 401);
    // It is no decision: `on-failure` says what then.
    return c.text("Try again", 503);
  });
}

// deno run --allow-net --allow-env=HOOK_SECRET examples/hook/hook.ts
if (import.meta.main) {
  const app = hook(Deno.env.get("HOOK_SECRET") ?? "");
  Deno.serve({ hostname: "127.0.0.1", port: 8080 }, app.fetch);
}
