/**
 * The worker under test, as `host.ts` is the program of other runtimes.
 *
 * @module
 */

import {
  sluice,
  type WorkerdHandler,
  type WorkerdOptions,
} from "../../../src/adapters/workerd/mod.ts";
import type { Setup } from "../_suite.ts";
import { policy } from "./policy.ts";

/** What differs from export to export. */
type Variant = Pick<WorkerdOptions, "implicitTls" | "scanner">;

/** Makes it. */
export function worker({ upstream, upstreamTls }: Setup, variant: Variant = {}): WorkerdHandler {
  if (upstream.transport !== "tcp") throw new Error(`Cannot use ${upstream.transport} here`);
  return sluice({
    hostname: "proxy.example",
    trace: false,
    policy,
    upstream: {
      target: upstream,
      tls: upstreamTls === undefined
        ? { mode: "none" }
        : { mode: "required", verify: { kind: "name", name: upstreamTls.name } },
    },
    ...variant,
  });
}
