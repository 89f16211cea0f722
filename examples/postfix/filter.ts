/**
 * A filter in front of Postfix, which is told who the client really is (XCLIENT): its own restrictions
 * and its log go by that.
 *
 * @module
 */

import { createProxy, type Proxy, smtpUpstream } from "@sluice/sluice";
import { hello } from "@sluice/sluice/checks";
import { createTlsClient, denoDialer, listen } from "@sluice/sluice/deno";
import { compose, definePolicy, type Policy, reject } from "@sluice/sluice/policy";

/** Nobody may be called as we are, and nobody outside may write in our name. */
const policy: Policy = compose(
  hello({ own: ["mx.test.example"] }),
  definePolicy({
    name: "our name",
    mail: ({ reversePath, client }) =>
      reversePath.domain === "test.example" && client.login === undefined
        ? reject("550 5.7.1 Log in to send from test.example")
        : undefined,
  }),
);

/** The filter; Postfix listens at a port of this machine. */
export function filterBefore(port: number): Proxy {
  return createProxy({
    hostname: "mx.test.example",
    policy,
    upstream: smtpUpstream({
      target: { transport: "tcp", host: "127.0.0.1", port },
      dialer: denoDialer,
      tlsClient: createTlsClient(),
      // In Postfix's main.cf: smtpd_authorized_xclient_hosts = 127.0.0.1
      identify: "xclient",
    }),
  });
}

// In Postfix's master.cf: 127.0.0.1:10025 inet n - n - - smtpd
// deno run --allow-net examples/postfix/filter.ts
if (import.meta.main) {
  await filterBefore(10025).serve(await listen({ transport: "tcp", host: "0.0.0.0", port: 25 }));
}
