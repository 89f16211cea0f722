/** Lets each login use its own sender addresses only. */

import { definePolicy, reject } from "@sluice/sluice/policy";

/** Addresses, or domains with their `@`. */
const senders: ReadonlyMap<string, readonly string[]> = new Map([
  ["alice", ["alice@our.example", "sales@our.example"]],
  ["shop", ["@shop.example"]],
]);

export default definePolicy({
  name: "login may send as",
  mail({ client, reversePath }) {
    if (client.login === undefined) return reject("530 5.7.0 Authentication required");
    const { localPart, domain } = reversePath;
    const own = senders.get(client.login) ?? [];
    if (own.includes(`@${domain}`) || own.includes(`${localPart}@${domain}`)) return;
    return reject("553 5.7.1 Not your address");
  },
});
