/**
 * The far end of SMTP over WebSocket: a web application, behind whatever lets HTTPS in, that takes mail
 * at `/smtp` from who has the token, and knows the clients of the other site as if they were its own.
 *
 * @module
 */

import { Hono } from "hono";
import { createProxy, type Proxy, smtpUpstream } from "@sluice/sluice";
import { denoDialer, upgradeToChannel } from "@sluice/sluice/deno";

/** What `Deno.serve` tells of a request. */
type Bindings = Deno.ServeHandlerInfo<Deno.NetAddr>;

/** Whoever has the token is the office, or the proxy in front of this that lets it in. */
const anywhere = ["0.0.0.0/0", "::/0"];

/** The application: pages, and mail at `/smtp`. */
export function appOver(proxy: Proxy, token: string): Hono<{ Bindings: Bindings }> {
  const localAddress = { transport: "tcp", host: "127.0.0.1", port: 8000 } as const;
  return new Hono<{ Bindings: Bindings }>()
    .get("/", (c) => c.text("The data center"))
    .get("/smtp", async (c) => {
      const { remoteAddr } = c.env;
      const ends = { remoteAddr, localAddress };
      const { response, channel } = await upgradeToChannel(c.req.raw, ends, { tokens: [token] });
      channel?.then((channel) => proxy.handle(channel, { xclientFrom: anywhere }), () => {});
      return response;
    });
}

// deno run --allow-net --allow-env=SITE_TOKEN examples/websocket/data_center.ts
if (import.meta.main) {
  const target = { transport: "tcp", host: "127.0.0.1", port: 25 } as const;
  const proxy = createProxy({ upstream: smtpUpstream({ target, dialer: denoDialer }) });
  Deno.serve({ port: 8000 }, appOver(proxy, Deno.env.get("SITE_TOKEN") ?? "").fetch);
}
