/**
 * For authors of policies: the type, the verdicts, and what they are told.
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
