/**
 * The filter stage: asks the checks of a policy in their order and makes one ruling of what they say.
 * The only asynchronous step between a command and its effect; bounded in time, and never failing.
 *
 * @module
 */

import type { HeaderEdit } from "../message/header_section.ts";
import type { Path } from "../rfc5321/path.ts";
import type { Reply } from "../rfc5321/reply.ts";
import type { TransactionFacts } from "../session/facts.ts";
import type { MessageTransform } from "../session/transforming.ts";
import {
  type Judge,
  type Phase,
  type PhaseFacts,
  phases,
  type Rewrite,
  type Ruling,
  type SealFacts,
  type SessionJudge,
  type Verdict,
} from "../session/phases.ts";
import { Asking, type Definition, type JudgeOptions, NOTHING } from "./asking.ts";
import { askFilters, summed, Turns } from "./filtering.ts";
import { type Soon, when } from "../soon.ts";
import type { Answer, Policy } from "./policy.ts";

/** One recipient becomes at most so many: an alias map that refers to itself must end. */
const MAX_PATHS = 1000;

/** Makes a policy into what sessions ask. */
export function judgeOf(policy: Policy, options: JudgeOptions): Judge {
  const { definitions } = policy;
  const asked = new Set(
    phases.filter((phase) => definitions.some((definition) => definition[phase] !== undefined)),
  );
  const turns = definitions.map(({ reading }) => new Turns(reading?.concurrency));
  return { open: () => new PolicySession(definitions, asked, turns, options) };
}

/** What a definition keeps of its own. It begins with the first question: a fault is that check's. */
class Kept {
  readonly #definition: Definition;
  #session: { readonly value: unknown } | undefined;
  #transaction: { readonly value: unknown } | undefined;

  constructor(definition: Definition) {
    this.#definition = definition;
  }

