/** Refuses clients by address and senders by domain. */

import { definePolicy, reject } from "@sluice/sluice/policy";

const clients = new Set(["192.0.2.66", "2001:db8::66"]);
const domains = new Set(["spam.example", "junk.example"]);

export default definePolicy({
  name: "block list",
  connect: ({ client }) =>
    clients.has(client.address) ? reject("554 5.7.1 Not welcome") : undefined,
  mail: ({ reversePath }) =>
    domains.has(reversePath.domain) ? reject("550 5.7.1 Sender not welcome") : undefined,
});
