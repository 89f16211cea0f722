/**
 * The answer to the end of mail data: one reply, or in LMTP one for each recipient that the server has
 * accepted (RFC 2033 §4.2).
 *
 * @module
 */

import { Reply } from "../../rfc5321/reply.ts";
import { UpstreamFailure } from "../../session/upstream.ts";
import { worst } from "../../session/worst.ts";
import { type Soon, when } from "../../soon.ts";
import type { BodyLink } from "./body.ts";
import type { Dialogue } from "./dialogue.ts";
import { waitFor } from "./timeouts.ts";

/** A reply of the upstream as it goes on to the client, whose session is another one. */
export function settled(reply: Reply): Reply {
  // 421 says that the upstream closes; our own session goes on (RFC 5321 §3.8).
  const own = reply.code === 421 ? new Reply(451, reply.lines) : reply;
  return own.withEnhanced("0.0");
}

/** Told of the reply for the nth recipient. */
export type Heard = (nth: number, reply: Reply) => void;

/**
 * Waits for it.
 *
 * @param heard Told of each reply as it comes, where there is one for each recipient.
 * @param take Makes of the reply, or of the worst of them, what is returned.
 * @throws {UpstreamFailure} If one of them did not come.
 */
export function answerTo(
  link: BodyLink,
  heard: Heard | undefined,
  take: (answer: Reply) => Soon<Reply> = itself,
): Promise<Reply> {
  const { recipients } = link;
  if (recipients === undefined) return replyOf(link, take);
  const replies = Array.from({ length: recipients }, (_, nth) =>
    replyOf(link, (reply) => {
      heard?.(nth, reply);
      return reply;
    }));
  return Promise.all(replies).then((replies) => take(worst(replies)));
}

/** The answer to a message that has been sent, once all of it has left: others may come then. */
export function ended(link: BodyLink, answer: Reply): Soon<Reply> {
  return when(link.dialogue.written, () => {
    link.ended(answer);
    return answer;
  });
}

/** The next reply to mail data or to a chunk. */
export function replyOf(
  { dialogue, timeouts }: BodyLink,
  take: (reply: Reply) => Soon<Reply> = itself,
): Promise<Reply> {
  const wait = waitFor(timeouts, "dataTermination");
  return dialogue.expect(wait, (reply) => take(finalReply(dialogue, reply)));
}

function itself(reply: Reply): Reply {
  return reply;
}

/** 3yz is no answer to mail data (RFC 5321 §4.3.2). */
function finalReply(dialogue: Dialogue, reply: Reply): Reply {
  if (!reply.intermediate) return settled(reply);
  const failure = new UpstreamFailure("protocol", `Unfit reply to mail data: ${reply.text}`);
  dialogue.fail(failure);
  throw failure;
}
