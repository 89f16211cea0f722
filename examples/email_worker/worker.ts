/**
 * A Cloudflare Email Worker: all mail for a domain goes to one inbox, but what is not wanted.
 *
 * @module
 */

import { emailWorker } from "@sluice/sluice/email-worker";
import { compose, definePolicy, edit, reject } from "@sluice/sluice/policy";

/** Before the message: by the envelope alone. */
const blocked = definePolicy({
  name: "blocked",
  mail: ({ reversePath }) =>
    reversePath.domain === "spam.example" ? reject("550 5.7.1 Not from there") : undefined,
});

/** Tells the inbox's own filters what comes in bulk. */
const marked = definePolicy({
  name: "marked",
  headers: ({ headers }) =>
    headers.get("precedence") === "bulk"
      ? edit([{ kind: "add", name: "X-Bulk", value: "yes", at: "top" }])
      : undefined,
});

// npx wrangler deploy examples/email_worker/worker.ts, then a route to it in Email Routing
export default emailWorker(compose(blocked, marked), { destination: "me@inbox.example" });
