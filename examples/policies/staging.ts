/** Sends all mail to one inbox, so that a test system writes to nobody. */

import { definePolicy, Path, rewrite } from "@sluice/sluice/policy";

const inbox = Path.from("staging@our.example");

export default definePolicy({
  name: "staging",
  // One copy is enough, however many recipients there are.
  rcpt: ({ current }) => rewrite(current.recipients.length === 0 ? [inbox] : []),
});
