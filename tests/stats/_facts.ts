/** What observers are told, without a session. */

import { encode } from "../../src/bytes.ts";
import { parseCommand } from "../../src/rfc5321/command.ts";
import { Path } from "../../src/rfc5321/path.ts";
import { Reply } from "../../src/rfc5321/reply.ts";
import type {
  ClientFacts,
  Recipient,
  SessionFacts,
  TransactionFacts,
} from "../../src/session/facts.ts";
import type { TransactionEnd } from "../../src/session/observer.ts";
import type { Step, Verdict } from "../../src/session/phases.ts";
import type { ParsedLine } from "../../src/stages/command_parser.ts";
import { TransactionDraft, type TransactionRecord } from "../../src/stats/transaction_record.ts";

/** A session of which nothing special is known. */
export function session(id: string = "s", client: Partial<ClientFacts> = {}): SessionFacts {
  return {
    id,
    startedAt: 0,
    client: {
      address: "192.0.2.1",
      port: 50_000,
      hello: "client.example",
      extended: true,
      trusted: false,
      ...client,
    },
    server: { transport: "tcp", host: "192.0.2.25", port: 25 },
    listener: "smtp",
  };
}

/** A recipient, accepted unless the reply says otherwise. */
export function recipient(address: string, reply: string = "250 2.1.5 Ok"): Recipient {
  return { forwardPath: Path.from(address), parameters: {}, reply: Reply.parse(reply) };
}

/** A mail transaction of `a@x.example` to `b@y.example`. */
export function transaction(facts: Partial<TransactionFacts> = {}): TransactionFacts {
  const reversePath = Path.from("a@x.example");
  const envelope = { reversePath, parameters: {}, recipients: [recipient("b@y.example")] };
  return {
    id: "s-1",
    session: session(),
    original: envelope,
    current: envelope,
    octets: 0,
    steps: [],
    ...facts,
  };
}

export const accepted: TransactionEnd = {
  kind: "accepted",
  reply: Reply.parse("250 2.0.0 Queued"),
};

/** A record to be added to a log. */
export function record(
  facts: Partial<TransactionFacts> = {},
  end: TransactionEnd = accepted,
): Omit<TransactionRecord, "number" | "weight"> {
  const whole = transaction(facts);
  return { facts: whole, session: whole.session, end, draft: new TransactionDraft(0, 0), took: 1 };
}

/** A line of a client as it is parsed. */
export function command(line: string): ParsedLine {
  return parseCommand(encode(line));
}

export function step(check: string, verdict: Verdict, took: number = 1): Step {
  return { phase: "rcpt", check, verdict, took };
}
