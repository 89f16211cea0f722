/**
 * A web application of your own with Sluice in it: what its parts send by HTTP and what comes by SMTP
 * pass one proxy, and the dashboard shows both.
 *
 * @module
 */

import { Hono } from "hono";
import { createProxy, type Proxy, smtpUpstream } from "@sluice/sluice";
import { createAdmin } from "@sluice/sluice/admin";
import { denoDialer, listen } from "@sluice/sluice/deno";
import { createGateway } from "@sluice/sluice/gateway";
import { definePolicy, reject } from "@sluice/sluice/policy";

/** The login of the gateway's token may send as the shop and as nobody else. */
export const policy = definePolicy({
  mail: ({ client, reversePath }) =>
    client.login === "shop" && reversePath.address !== "orders@shop.example"
      ? reject("550 5.7.1 The shop sends as orders@shop.example")
      : undefined,
});

/** The application: pages, `POST /mail/messages`, and the dashboard at `/sluice`. */
export function appOver(proxy: Proxy, shopToken: string): Hono {
  const admin = createAdmin(proxy);
  const gateway = createGateway(proxy, {
    tokens: { shop: [shopToken] },
    client: (_request, { remoteAddr }: Deno.ServeHandlerInfo<Deno.NetAddr>) => remoteAddr.hostname,
  });
  return new Hono()
    .get("/", (c) => c.text("The shop"))
    .mount("/mail", gateway.fetch)
    .mount("/sluice", admin.fetch);
}

// deno run --allow-net --allow-env=SHOP_TOKEN examples/app/app.ts
if (import.meta.main) {
  const target = { transport: "tcp", host: "127.0.0.1", port: 25 } as const;
  const proxy = createProxy({ policy, upstream: smtpUpstream({ target, dialer: denoDialer }) });
  Deno.serve({ port: 8000 }, appOver(proxy, Deno.env.get("SHOP_TOKEN") ?? "").fetch);
  await proxy.serve(await listen({ transport: "tcp", host: "127.0.0.1", port: 2525 }));
}
