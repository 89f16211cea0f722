/**
 * An answer of HTTP as a reply.
 *
 * | status                  | reply                                                                     |
 * | ----------------------- | ------------------------------------------------------------------------- |
 * | 2xx, but not 207        | 250                                                                       |
 * | 207                     | 451: some have it and others not, and nobody could say who                |
 * | 3xx                     | 451: nothing is followed, a message does not go where nobody has sent it  |
 * | 401, 407                | 451: it is us whom it does not know, and no fault of the message          |
 * | 408, 421, 425, 429, 5xx | 451                                                                       |
 * | 403, 413                | 550 5.7.1, 552 5.3.4                                                      |
 * | other 4xx               | 554                                                                       |
 *
 * The text is the body's first line where that is `text/plain`. A body `{"reply": "550 5.7.1 Spam"}`
 * of `application/json` is the whole reply, where its class is the one of the table.
 *
 * @module
 */

import { type Clock, within } from "../../clock.ts";
import { maxReplyText } from "../../rfc5321/limits.ts";
import { Reply } from "../../rfc5321/reply.ts";

/** Octets of a body that are looked at. */
const MAX_BODY = 4_096;
/** Characters of its first line that go on. */
const MAX_TEXT = 200;
/** Milliseconds for a body: the status alone says what is most important. */
const PATIENCE = 5_000;

const LATER = new Reply(451, "4.3.0 Upstream cannot take the message now");
const MISCONFIGURED = new Reply(451, "4.3.5 Upstream is not configured for this message");

const byStatus: ReadonlyMap<number, Reply> = new Map([
  [207, new Reply(451, "4.3.0 Upstream has taken the message for some recipients only")],
  [401, MISCONFIGURED],
  [403, new Reply(550, "5.7.1 Message refused")],
  [407, MISCONFIGURED],
  [408, LATER],
  [413, new Reply(552, "5.3.4 Message too big for the upstream")],
  [421, LATER],
  [425, LATER],
  [429, new Reply(451, "4.3.2 Upstream takes no more messages now")],
]);

const byClass: Readonly<Record<number, Reply>> = {
  2: new Reply(250, "2.0.0 Ok"),
  3: MISCONFIGURED,
  4: new Reply(554, "5.0.0 Message refused"),
  5: LATER,
};

/** An answer before the end of the message cannot be a success. */
export const EARLY = new Reply(451, "4.3.0 Upstream has answered before the end of the message");

/**
 * The reply that an answer means. Its body, which is a stranger's, is read in part and in bounded time.
 * Never rejects.
 */
export async function replyOf(response: Response, clock: Clock): Promise<Reply> {
  // A redirect whose status is hidden has 0.
  const meaning = byStatus.get(response.status) ??
    byClass[Math.floor(response.status / 100)] ?? MISCONFIGURED;
  const kind = response.headers.get("content-type")?.toLowerCase() ?? "";
  const read = READERS.find(([type]) => kind.startsWith(type));
  if (read === undefined) {
    response.body?.cancel().catch(() => {});
    return meaning;
  }
  return read[1](await bodyOf(response, clock), meaning);
}

const READERS: readonly (readonly [type: string, read: (body: string, meaning: Reply) => Reply])[] =
  [
    ["text/plain", worded],
    ["application/json", named],
  ];

/** In the words of the body's first line, if there are any. */
function worded(body: string, meaning: Reply): Reply {
  const text = asciiOf(body.trim().split(/[\r\n]/, 1)[0]).slice(0, MAX_TEXT).trim();
  if (text === "") return meaning;
  const reply = new Reply(meaning.code, text);
  const { subject, detail } = meaning.enhanced!;
  return reply.withEnhanced(`${subject}.${detail}`);
}

/** The reply that the body names, if it is one and means the same. */
function named(body: string, meaning: Reply): Reply {
  try {
    const { reply: text } = JSON.parse(body) as { readonly reply?: unknown };
    if (typeof text !== "string" || text.length > maxReplyText) return meaning;
    const reply = Reply.parse(asciiOf(text));
    if (Math.floor(reply.code / 100) !== Math.floor(meaning.code / 100)) return meaning;
    // 250 is the only success of mail data (RFC 5321 §4.3.2), and 421 says that the session ends.
    const code = reply.positive ? 250 : reply.code === 421 ? 451 : reply.code;
    return new Reply(code, reply.lines).withEnhanced("0.0");
  } catch {
    return meaning;
  }
}

function asciiOf(text: string): string {
  return text.replace(/[^ -~]/gu, "?");
}

/** The beginning of a body; `""` where it does not come. */
async function bodyOf({ body }: Response, clock: Clock): Promise<string> {
  const reader = body?.getReader();
  if (reader === undefined) return "";
  let text = "";
  const read = async (): Promise<void> => {
    const decoder = new TextDecoder();
    let octets = 0;
    while (octets < MAX_BODY) {
      const { done, value } = await reader.read();
      if (done) return;
      octets += value.length;
      text += decoder.decode(value.subarray(0, MAX_BODY), { stream: true });
    }
  };
  await within(clock, PATIENCE, "the body of an answer", read()).catch(() => text = "");
  // What is left of it is nobody's, and the connection with it.
  reader.cancel().catch(() => {});
  return text;
}
