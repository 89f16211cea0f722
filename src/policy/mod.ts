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
  type Reading,
  type TransactionPhase,
} from "./policy.ts";
export {
  type Described,
  explain,
  type ExplainOptions,
  type Explanation,
  type PhaseReport,
} from "./explain.ts";
export {
  everything,
  type Gives,
  type Need,
  needs,
  type PolicyHost,
  refuseUnmetNeeds,
} from "./needs.ts";
export { CheckError, type JudgeOptions } from "./asking.ts";
export { judgeOf } from "./judge.ts";
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
export {
  addHeader,
  defer,
  discard,
  disconnect,
  edit,
  proceed,
  quarantine,
  reject,
  removeHeader,
  replaceHeader,
  rewrite,
  route,
  score,
} from "./verdicts.ts";
export { Field } from "../message/field.ts";
export { type HeaderEdit, HeaderSection } from "../message/header_section.ts";
export { Incomplete, TooMuch } from "../message/feed.ts";
export type { Message, ReadOptions } from "../message/message.ts";
export {
  type Discard,
  type Disconnect,
  type Edit,
  type Inquiry,
  type Judge,
  type Phase,
  type PhaseFacts,
  phases,
  type Proceed,
  type Quarantine,
  type Refusal,
  type Reject,
  type Rewrite,
  type Route,
  type Ruling,
  type Score,
  type SealFacts,
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
export type { MessageTransform } from "../session/transforming.ts";
export { Path } from "../rfc5321/path.ts";
export { Reply } from "../rfc5321/reply.ts";
