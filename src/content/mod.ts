/**
 * Filters: each is a function from options to a policy that reads messages while they come.
 *
 * @module
 */

export { clamav, type ClamavOptions, type InfectedReaction } from "./clamav.ts";
export type { FilterOptions } from "./filter_options.ts";
export { httpHook, type HttpHookOptions } from "./http_hook.ts";
export { rspamd, type RspamdAction, type RspamdOptions, type RspamdReaction } from "./rspamd.ts";
export { spamassassin, type SpamassassinOptions } from "./spamassassin.ts";
export type { SpamdResult, SpamdVerb } from "./spamd_answer.ts";
