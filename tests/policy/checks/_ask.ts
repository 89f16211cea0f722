/** Asks a policy without a session, phase by phase, and says in words what it has decided. */

import { HeaderSection } from "../../../src/message/header_section.ts";
import { judgeOf } from "../../../src/policy/judge.ts";
import type { Policy } from "../../../src/policy/policy.ts";
import { Path } from "../../../src/rfc5321/path.ts";
import { Reply } from "../../../src/rfc5321/reply.ts";
import type { ClientFacts, SessionFacts, TransactionFacts } from "../../../src/session/facts.ts";
import type { Phase, PhaseFacts, Ruling, SessionJudge, Step } from "../../../src/session/phases.ts";
import { FakeClock } from "../../_clock.ts";

/** A path as an operator writes it; `""` or `<>` is the null reverse-path. */
export function path(text: string): Path {
  return text === "" || text === "<>" ? Path.null : Path.from(text);
}

function words(ruling: Ruling): string {
  const { refusal, close, discard, upstream, paths } = ruling;
  if (refusal !== undefined) return `${close ? "close " : ""}${refusal.code} ${refusal.text}`;
  if (discard) return "discard";
  const rewritten = paths?.map((one) => one.address || "<>").join(" ");
  return [rewritten ?? "-", ...upstream === undefined ? [] : [`to ${upstream}`]].join(" ");
}

/** A session of a policy, and its transaction. */
export class Asker {
  readonly troubles: string[] = [];
  readonly #judge: SessionJudge;
  #steps: Step[] = [];
  #sender = Path.null;
  octets = 0;
  recipients: TransactionFacts["original"]["recipients"] = [];
  silent = true;

  constructor(
    policy: Policy,
    public client: Partial<ClientFacts> = {},
    readonly clock: FakeClock = new FakeClock(),
  ) {
    this.#judge = judgeOf(policy, {
      clock,
      timeLimit: 30_000,
      onFailure: Reply.parse("451 4.3.0 Failed"),
      failed: (_phase, _check, error) => void this.troubles.push(String(error)),
    }).open();
  }

  get session(): SessionFacts {
    return {
      id: "s",
      startedAt: 0,
      client: {
        address: "192.0.2.1",
        port: 50_000,
        hello: "client.example",
        extended: true,
        trusted: false,
        ...this.client,
      },
      server: { transport: "tcp", host: "192.0.2.25", port: 25 },
      listener: "smtp",
    };
  }

  connect(): Promise<string> {
    return this.#ask("connect", {
      ...this.session,
      silence: () => Promise.resolve(this.silent),
    });
  }

  ehlo(name: string): Promise<string> {
    return this.#ask("ehlo", { ...this.session, name });
  }

  auth(): Promise<string> {
    return this.#ask("auth", { ...this.session, mechanism: "PLAIN" });
  }

  async mail(sender: string, size?: number): Promise<string> {
    const reversePath = path(sender);
    this.#steps = [];
    this.recipients = [];
    this.#sender = reversePath;
    const parameters = size === undefined ? {} : { size };
    return await this.#ask("mail", {
      ...this.session,
      reversePath,
      given: reversePath,
      parameters,
    });
  }

  rcpt(recipient: string): Promise<string> {
    const forwardPath = path(recipient);
    return this.#ask("rcpt", {
      ...this.transaction,
      forwardPath,
      given: forwardPath,
      parameters: {},
    });
  }

  data(): Promise<string> {
    return this.#ask("data", this.transaction);
  }

  content(octets: number): Promise<string> {
    this.octets = octets;
    const unread = { headers: new HeaderSection([]), score: 0, editable: false };
    return this.#ask("content", { ...this.transaction, ...unread });
  }

  get transaction(): TransactionFacts {
    const envelope = { reversePath: this.#sender, parameters: {}, recipients: this.recipients };
    return {
      id: "s-1",
      session: this.session,
      original: envelope,
      current: envelope,
      octets: this.octets,
      steps: [...this.#steps],
    };
  }

  async #ask<P extends Phase>(phase: P, facts: PhaseFacts[P]): Promise<string> {
    const ruling = await this.#judge.judge(phase, facts);
    this.#steps.push(...ruling.steps);
    if (phase === "rcpt" && ruling.refusal !== undefined) {
      const { forwardPath, parameters } = facts as PhaseFacts["rcpt"];
      this.recipients = [...this.recipients, { forwardPath, parameters, reply: ruling.refusal }];
    }
    return words(ruling);
  }
}
