/**
 * The answer to the end of mail data: one reply, or in LMTP one for each recipient that the server has
 * accepted (RFC 2033 §4.2).
 *
 * @module
 */

import { Reply } from "../../rfc5321/reply.ts";
import { UpstreamFailure } from "../../session/upstream.ts";
import { worst } from "../../session/worst.ts";
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
 * Waits for it. To be called before the end is written: where the write fails, so does the answer,
 * and nobody need be awaiting it by then.
 *
 * @param heard Told of each reply as it comes, where there is one for each recipient.
 * @returns The reply, or the worst of them.
 * @throws {UpstreamFailure} If one of them did not come.
 */
export function answerTo(link: BodyLink, heard?: Heard): Promise<Reply> {
  const { recipients } = link;
  const answer = recipients === undefined
    ? replyOf(link)
    : Promise.all(Array.from({ length: recipients }, async (_, nth) => {
      const reply = await replyOf(link);
      heard?.(nth, reply);
      return reply;
    })).then(worst);
  answer.catch(() => {});
  return answer;
}

/** The next reply to mail data or to a chunk. */
export async function replyOf({ dialogue, timeouts }: BodyLink): Promise<Reply> {
  const reply = await dialogue.expect(waitFor(timeouts, "dataTermination"));
  return finalReply(dialogue, reply);
}

/** 3yz is no answer to mail data (RFC 5321 §4.3.2). */
function finalReply(dialogue: Dialogue, reply: Reply): Reply {
  if (!reply.intermediate) return settled(reply);
  const failure = new UpstreamFailure("protocol", `Unfit reply to mail data: ${reply.text}`);
  dialogue.fail(failure);
  throw failure;
}
