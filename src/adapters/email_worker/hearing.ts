/**
 * One message before the policy: the phases that there are, asked in the order of a session, and what
 * becomes of the message.
 *
 * @module
 */

import { encode } from "../../bytes.ts";
import { type HeaderEdit, HeaderSection } from "../../message/header_section.ts";
import type { MailParameters } from "../../rfc5321/parameter.ts";
import { Path } from "../../rfc5321/path.ts";
import type { Reply } from "../../rfc5321/reply.ts";
import type { Envelope, Recipient, SessionFacts, TransactionFacts } from "../../session/facts.ts";
import type { Observer } from "../../session/observer.ts";
import type { Phase, PhaseFacts, Ruling, SessionJudge, Step } from "../../session/phases.ts";
import type { EmailMessage } from "./message.ts";
import { FIELD_NAME } from "./options.ts";

/** What becomes of a message. */
export type Outcome =
  | { readonly kind: "refused"; readonly reply: Reply }
  | { readonly kind: "discarded" }
  | {
    readonly kind: "forwarded";
    /** The recipients that the policy has put in the place of the one; absent: that one. */
    readonly paths?: readonly Path[];
    /** Name of a route. */
    readonly route?: string;
    /** Header fields that are added, in their order. */
    readonly fields: readonly Added[];
  };

type Added = HeaderEdit & { readonly kind: "add" };

/** The policy wants what the platform cannot do; the message is to be tried again. */
export class UnsupportedVerdict extends Error {
  /** Tells it apart in logs, and where two copies of a module make `instanceof` fail. */
  override readonly name = "UnsupportedVerdict";
  /**
   * Is made where the verdict is found.
   *
   * @param verdict What was found, in words.
   */
  constructor(phase: Phase, verdict: string) {
    super(`Cannot obey the policy at ${phase} in an Email Worker: found ${verdict}`);
  }
}

/** A refusal, on its way out of the phases. */
class Refused {
  constructor(readonly reply: Reply) {}
}

/** See the module. */
export class Hearing {
  readonly #judge: SessionJudge;
  readonly #observer: Required<Observer>;
  readonly #session: SessionFacts;
  readonly #original: Envelope & { readonly recipients: Recipient[] };
  readonly #recipients: Recipient[] = [];
  readonly #steps: Step[] = [];
  readonly #fields: Added[] = [];
  readonly #message: EmailMessage;
  readonly #to: Path;
  readonly #reversePath: Path;
  #route: string | undefined;
  #score = 0;
  #discarded = false;

  /**
   * @param now Milliseconds since 1970.
   * @throws {RangeError} If the envelope has an address that is none.
   */
  constructor(
    message: EmailMessage,
    judge: SessionJudge,
    observer: Required<Observer>,
    now: number,
  ) {
    this.#judge = judge;
    this.#observer = observer;
    this.#message = message;
    this.#to = pathOf(message.to);
    this.#reversePath = message.from === "" ? Path.null : pathOf(message.from);
    const parameters: MailParameters = {
      size: message.rawSize,
      ...![this.#reversePath, this.#to].every((path) => path.isAscii) && { smtputf8: true },
    };
    this.#original = { reversePath: this.#reversePath, parameters, recipients: [] };
    this.#session = {
      // Random values are to be had only while an event is handled, as now.
      id: crypto.randomUUID().slice(0, 8),
      startedAt: now,
      client: { address: "", port: 0, hello: "", extended: true, trusted: false },
      server: { transport: "memory", name: "email-worker" },
      listener: "email-worker",
    };
  }

  /** Asks. */
  async outcome(): Promise<Outcome> {
    try {
      await this.#mail();
      const paths = await this.#rcpt();
      await this.#ask("data", this.#transaction(0));
      await this.#read();
      if (this.#discarded || paths?.length === 0) return { kind: "discarded" };
      return { kind: "forwarded", paths, route: this.#route, fields: this.#fields };
    } catch (refused) {
      if (refused instanceof Refused) return { kind: "refused", reply: refused.reply };
      throw refused;
    }
  }

  async #mail(): Promise<void> {
    const { reversePath, parameters } = this.#original;
    const facts = { ...this.#session, reversePath, given: reversePath, parameters };
    const { paths, upstream } = await this.#ask("mail", facts);
    // The platform forwards in its own name, whatever the reverse-path is.
    if (paths !== undefined) throw new UnsupportedVerdict("mail", "rewrite");
    this.#route = upstream;
  }

  async #rcpt(): Promise<readonly Path[] | undefined> {
    const forwardPath = this.#to;
    const facts = { ...this.#transaction(0), forwardPath, given: forwardPath, parameters: {} };
    const { paths, upstream } = await this.#ask("rcpt", facts);
    this.#route = upstream ?? this.#route;
    this.#original.recipients.push({ forwardPath, parameters: {} });
    for (const path of paths ?? [forwardPath]) {
      this.#recipients.push({ forwardPath: path, parameters: {} });
    }
    return paths;
  }

  /** The phases behind the message; whatever else is to be seen of it joins here. */
  async #read(): Promise<void> {
    const facts = this.#transaction(this.#message.rawSize);
    const headers = sectionOf(this.#message.headers);
    await this.#ask("headers", { ...facts, headers, complete: true });
    await this.#ask("content", { ...facts, headers, score: this.#score, editable: false });
  }

  #transaction(octets: number): TransactionFacts {
    return {
      id: `${this.#session.id}-1`,
      session: this.#session,
      original: this.#original,
      current: {
        reversePath: this.#reversePath,
        parameters: this.#original.parameters,
        recipients: this.#recipients,
      },
      octets,
      steps: this.#steps,
    };
  }

  /** @throws {Refused} */
  async #ask<P extends Phase>(phase: P, facts: PhaseFacts[P]): Promise<Ruling> {
    const ruling = this.#judge.asks(phase) ? await this.#judge.judge(phase, facts) : { steps: [] };
    this.#observer.ruling(phase, facts, ruling);
    this.#steps.push(...ruling.steps);
    if (ruling.refusal !== undefined) throw new Refused(ruling.refusal);
    if (ruling.cut !== undefined) throw new UnsupportedVerdict(phase, "disconnect");
    if (ruling.quarantine) throw new UnsupportedVerdict(phase, "quarantine");
    this.#discarded ||= ruling.discard === true;
    this.#score += ruling.score ?? 0;
    for (const edit of ruling.edits ?? []) {
      if (edit.kind !== "add" || !FIELD_NAME.test(edit.name)) {
        throw new UnsupportedVerdict(phase, `${edit.kind} of the field ${edit.name}`);
      }
      this.#fields.push(edit);
    }
    return ruling;
  }
}

/** The header as the platform shows it: several fields of one name are one, with commas between. */
function sectionOf(headers: Headers): HeaderSection {
  const lines = [...headers].map(([name, value]) => `${name}: ${value}\r\n`);
  return HeaderSection.parse(encode(lines.join("")));
}

function pathOf(address: string): Path {
  const path = Path.parse(`<${address}>`);
  if (path !== undefined && !path.isNull) return path;
  throw new RangeError(
    `Cannot read the envelope: found ${JSON.stringify(address)}, allowed is local-part@domain`,
  );
}
