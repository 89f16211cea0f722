/**
 * Chooses the upstream by the recipient's domain. The names are those of the option `upstreams`.
 *
 * A message goes to one upstream: recipients that belong to another are answered 452, and the client
 * sends to them again.
 */

import { definePolicy, route } from "@sluice/sluice/policy";

const upstreams: ReadonlyMap<string, string> = new Map([
  ["lists.example", "lists"],
  ["archive.example", "archive"],
]);

export default definePolicy({
  name: "by domain",
  rcpt({ forwardPath }) {
    const upstream = upstreams.get(forwardPath.domain);
    return upstream === undefined ? undefined : route(upstream);
  },
});
