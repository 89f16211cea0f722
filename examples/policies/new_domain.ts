/** Takes mail for an old domain and sends it on to the new one. */

import { definePolicy, rewrite } from "@sluice/sluice/policy";

export default definePolicy({
  name: "new domain",
  rcpt: ({ forwardPath }) =>
    forwardPath.domain === "old.example"
      ? rewrite(forwardPath.withDomain("new.example"))
      : undefined,
});
