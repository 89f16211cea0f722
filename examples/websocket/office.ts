/**
 * The near end of SMTP over WebSocket: takes mail by TCP as any server does, and passes it on to the
 * other site through port 443, client by client (XCLIENT).
 *
 * @module
 */

import { createProxy, type Proxy, smtpUpstream } from "@sluice/sluice";
import { listen, webSocketDialer } from "@sluice/sluice/deno";

/** A proxy to the other site. Deno's WebSocket takes headers; others may be without. */
export function proxyTo(url: string, token: string): Proxy {
  const headers = { authorization: `Bearer ${token}` };
  const dialer = webSocketDialer({
    open: (url, protocol) => new WebSocket(url, { protocols: [protocol], headers }),
  });
  const target = { transport: "websocket", url } as const;
  return createProxy({ upstream: smtpUpstream({ target, dialer, identify: "xclient" }) });
}

// deno run --allow-net --allow-env=SITE_TOKEN examples/websocket/office.ts wss://site.example/smtp
if (import.meta.main) {
  const proxy = proxyTo(Deno.args[0], Deno.env.get("SITE_TOKEN") ?? "");
  await proxy.serve(await listen({ transport: "tcp", host: "0.0.0.0", port: 2525 }));
}
