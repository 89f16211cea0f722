/** A session with a milter in front of it. */

import { milter, type MilterOptions } from "../../../src/content/milter/milter.ts";
import { openSession, type TestSession } from "../../../src/testing/session.ts";
import type { FakeMilter } from "./_milter.ts";

/** What is sent. */
export const MESSAGE =
  "From: <a@x.example>\r\nSubject: one\r\n two\r\nX-A: 1\r\nx-a: 2\r\n\r\nHi\r\n.dot\r\n";
/** Where the milter is said to be. */
export const TARGET = { transport: "tcp", host: "192.0.2.8", port: 8891 } as const;

type Options = Partial<MilterOptions>;

/** A session with one milter in front of it. */
export async function sessionWith(
  fake: FakeMilter,
  options: Options = {},
  test: Parameters<typeof openSession>[0] = {},
): Promise<TestSession> {
  return await openSession({
    policy: milter({ target: TARGET, dialer: fake, ...options }),
    policyFailure: "451 4.3.0 Failed",
    ...test,
  });
}

/** The first message that the upstream has taken. */
export function contentOf(session: TestSession): string {
  return new TextDecoder().decode(session.captured[0].content);
}

/** What the client is told of MAIL, one RCPT and the message, up to the first refusal. */
export async function transaction(
  session: TestSession,
  message: string = MESSAGE,
): Promise<string> {
  for (const command of ["MAIL FROM:<a@x.example> SIZE=100", "RCPT TO:<b@y.example>"]) {
    const reply = await session.cmd(command);
    if (!reply.positive) return `${command.slice(0, 4)} ${reply.code} ${reply.text}`;
  }
  const { code, text } = await session.message(message);
  return `${code} ${text}`;
}
