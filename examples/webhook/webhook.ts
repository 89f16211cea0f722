/**
 * Receives mail by HTTP from `sluice serve --upstream https://…`: checks the signature, reads the message
 * to its end, and says what the client is told.
 *
 * @module
 */

import { Hono } from "hono";
import { type PostedEnvelope, readEnvelope, SignatureError, verifyRequest } from "@sluice/sluice";

/** Keeps a message. It may come a second time, where our answer did not reach Sluice. */
export type Keep = (envelope: PostedEnvelope, message: Uint8Array) => Promise<void>;

/** Largest message in octets. */
const LIMIT = 10_485_760;

/** The endpoint, at `/mail`. */
export function webhook(secret: string, keep: Keep): Hono {
  return new Hono().post("/mail", async (c) => {
    const { content } = await verifyRequest(c.req.raw, secret);
    const envelope = readEnvelope(c.req.raw.headers);
    if (envelope.recipients.some(({ forwardPath }) => forwardPath.localPart === "nobody")) {
      // Before the end of the message: Sluice stops sending it.
      return c.json({ reply: "550 5.1.1 Nobody is not here" }, 422);
    }
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    let octets = 0;
    // A message that breaks off throws here.
    for await (const piece of content) {
      octets += piece.length;
      if (octets > LIMIT) return c.text("Too big for us", 413);
      pieces.push(piece.slice());
    }
    await keep(envelope, await new Blob(pieces).bytes());
    return c.text(`Kept ${octets} octets`);
  }).onError((error, c) => {
    if (error instanceof SignatureError) return c.text("Wrong signature", 401);
    // Sluice makes 451 of it, and the client tries again.
    return c.text("Try again", 503);
  });
}

// deno run --allow-net --allow-env=HOOK_SECRET examples/webhook/webhook.ts
if (import.meta.main) {
  const keep: Keep = ({ transaction, reversePath }, { length }) =>
    Promise.resolve(console.log(`${transaction}: ${length} octets from ${reversePath}`));
  const app = webhook(Deno.env.get("HOOK_SECRET") ?? "", keep);
  Deno.serve({ hostname: "127.0.0.1", port: 8080 }, app.fetch);
}
