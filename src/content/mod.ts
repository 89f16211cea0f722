/**
 * Filters: each is a function from options to a policy that reads messages while they come.
 *
 * @module
 */

export { clamav, type ClamavOptions, type InfectedReaction } from "./clamav.ts";
export { attachments, type AttachmentsOptions } from "./attachments.ts";
export type { FilterOptions } from "./filter_options.ts";
export { httpHook, type HttpHookOptions } from "./http_hook.ts";
export { milter, type MilterOptions } from "./milter/milter.ts";
export {
  rspamd,
  type RspamdAction,
  type RspamdOptions,
  type RspamdReaction,
  type RspamdResult,
  type RspamdSymbol,
} from "./rspamd.ts";
export { spamassassin, type SpamassassinOptions } from "./spamassassin.ts";
export type { SpamdResult, SpamdVerb } from "./spamd_answer.ts";
