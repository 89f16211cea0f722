/**
 * Recorded questions, put to another policy: which decisions would change.
 *
 * @module
 */

import { messageOf } from "../errors.ts";
import type { MailParameters, RcptParameters } from "../rfc5321/parameter.ts";
import { HeaderSection } from "../message/header_section.ts";
import { Path } from "../rfc5321/path.ts";
import type { Envelope } from "../session/facts.ts";
import {
  type Judge,
  type Phase,
  type PhaseFacts,
  phases,
  type SessionJudge,
} from "../session/phases.ts";
import { type Decision, decisionOf, sameDecision } from "./decision.ts";
import type { RecordedEnvelope, RecordedQuestion } from "./record.ts";

/** A decision that another policy would not have made. */
export interface Change {
  /** Line of the recording, from 1 on. */
  readonly line: number;
  /** What was asked. */
  readonly question: RecordedQuestion;
  /** What the other policy decides. */
  readonly decision: Decision;
  /** Who says so. */
  readonly by: readonly string[];
}

/** A line that is none of a recording. */
export class RecordingError extends Error {
  /** Tells it apart in logs. */
  override readonly name = "RecordingError";
  /** Line of the recording, from 1 on. */
  readonly line: number;

  /** Is thrown by {@linkcode replay}. */
  constructor(line: number, found: string) {
    super(
      `Cannot read line ${line} of the recording: found ${found}, allowed are lines of \`record\``,
    );
    this.line = line;
  }
}

/** Sessions that are replayed at a time; beyond it the oldest begins anew if it comes again. */
const SESSIONS = 10_000;

/**
 * Asks a policy all that was recorded, in its order, with the facts as they were: what the recorded
 * policy has changed (the envelope) is not changed again.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { systemClock } from "@sluice/sluice";
 * import { defer, definePolicy, judgeOf, recorder, replay, Reply } from "@sluice/sluice/policy";
 * import { openSession } from "@sluice/sluice/testing";
 *
 * const lines: string[] = [];
 * const recording = recorder({ write: (line) => lines.push(line), now: () => Date.now() });
 * await using session = await openSession({ observers: [recording.observer] });
 * await session.cmd("MAIL FROM:<a@client.example>", "250");
 * await recording.settled();
 *
 * const judge = judgeOf(definePolicy({ name: "new", mail: () => defer() }), {
 *   clock: systemClock,
 *   timeLimit: 1_000,
 *   onFailure: Reply.parse("451 4.3.0 Later"),
 *   failed: () => {},
 * });
 * const changes = await Array.fromAsync(replay(lines, judge));
 * assertEquals(changes.map(({ question, decision }) => [question.phase, decision.refusal]), [
 *   ["mail", "451 4.7.1"],
 * ]);
 * ```
 *
 * @param lines Without their ends; replies and empty lines are passed over.
 * @throws {RecordingError} At the first line that cannot be read.
 */
export async function* replay(
  lines: Iterable<string> | AsyncIterable<string>,
  judge: Judge,
): AsyncGenerator<Change> {
  const sessions = new Map<string, SessionJudge>();
  let line = 0;
  for await (const text of lines) {
    line++;
    const question = questionIn(text, line);
    if (question === undefined) continue;
    const { phase, session: { id } } = question;
    // Of a message nothing is written down that could be read again.
    if (phase === "filter") continue;
    const facts = factsAt(question, line);
    const session = sessions.get(id) ?? judge.open();
    const ruling = await session.judge(phase, facts);
    const decision = decisionOf(ruling);
    if (!sameDecision(question.decision, decision)) {
      yield { line, question, decision, by: ruling.steps.map(({ check }) => check) };
    }
    if (phase === "close") sessions.delete(id);
    else sessions.set(id, session);
    const [oldest] = sessions.keys();
    if (sessions.size > SESSIONS) sessions.delete(oldest);
  }
}

function questionIn(text: string, line: number): RecordedQuestion | undefined {
  if (text === "") return undefined;
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    throw new RecordingError(line, "no JSON");
  }
  if (typeof value !== "object" || value === null) throw new RecordingError(line, "no object");
  if ("reply" in value) return undefined;
  if (!phases.includes(value.phase)) throw new RecordingError(line, "no phase");
  if (typeof value.session?.client?.address !== "string") {
    throw new RecordingError(line, "no session");
  }
  if (!(value.decision instanceof Object) || !Array.isArray(value.by)) {
    throw new RecordingError(line, "no decision");
  }
  return value;
}

function factsAt(question: RecordedQuestion, line: number): PhaseFacts[Phase] {
  try {
    return factsOf(question);
  } catch (error) {
    throw new RecordingError(line, messageOf(error));
  }
}

/** What a question told about: one row for each phase that has more than its session. */
function factsOf(question: RecordedQuestion): PhaseFacts[Phase] {
  const { phase, about = "", parameters = {} } = question;
  switch (phase) {
    case "connect": {
      const silence = (): Promise<boolean> => Promise.resolve(true);
      return { ...question.session, silence };
    }
    case "ehlo":
      return { ...question.session, name: about };
    case "auth":
      return { ...question.session, mechanism: about };
    case "mail": {
      const reversePath = pathOf(about);
      return {
        ...question.session,
        reversePath,
        given: reversePath,
        parameters: parameters as MailParameters,
      };
    }
    case "rcpt": {
      const forwardPath = pathOf(about);
      return {
        ...transactionOf(question),
        forwardPath,
        given: forwardPath,
        parameters: parameters as RcptParameters,
      };
    }
    case "data":
      return transactionOf(question);
    case "headers":
    case "content": {
      const headers = new HeaderSection([]);
      const unknown = { headers, complete: false, score: 0, editable: false };
      return { ...transactionOf(question), ...unknown };
    }
    default:
      return question.session;
  }
}

function transactionOf(question: RecordedQuestion): PhaseFacts["data"] {
  const { transaction } = question;
  if (transaction === undefined) throw new RangeError("no transaction");
  const { id, original, current, octets, upstream } = transaction;
  return {
    id,
    session: question.session,
    original: envelopeOf(original),
    current: envelopeOf(current),
    octets,
    upstream,
    steps: [],
  };
}

function envelopeOf({ from, to, parameters }: RecordedEnvelope): Envelope {
  return {
    reversePath: pathOf(from),
    parameters: parameters as MailParameters,
    recipients: to.map((address) => ({ forwardPath: pathOf(address), parameters: {} })),
  };
}

function pathOf(address: string): Path {
  return address === "" ? Path.null : Path.from(address);
}
