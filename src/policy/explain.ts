/**
 * What a policy would do with a message before there is one: the same judge that sessions ask, told
 * described facts instead of a client's.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import type { TlsFacts } from "../channel.ts";
import type { MailParameters } from "../rfc5321/parameter.ts";
import { Feed } from "../message/feed.ts";
import { HeaderSection, splitMessage } from "../message/header_section.ts";
import type { Path } from "../rfc5321/path.ts";
import { Reply } from "../rfc5321/reply.ts";
import type { Envelope, Recipient, SessionFacts, TransactionFacts } from "../session/facts.ts";
import type { Phase, PhaseFacts, Ruling, SessionJudge, Step } from "../session/phases.ts";
import { type ReplyName, replyTexts } from "../session/replies.ts";
import { DEFAULT_UPSTREAM } from "../session/upstreams.ts";
import { judgeOf } from "./judge.ts";
import type { Policy } from "./policy.ts";

/** A message that might come. */
export interface Described {
  /** IP address of the client. */
  readonly client: string;
  /** Host name of the client. @default unknown */
  readonly name?: string;
  /** Name in EHLO. @default "" */
  readonly hello?: string;
  /** What the handshake has brought. @default in the clear */
  readonly tls?: TlsFacts;
  /** The login. @default nobody has logged in */
  readonly login?: string;
  /** Name of the listener. @default "smtp" */
  readonly listener?: string;
  /** The reverse-path. */
  readonly from: Path;
  /** The forward-paths. */
  readonly to: readonly Path[];
  /** Octets, as MAIL declares them. @default the message's, or undeclared */
  readonly size?: number;
  /** Header and body. @default none: what looks at it is not asked */
  readonly message?: Uint8Array;
}

/** What was said in one phase. */
export interface PhaseReport {
  /** Which. */
  readonly phase: Phase;
  /** What it was about: an address, a name, a path. */
  readonly about: string;
  /** Who said what, and what came of it. */
  readonly ruling: Ruling;
  /** The refusal that the client is told: the ruling's, or the session's own in its consequence. */
  readonly refusal?: Reply;
  /** Checks that failed or took too long, in words. */
  readonly failures: readonly string[];
}

/** What becomes of it in the end. */
export interface Explanation {
  /** In the order in which they were asked. */
  readonly phases: readonly PhaseReport[];
  /** `refused`: by the last report, or all recipients were. */
  readonly outcome: "accepted" | "discarded" | "quarantined" | "refused";
  /** The envelope as the upstream would get it. */
  readonly envelope: { readonly reversePath: Path; readonly recipients: readonly Path[] };
  /** Name of the upstream; absent where none is needed. */
  readonly upstream?: string;
}

/** How the policy is run; as for {@linkcode judgeOf}. */
export interface ExplainOptions {
  /** Times the checks. */
  readonly clock: Clock;
  /** Milliseconds for one check. @default 30000 */
  readonly timeLimit?: number;
  /** The answer to a check that fails. @default 451 4.3.0 */
  readonly onFailure?: Reply;
}

/**
 * Asks a policy, phase by phase: connect, ehlo, mail, rcpt for each, data, and with a message headers,
 * filter and content. It ends where the session or the transaction would.
 *
 * @example Which rule it was
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { systemClock } from "@sluice/sluice";
 * import { definePolicy, explain, Path, reject } from "@sluice/sluice/policy";
 *
 * const policy = definePolicy({
 *   name: "closed list",
 *   rcpt: ({ forwardPath }) =>
 *     forwardPath.localPart === "list" ? reject("550 5.7.1 Members only") : undefined,
 * });
 * const { outcome, phases } = await explain(policy, {
 *   client: "192.0.2.1",
 *   from: Path.from("a@x.example"),
 *   to: [Path.from("list@y.example")],
 * }, { clock: systemClock });
 *
 * assertEquals(outcome, "refused");
 * const { phase, ruling } = phases.at(-1)!;
 * assertEquals([phase, ruling.steps[0].check], ["rcpt", "closed list"]);
 * ```
 *
 * Never rejects.
 */
