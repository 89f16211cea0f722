/** Strips `+detail` from recipients of our own domains. */

import { definePolicy, rewrite } from "@sluice/sluice/policy";

const ours = new Set(["our.example"]);

export default definePolicy({
  name: "plus address",
  rcpt({ forwardPath }) {
    const plus = forwardPath.localPart.indexOf("+");
    // Only who delivers may give a local-part a meaning (RFC 5321 §2.3.11).
    if (plus < 1 || !ours.has(forwardPath.domain)) return;
    return rewrite(forwardPath.withLocalPart(forwardPath.localPart.slice(0, plus)));
  },
});
