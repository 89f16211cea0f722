/**
 * One reply for several recipients.
 *
 * @module
 */

import type { Reply } from "../rfc5321/reply.ts";

/**
 * What a client is told that can be told only one thing about a message that some recipients have and
 * others have not. Where anybody is to have it later the client keeps it, and whoever has it gets it
 * again: a copy too many is better than one that nobody hears of (RFC 5321 §6.1). Where somebody is
 * refused it for good, that is told: the sender would never learn of it otherwise.
 *
 * @param replies At least one.
 * @returns The first 4yz, else the first 5yz, else the first.
 */
export function worst(replies: readonly Reply[]): Reply {
  return replies.find((one) => one.transient) ?? replies.find((one) => one.permanent) ?? replies[0];
}