export async function explain(
  policy: Policy,
  described: Described,
  options: ExplainOptions,
): Promise<Explanation> {
  const failures: string[] = [];
  const { clock, timeLimit = 30_000 } = options;
  const judge = judgeOf(policy, {
    clock,
    timeLimit,
    onFailure: options.onFailure ?? own("temporary"),
    failed: (_phase, check, error) =>
      void failures.push(`${check}: ${error instanceof Error ? error.message : error}`),
  });
  return await new Rehearsal(judge.open(), described, clock.now(), failures, clock, timeLimit)
    .run();
}

const own = (name: ReplyName): Reply => Reply.parse(replyTexts[name]);

/** The dialogue that would be, without a client and without an upstream. */
class Rehearsal {
  readonly #phases: PhaseReport[] = [];
  readonly #steps: Step[] = [];
  readonly #original: Envelope & { readonly recipients: Recipient[] };
  readonly #recipients: Recipient[] = [];
  readonly #parameters: MailParameters;
  #session: SessionFacts;
  #reversePath: Path;
  #upstream: string | undefined;
  /** The upstream of whoever says nothing else. */
  #route = DEFAULT_UPSTREAM;
  #accepted = false;

  constructor(
    readonly judge: SessionJudge,
    readonly described: Described,
    now: number,
    /** Those of the question that is being asked. */
    readonly failures: string[],
    readonly clock: Clock,
    /** Milliseconds for one check. */
    readonly patience: number,
  ) {
    const { client: address, name, tls, login, listener = "smtp", from, to, message } = described;
    const size = described.size ?? message?.length;
    this.#parameters = {
      ...size !== undefined && { size },
      ...![from, ...to].every((path) => path.isAscii) && { smtputf8: true },
    };
    this.#reversePath = from;
    this.#original = { reversePath: from, parameters: this.#parameters, recipients: [] };
    this.#session = {
      id: "explain",
      startedAt: now,
      client: { address, port: 0, name, hello: "", extended: true, tls, login, trusted: false },
      server: { transport: "memory", name: "explain" },
      listener,
    };
  }

  async run(): Promise<Explanation> {
    const { client, hello = "", to, message } = this.described;
    const connect = { ...this.#session, silence: () => Promise.resolve(true) };
    if (await this.#refused("connect", client, connect)) return this.#end("refused");
    if (await this.#refused("ehlo", hello, { ...this.#session, name: hello })) {
      return this.#end("refused");
    }
    this.#session = { ...this.#session, client: { ...this.#session.client, hello } };
    const discarded = await this.#mail();
    if (discarded === undefined) return this.#end("refused");
    for (const path of to) {
      if (await this.#rcpt(path, discarded)) return this.#end("refused");
    }
    if (!this.#accepted) return this.#end("refused");
    const said = await this.#ask("data", "", this.#transaction());
    // What comes to nothing is not looked at once it has begun.
    const looked = message !== undefined && this.#recipients.length > 0;
    return this.#endOf(said) ?? (looked ? await this.#message(message) : undefined) ??
      this.#end(this.#recipients.length === 0 ? "discarded" : "accepted");
  }

  /** @returns The end, where it is not taken. */
  async #message(octets: Uint8Array): Promise<Explanation | undefined> {
    const { header } = splitMessage(octets);
    const came = HeaderSection.parse(header);
    const about = this.#transaction(octets.length);
    const first = await this.#ask("headers", "", { ...about, headers: came, complete: true });
    if (this.#endOf(first) !== undefined) return this.#endOf(first);
    const facts = { ...about, headers: came.edited(first.ruling.edits ?? []) };
    let score = first.ruling.score ?? 0;
    if (this.judge.asks("filter")) {
      const { signal } = new AbortController();
      const message = new Feed({ clock: this.clock, patience: this.patience, signal });
      // Whoever does not read all of it holds what is there anyway.
      void message.give(octets);
      message.end();
      const filtered = await this.#ask("filter", "", { ...facts, message });
      if (this.#endOf(filtered) !== undefined) return this.#endOf(filtered);
      score += filtered.ruling.score ?? 0;
    }
    return this.#endOf(await this.#ask("content", "", { ...facts, score, editable: true }));
  }

  #endOf({ ruling, refusal }: PhaseReport): Explanation | undefined {
    if (refusal !== undefined) return this.#end("refused");
    if (ruling.quarantine) return this.#end("quarantined");
    return ruling.discard ? this.#end("discarded") : undefined;
  }

  /** @returns Whether the message is to come to nothing; `undefined` if MAIL is refused. */
  async #mail(): Promise<boolean | undefined> {
    const { from } = this.described;
    const { ruling, refusal } = await this.#ask("mail", String(from), {
      ...this.#session,
      reversePath: from,
      given: from,
      parameters: this.#parameters,
    }, (ruling) => this.#needsUtf8(ruling.paths ?? []));
    if (refusal !== undefined) return undefined;
    this.#reversePath = ruling.paths?.[0] ?? from;
    this.#route = ruling.upstream ?? this.#route;
    return ruling.discard === true;
  }

  /** @returns Whether that is the end of the session. */
  async #rcpt(forwardPath: Path, discarded: boolean): Promise<boolean> {
    const { ruling, refusal } = await this.#ask("rcpt", String(forwardPath), {
      ...this.#transaction(),
      forwardPath,
      given: forwardPath,
      parameters: {},
    }, (ruling) => {
      const paths = ruling.paths ?? [forwardPath];
      if (discarded || ruling.discard || paths.length === 0) return undefined;
      const upstream = ruling.upstream ?? this.#route;
      return this.#upstream !== undefined && this.#upstream !== upstream
        ? "otherUpstream"
        : this.#needsUtf8(paths);
    });
    this.#original.recipients.push({ forwardPath, parameters: {}, reply: refusal });
    if (refusal !== undefined) return ruling.close === true;
    this.#accepted = true;
    if (discarded || ruling.discard) return false;
    for (const path of ruling.paths ?? [forwardPath]) {
      this.#upstream ??= ruling.upstream ?? this.#route;
      this.#recipients.push({ forwardPath: path, parameters: {} });
    }
    return false;
  }

  async #refused<P extends Phase>(
    phase: P,
    about: string,
    facts: PhaseFacts[P],
  ): Promise<boolean> {
    return (await this.#ask(phase, about, facts)).refusal !== undefined;
  }

  /** @param consequence What the session would object to in a ruling that does not refuse. */
  async #ask<P extends Phase>(
    phase: P,
    about: string,
    facts: PhaseFacts[P],
    consequence: (ruling: Ruling) => ReplyName | undefined = () => undefined,
  ): Promise<PhaseReport> {
    const ruling = await this.judge.judge(phase, facts);
    this.#steps.push(...ruling.steps);
    const objection = ruling.refusal === undefined ? consequence(ruling) : undefined;
    const refusal = objection === undefined ? ruling.refusal : own(objection);
    const report = { phase, about, ruling, refusal, failures: this.failures.splice(0) };
    this.#phases.push(report);
    return report;
  }

  #needsUtf8(paths: readonly Path[]): ReplyName | undefined {
    const carried = this.#parameters.smtputf8 === true || paths.every((path) => path.isAscii);
    return carried ? undefined : "needsSmtpUtf8";
  }

  #transaction(octets: number = 0): TransactionFacts {
    return {
      id: "explain-1",
      session: this.#session,
      original: this.#original,
      current: {
        reversePath: this.#reversePath,
        parameters: this.#parameters,
        recipients: this.#recipients,
      },
      octets,
      upstream: this.#upstream,
      steps: this.#steps,
    };
  }

  #end(outcome: Explanation["outcome"]): Explanation {
    const recipients = this.#recipients.map(({ forwardPath }) => forwardPath);
    return {
      phases: this.#phases,
      outcome,
      envelope: { reversePath: this.#reversePath, recipients },
      upstream: this.#upstream,
    };
  }
}
