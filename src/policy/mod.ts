/**
 * For authors of policies: the type, the verdicts, and what they are told.
 *
 * A policy has a check for each phase that it cares about. A check may be asynchronous; one that
 * fails, or takes longer than the option `policyTimeLimit`, is answered as `policyFailure` says.
 *
 * @module
 */

export {
  type Answer,
  definePolicy,
  disconnect,
  type Policy,
  proceedAll,
  reject,
} from "./policy.ts";
export { type Phase, type PhaseFacts, phases, type Verdict } from "../session/phases.ts";
export type {
  ClientFacts,
  Envelope,
  Recipient,
  SessionFacts,
  TransactionFacts,
} from "../session/facts.ts";
export { Path } from "../rfc5321/path.ts";
export { Reply } from "../rfc5321/reply.ts";
