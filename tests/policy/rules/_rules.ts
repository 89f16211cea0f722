/**
 * Rules that are asked without a session: the facts of each phase, and what a policy makes of them.
 *
 * @module
 */

import { encode } from "../../../src/bytes.ts";
import { HeaderSection } from "../../../src/message/header_section.ts";
import { judgeOf } from "../../../src/policy/judge.ts";
import type { Policy } from "../../../src/policy/policy.ts";
import type { RuleEnvironment, RulePhase } from "../../../src/policy/rules/rule.ts";
import { parseTable } from "../../../src/policy/rules/table.ts";
import { Path } from "../../../src/rfc5321/path.ts";
import { Reply } from "../../../src/rfc5321/reply.ts";
import type {
  ClientFacts,
  Recipient,
  SessionFacts,
  TransactionFacts,
} from "../../../src/session/facts.ts";
import type { PhaseFacts, Ruling } from "../../../src/session/phases.ts";
import { FakeClock } from "../../_clock.ts";

/** What a test says of a command; everything else is ordinary. */
export interface Situation {
  readonly client?: Partial<ClientFacts>;
  readonly listener?: string;
  readonly hello?: string;
  readonly sender?: string;
  readonly recipient?: string;
  /** Those that were accepted before. */
  readonly recipients?: readonly string[];
  readonly size?: number;
  readonly octets?: number;
  /** The header section. */
  readonly header?: string;
  /** What filters have given. */
  readonly score?: number;
}

/** `<>`, `<Postmaster>` or a mailbox. */
export function path(text: string): Path {
  return text === "<>" ? Path.null : Path.from(text);
}

/** The facts of every phase in one situation. */
export function factsOf(situation: Situation): { readonly [P in RulePhase]: PhaseFacts[P] } {
  const { sender = "a@sender.example", recipient = "b@recipient.example", size } = situation;
  const session: SessionFacts = {
    id: "s",
    startedAt: 0,
    client: {
      address: "192.0.2.1",
      port: 1025,
      hello: "client.example",
      extended: true,
      trusted: false,
      ...situation.client,
    },
    server: { transport: "memory", name: "server" },
    listener: situation.listener ?? "smtp",
  };
  const recipients = (situation.recipients ?? [recipient]).map((text): Recipient => ({
    forwardPath: path(text),
    parameters: {},
    reply: new Reply(250, "2.1.5 Ok"),
  }));
  const reversePath = path(sender);
  const forwardPath = path(recipient);
  const parameters = size === undefined ? {} : { size };
  const transaction: TransactionFacts = {
    id: "s-1",
    session,
    original: { reversePath, parameters, recipients },
    current: { reversePath, parameters, recipients },
    octets: situation.octets ?? 0,
    steps: [],
  };
  const headers = HeaderSection.parse(encode(situation.header ?? ""));
  return {
    connect: { ...session, silence: () => Promise.resolve(true) },
    ehlo: { ...session, name: situation.hello ?? "client.example" },
    starttls: session,
    auth: { ...session, mechanism: "PLAIN" },
    mail: { ...session, reversePath, given: reversePath, parameters },
    rcpt: { ...transaction, forwardPath, given: forwardPath, parameters: {} },
    data: transaction,
    headers: { ...transaction, headers, complete: true },
    content: { ...transaction, headers, score: situation.score ?? 0, editable: true },
  };
}

/** Everything that rules of tests refer to. */
export function environment(own: Partial<RuleEnvironment> = {}): RuleEnvironment {
  return {
    tables: new Map([
      ["nobody", parseTable("", "nobody")],
      [
        "partners",
        parseTable("192.0.2.128/25\n.partner.example\nvip@sender.example\n", "partners"),
      ],
      ["aliases", parseTable("team@recipient.example x@one.example, y@two.example\n", "aliases")],
      ["senders", parseTable("a@sender.example <>\nb@sender.example nonsense\n", "senders")],
    ]),
    upstreams: new Set(["archive", "other"]),
    checks: new Map(),
    clock: new FakeClock(),
    ...own,
  };
}

/** Errors of checks, in the order in which they came. */
export const failures: unknown[] = [];

/** What a policy says in one phase, behind a MAIL of its own. */
export async function rule(
  policy: Policy,
  phase: RulePhase,
  situation: Situation,
  clock: RuleEnvironment["clock"] = new FakeClock(),
): Promise<Ruling> {
  const judge = judgeOf(policy, {
    clock,
    timeLimit: 1_000,
    onFailure: new Reply(451, "4.3.0 Failed"),
    failed: (_phase, _check, error) => void failures.push(error),
  });
  const session = judge.open();
  return await session.judge(phase, factsOf(situation)[phase] as PhaseFacts[typeof phase]);
}

/** A ruling in one line: `x@one.example,y@two.example via archive`, `550 5.7.1 No, closed`. */
export function inWords(ruling: Ruling): string {
  const { refusal, close, discard, quarantine, paths, upstream, edits, score } = ruling;
  const words = [
    refusal === undefined ? undefined : `${refusal.code} ${refusal.text}${close ? ", closed" : ""}`,
    discard ? "discard" : undefined,
    edits?.map((edit) => `${edit.kind} ${edit.name}`).join(", "),
    score === undefined ? undefined : `score ${score}`,
    quarantine ? "quarantine" : undefined,
    paths?.map((one) => one.isNull ? "<>" : one.address).join(",") ??
      undefined,
    upstream === undefined ? undefined : `via ${upstream}`,
  ];
  return words.filter((word) => word !== undefined).join(" ");
}
