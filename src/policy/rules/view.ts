/**
 * What rules look at: one shape for all phases, made from what each of them is told.
 *
 * @module
 */

import type { HeaderSection } from "../../message/header_section.ts";
import { Path } from "../../rfc5321/path.ts";
import type { ClientFacts, SessionFacts, TransactionFacts } from "../../session/facts.ts";
import type { Phase, PhaseFacts } from "../../session/phases.ts";

/** What is known in a phase. A rule that asks for what its phase does not know is refused at load. */
export interface View {
  readonly client: ClientFacts;
  /** Name of the listener. */
  readonly listener: string;
  /** The name in HELO or EHLO, at `ehlo` the one that is asked about. */
  readonly hello: string;
  /** As rules and policies before have left it. */
  readonly sender: Path;
  /** The one that is asked about; behind `rcpt` all that the upstream has accepted. */
  readonly recipients: readonly Path[];
  /** Octets that MAIL has declared (RFC 1870), `undefined` if none; at `content` those that came. */
  readonly size: number | undefined;
  /** At `headers` and `content`. */
  readonly headers?: HeaderSection;
  /** At `content`: what filters have given. */
  readonly score?: number;
  /** RCPT commands so far, this one included; behind `rcpt` those with a positive reply. */
  readonly count: number;
}

/**
 * Counts the RCPT commands of a transaction. The envelope cannot tell: in a pipelined group (RFC 2920)
 * the replies to the recipients before have not come yet.
 */
export class RecipientCount {
  #given: Path | undefined;
  #count = 0;

  /** @param given As the client gave it; asked again about the same one, it does not count twice. */
  with(given: Path): number {
    if (given !== this.#given) this.#count++;
    this.#given = given;
    return this.#count;
  }
}

function ofSession({ client, listener }: SessionFacts, hello = client.hello): View {
  return {
    client,
    listener,
    hello,
    sender: Path.null,
    recipients: [],
    size: undefined,
    count: 0,
  };
}

function ofEnvelope({ session, current, original }: TransactionFacts): View {
  return {
    ...ofSession(session),
    sender: current.reversePath,
    recipients: current.recipients.map(({ forwardPath }) => forwardPath),
    size: original.parameters.size,
    count: original.recipients.filter(({ reply }) => reply?.positive).length,
  };
}

/** A filter is no rule: it is asked beside others and not in their order. */
type Viewed = Exclude<Phase, "close" | "filter">;

/** What each phase shows. */
export const views: {
  readonly [P in Viewed]: (facts: PhaseFacts[P], recipients: RecipientCount) => View;
} = {
  connect: (facts) => ofSession(facts),
  ehlo: (facts) => ofSession(facts, facts.name),
  starttls: (facts) => ofSession(facts),
  auth: (facts) => ofSession(facts),
  mail: (facts) => ({
    ...ofSession(facts),
    sender: facts.reversePath,
    size: facts.parameters.size,
  }),
  rcpt: ({ session, current, original, forwardPath, given }, recipients) => ({
    ...ofSession(session),
    sender: current.reversePath,
    recipients: [forwardPath],
    size: original.parameters.size,
    count: recipients.with(given),
  }),
  data: ofEnvelope,
  headers: (facts) => ({ ...ofEnvelope(facts), headers: facts.headers }),
  content: (facts) => {
    const { headers, score, octets: size } = facts;
    return { ...ofEnvelope(facts), size, headers, score };
  },
};

/** Phases in which there can be rules, in their order. */
export const rulePhases = Object.keys(views) as readonly Viewed[];

/** Those from one on. */
export function phasesFrom(first: Viewed): readonly Viewed[] {
  return rulePhases.slice(rulePhases.indexOf(first));
}

/** The address that a phase asks about: the reverse-path at `mail`, the forward-path at `rcpt`. */
export function pathOf(phase: Phase, view: View): Path {
  return phase === "mail" ? view.sender : view.recipients[0];
}

/** The same with another address in its place. */
export function withPath(phase: Phase, view: View, path: Path): View {
  return phase === "mail" ? { ...view, sender: path } : { ...view, recipients: [path] };
}
