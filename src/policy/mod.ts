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
  type Checks,
  compose,
  definePolicy,
  type OnFailure,
  type Own,
  type Policy,
  type PolicyDefinition,
  type PolicyPart,
  proceedAll,
  type TransactionPhase,
} from "./policy.ts";
export {
  type Described,
  explain,
  type ExplainOptions,
  type Explanation,
  type PhaseReport,
} from "./explain.ts";
export { CheckError, judgeOf, type JudgeOptions } from "./judge.ts";
export { type Decision, printDecision } from "./decision.ts";
export {
  type RecordedAddresses,
  type RecordedEnvelope,
  type RecordedQuestion,
  type RecordedReply,
  type Recorder,
  recorder,
  type RecorderOptions,
} from "./record.ts";
export { type Change, RecordingError, replay } from "./replay.ts";
export { defer, discard, disconnect, proceed, reject, rewrite, route } from "./verdicts.ts";
export {
  type Discard,
  type Disconnect,
  type Inquiry,
  type Judge,
  type Phase,
  type PhaseFacts,
  phases,
  type Proceed,
  type Refusal,
  type Reject,
  type Rewrite,
  type Route,
  type Ruling,
  type SessionJudge,
  type Step,
  type Verdict,
  type Verdicts,
} from "../session/phases.ts";
export type {
  ClientFacts,
  Envelope,
  Recipient,
  SessionFacts,
  TransactionFacts,
} from "../session/facts.ts";
export { Path } from "../rfc5321/path.ts";
export { Reply } from "../rfc5321/reply.ts";