  get session(): unknown {
    return (this.#session ??= { value: this.#definition.session?.() }).value;
  }

  get transaction(): unknown {
    return (this.#transaction ??= { value: this.#definition.transaction?.() }).value;
  }

  /** A new mail transaction. */
  forget(): void {
    this.#transaction = undefined;
  }
}

/** What has been decided so far in one phase. */
interface Draft {
  refusal?: Reply;
  close?: boolean;
  cut?: number;
  discard?: boolean;
  quarantine?: boolean;
  paths?: readonly Path[];
  upstream?: string;
  edits?: readonly HeaderEdit[];
  beyond?: Reply;
  score?: number;
}

class PolicySession implements SessionJudge {
  readonly kept: readonly Kept[];

  constructor(
    readonly definitions: readonly Definition[],
    readonly asked: ReadonlySet<Phase>,
    readonly turns: readonly Turns[],
    readonly options: JudgeOptions,
  ) {
    this.kept = definitions.map((definition) => new Kept(definition));
  }

  get window(): number {
    return Math.max(0, ...this.definitions.map(({ window = 0 }) => window));
  }

  transforms(facts: TransactionFacts): readonly MessageTransform[] {
    return this.definitions.flatMap(({ transform, name = "policy" }, nth) => {
      if (transform === undefined) return [];
      try {
        const made = [transform(facts, this.kept[nth]) ?? []].flat();
        if (!made.some(isLocked)) return made;
        throw new TypeError("Cannot send a message through a stream that has had another");
      } catch (error) {
        this.options.failed("data", name, error);
        return [failing(error)];
      }
    });
  }

  get seals(): boolean {
    return this.definitions.some(({ seal }) => seal !== undefined);
  }

  async seal(facts: SealFacts): Promise<Ruling> {
    const asking = new Asking(this.options, "content");
    const said: Verdict[] = [];
    for (const [nth, definition] of this.definitions.entries()) {
      const { seal } = definition;
      if (seal === undefined) continue;
      said.push(...await asking.listen(definition, () => seal(facts, this.kept[nth])));
    }
    const { steps, inquiries: asked } = asking;
    return { ...summed(said), steps, asked };
  }

  get quarantines(): boolean {
    return this.definitions.some(({ needs = [], filter, content }) =>
      needs.includes("quarantine") && (filter ?? content) !== undefined
    );
  }

  asks(phase: Phase): boolean {
    // A transaction begins with MAIL, whoever asks there.
    return this.asked.has(phase) || (phase === "mail" && this.asked.size > 0);
  }

  judge<P extends Phase>(phase: P, facts: PhaseFacts[P]): Soon<Ruling> {
    if (phase === "mail") { for (const kept of this.kept) kept.forget(); }
    if (phase === "filter") return askFilters(this, facts as PhaseFacts["filter"]);
    const question = new Question(this, phase);
    const { steps, inquiries: asked } = question.asking;
    return when(question.put(0, facts), (draft) => ({ ...draft, steps, asked }));
  }
}

function isLocked({ readable, writable }: MessageTransform): boolean {
  return readable.locked || writable.locked;
}

/** What stands for a stream that could not be made: the message must not pass without it. */
function failing(error: unknown): MessageTransform {
  return new TransformStream({ start: (controller) => controller.error(error) });
}

/** One question, put to one definition after the other. */
class Question<P extends Phase> {
  readonly asking: Asking;

  constructor(readonly session: PolicySession, readonly phase: P) {
    this.asking = new Asking(session.options, phase);
  }

  /** Takes the verdicts that have been given, then those of the definitions from `next` on. */
  put(
    next: number,
    facts: PhaseFacts[P],
    given: readonly Verdict[] = NOTHING,
    draft: Draft = {},
  ): Soon<Draft> {
    for (let verdicts = given;;) {
      for (const [at, verdict] of verdicts.entries()) {
        switch (verdict.kind) {
          case "proceed":
            return draft;
          case "reject":
            return { ...draft, refusal: verdict.reply };
          case "disconnect":
            return verdict.after !== undefined && this.phase === "data"
              ? { ...draft, cut: verdict.after }
              : { ...draft, refusal: verdict.reply, close: true };
          case "discard":
            return { ...draft, discard: true };
          case "quarantine":
            return { ...draft, quarantine: true };
          case "route":
            draft.upstream ??= verdict.upstream;
            break;
          case "edit":
            draft.edits = [...draft.edits ?? [], ...verdict.edits];
            draft.beyond ??= verdict.beyond;
            break;
          case "score":
            draft.score = (draft.score ?? 0) + verdict.points;
            break;
          case "rewrite":
            if (verdict.paths.length !== 1) {
              return this.#fork(next, facts, draft, verdict, verdicts.slice(at + 1));
            }
            draft.paths = verdict.paths;
            facts = this.#withPath(facts, verdict.paths[0]);
        }
      }
      if (next === this.session.definitions.length) return draft;
      const answer = this.#ask(next++, facts);
      if (answer instanceof Promise) {
        return answer.then((verdicts) => this.put(next, facts, verdicts, draft));
      }
      verdicts = answer;
    }
  }

  /**
   * What follows sees each path by itself: the verdicts behind the rewriting one, what its own check
   * says of the path, and the definitions from `next` on. What is left stands in the envelope.
   */
  async #fork(
    next: number,
    facts: PhaseFacts[P],
    draft: Draft,
    rewriting: Rewrite,
    behind: readonly Verdict[],
  ): Promise<Draft> {
    const { failed, onFailure } = this.session.options;
    const left: Path[] = [];
    let refused: Draft | undefined;
    for (const path of rewriting.paths) {
      const said = [...behind, ...await this.#rest(next - 1, rewriting, path)];
      const one = await this.put(next, this.#withPath(facts, path), said);
      if (one.close) return one;
      draft.upstream ??= one.upstream;
      if (one.refusal !== undefined) refused ??= one;
      else if (!one.discard) left.push(...one.paths ?? [path]);
      if (left.length > MAX_PATHS) {
        failed(this.phase, "rewrite", new RangeError(`More than ${MAX_PATHS} recipients`));
        return { refusal: onFailure };
      }
    }
    return left.length === 0 && refused !== undefined ? refused : { ...draft, paths: left };
  }

  #ask(nth: number, facts: PhaseFacts[P]): Soon<readonly Verdict[]> {
    const check = this.session.definitions[nth][this.phase] as
      | ((facts: PhaseFacts[P], own: Kept) => Soon<Answer>)
      | undefined;
    if (check === undefined) return NOTHING;
    return this.asking.listen(
      this.session.definitions[nth],
      () => check(facts, this.session.kept[nth]),
    );
  }

  /** What the check of one definition has to say of one path that it made. */
  #rest(nth: number, { next }: Rewrite, path: Path): Soon<readonly Verdict[]> {
    if (next === undefined) return NOTHING;
    return this.asking.listen(this.session.definitions[nth], () => next(path));
  }

  #withPath(facts: PhaseFacts[P], path: Path): PhaseFacts[P] {
    return this.phase === "mail"
      ? { ...facts, reversePath: path }
      : { ...facts, forwardPath: path };
  }
}
