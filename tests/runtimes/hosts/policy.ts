/**
 * The policy of the proxies under test.
 *
 * @module
 */

import { definePolicy, type Policy, reject, rewrite } from "../../../src/policy/mod.ts";

/** Refuses `refused@…`, and sends what is for `old.example` to `new.example`. */
export const policy: Policy = definePolicy({
  rcpt: ({ forwardPath }) => {
    if (forwardPath.localPart === "refused") return reject("550 5.1.1 No such user");
    if (forwardPath.domain === "old.example") return rewrite(forwardPath.withDomain("new.example"));
  },
});
