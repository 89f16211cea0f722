/**
 * What one milter is told of one session, in the order of its protocol, and what it has decided.
 *
 * @module
 */

import type { HeaderEdit } from "../../message/header_section.ts";
import type { OnFailure } from "../../policy/policy.ts";
import { defer, discard, disconnect, edit, quarantine, reject } from "../../policy/verdicts.ts";
import { printMailParameters, printRcptParameters } from "../../rfc5321/parameter.ts";
import type { Reply } from "../../rfc5321/reply.ts";
import type { SessionFacts } from "../../session/facts.ts";
import type {
  Discard,
  Disconnect,
  Edit,
  PhaseFacts,
  Quarantine,
  Reject,
} from "../../session/phases.ts";
import type { Answer } from "./answer.ts";
import { COMMAND, connectData, envelopeData } from "./commands.ts";
import { type ConnectionOptions, MilterConnection } from "./connection.ts";
import { type Macros, mailMacros, rcptMacros, sessionMacros } from "./macros.ts";
import { MilterFault, string } from "./packet.ts";
import { beginningOf, Telling, Untold } from "./telling.ts";

/** What becomes of a message that a milter wants to be held. */
export type Held = OnFailure | "quarantine";

/** What a conversation is told. */
export interface ConversationOptions extends ConnectionOptions {
  /** Macros whatever the session. */
  readonly macros: Macros;
  /** Whether a milter that has failed is passed over without a word. */
  readonly passOver: boolean;
  /** What becomes of a message that it wants to be held. */
  readonly quarantine: Held;
  /** The answer where its changes come too late. */
  readonly beyond: Reply | undefined;
}

type Refused = Reject | Disconnect;

/** How far it is with a message. */
type MessageState =
  | { readonly kind: "none" | "open" | "accepted" | "discarded" }
  | { readonly kind: "failed"; readonly error: unknown };

const HELD: Readonly<Record<Held, readonly (Reject | Quarantine)[]>> = {
  accept: [],
  defer: [defer("451 4.7.1 Held, try again later")],
  reject: [reject("550 5.7.1 Rejected")],
  quarantine: [quarantine()],
};

/**
 * See the module. Its connection is opened with the first question and, after a failure, with the next
 * MAIL. Questions wait for each other, because one that has been given up is still to be answered.
 */
export class Conversation {
  readonly #options: ConversationOptions;
  #connection: MilterConnection | undefined;
  /** What it has said of the whole session. */
  #verdict: "accepted" | Refused | undefined;
  #message: MessageState = { kind: "none" };
  /** Its header section as it came, and whether that is all of it. */
  #came: Pick<PhaseFacts["headers"], "headers" | "complete"> | undefined;
  /** It has been told of a message, and not of its end. */
  #told = false;
  #known: Macros = {};
  /** How the client has logged in; nobody knows that of a login that a trusted peer has told. */
  #mechanism = "XCLIENT";
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: ConversationOptions) {
    this.#options = options;
  }

  /** The client has connected, or is somebody else from here on. */
  connect(session: SessionFacts): Promise<Refused | undefined> {
    return this.#inTurn(async () => {
      await this.#leave();
      await this.#begin(session);
      return this.#refusal;
    });
  }

  ehlo(facts: PhaseFacts["ehlo"]): Promise<Refused | undefined> {
    return this.#inTurn(async () => {
      this.#drop();
      await this.#hello(facts, facts.name);
      return this.#refusal;
    });
  }

  auth({ mechanism }: PhaseFacts["auth"]): void {
    this.#mechanism = mechanism;
  }

  mail(facts: PhaseFacts["mail"]): Promise<Refused | Discard | undefined> {
    return this.#inTurn(async () => {
      this.#drop();
      this.#message = { kind: "none" };
      if (this.#connection === undefined && this.#verdict === undefined) await this.#resume(facts);
      const connection = this.#connection;
      if (connection === undefined) return this.#refusal;
      const { client, reversePath, parameters } = facts;
      const macros = mailMacros(reversePath, client.login, this.#mechanism);
      this.#known = { ...sessionMacros(facts), ...macros, ...this.#options.macros };
      this.#message = { kind: "open" };
      this.#told = true;
      const data = envelopeData(reversePath, printMailParameters(parameters));
      return this.#ofMessage(await connection.tell(COMMAND.mail, data, this.#known));
    });
  }

  rcpt({ id, forwardPath, parameters }: PhaseFacts["rcpt"]): Promise<Refused | undefined> {
    return this.#inTurn(async () => {
      const connection = this.#listening();
      if (connection === undefined) return undefined;
      const macros = rcptMacros(forwardPath, id);
      this.#known = { ...this.#known, ...macros, ...this.#options.macros };
      const data = envelopeData(forwardPath, printRcptParameters(parameters));
      const verdict = this.#ofMessage(await connection.tell(COMMAND.rcpt, data, this.#known));
      // It is the message that a milter discards, not the recipient.
      return verdict?.kind === "discard" ? undefined : verdict;
    });
  }

  data(): Promise<Refused | Discard | undefined> {
    return this.#inTurn(async () => {
      if (this.#message.kind === "discarded") return discard();
      const connection = this.#listening();
      if (connection === undefined) return undefined;
      return this.#ofMessage(await connection.tell(COMMAND.data, [], this.#known));
    });
  }

  /** The milter is told what others have made of it by then. */
  headers({ headers, complete }: PhaseFacts["headers"]): void {
    this.#came = { headers, complete };
  }

  /** The message is told while it comes. */
  filter(
    { headers, message }: PhaseFacts["filter"],
  ): Promise<readonly (Refused | Discard | Quarantine | Edit)[]> {
    return this.#inTurn(async () => {
      const connection = this.#listening();
      if (connection === undefined) return [];
      const { headers: came = headers, complete = true } = this.#came ?? {};
      const beginning = beginningOf(came, complete, headers);
      const telling = new Telling(connection, this.#known);
      const { decision, ended, edits, quarantined } = await telling.tell(message, beginning);
      this.#told = !ended;
      const verdict = this.#ofMessage(decision);
      if (verdict !== undefined) return [verdict];
      return [...this.#edit(edits), ...quarantined ? HELD[this.#options.quarantine] : []];
    });
  }

  /** The session is over. */
  close(): Promise<void> {
    return this.#inTurn(() => this.#leave());
  }

  /** One question after the other; a milter that fails at one is left. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work).catch((error) => {
      if (error instanceof Untold) throw error.cause;
      this.#connection?.close();
      this.#connection = undefined;
      this.#message = { kind: "failed", error };
      throw error;
    });
    this.#turn = turn.catch(() => {});
    return turn;
  }

  async #begin(session: SessionFacts): Promise<void> {
    this.#verdict = undefined;
    this.#known = { ...sessionMacros(session), ...this.#options.macros };
    const connection = this.#connection = await MilterConnection.open(this.#options);
    const data = connectData(session.client);
    await this.#ofSession(await connection.tell(COMMAND.connect, data, this.#known));
  }

  async #hello(session: SessionFacts, name: string): Promise<void> {
    if (this.#connection === undefined) return;
    // TLS may have come, or gone.
    this.#known = { ...sessionMacros(session), ...this.#options.macros };
    await this.#ofSession(await this.#connection.tell(COMMAND.helo, [string(name)], this.#known));
  }

  /** Tells it what it has missed. */
  async #resume(session: SessionFacts): Promise<void> {
    await this.#begin(session);
    const { hello } = session.client;
    if (hello !== "") await this.#hello(session, hello);
  }

  /** The message that it was told of is over. */
  #drop(): void {
    if (this.#told) this.#connection?.abort();
    this.#told = false;
  }

  async #leave(): Promise<void> {
    await this.#connection?.quit();
    this.#connection = undefined;
    this.#message = { kind: "none" };
    this.#told = false;
  }

  get #refusal(): Refused | undefined {
    return this.#verdict === "accepted" ? undefined : this.#verdict;
  }

  /** Whom to tell of the message; nobody, where all has been said of it. */
  #listening(): MilterConnection | undefined {
    if (this.#message.kind === "failed" && !this.#options.passOver) throw this.#message.error;
    return this.#message.kind === "open" ? this.#connection : undefined;
  }

  /** What it decides of a session holds to its end. */
  async #ofSession(answer: Answer): Promise<void> {
    if (answer.kind === "continue") return;
    if (answer.kind === "accept") this.#verdict = "accepted";
    else if (answer.kind === "refuse") this.#verdict = refused(answer.reply);
    else throw new MilterFault(`found ${answer.kind} for a session, allowed is what ends one`);
    await this.#leave();
  }

  #ofMessage(answer: Answer): Refused | Discard | undefined {
    switch (answer.kind) {
      case "continue":
        return undefined;
      case "accept":
        this.#message = { kind: "accepted" };
        return undefined;
      case "discard":
        this.#message = { kind: "discarded" };
        return discard();
      case "refuse":
        return refused(answer.reply);
      default:
        throw new MilterFault(`found ${answer.kind}, which belongs to the message`);
    }
  }

  #edit(edits: readonly HeaderEdit[]): readonly Edit[] {
    if (edits.length === 0) return [];
    const { beyond } = this.#options;
    try {
      return [{ ...edit(edits), ...beyond !== undefined && { beyond } }];
    } catch (cause) {
      throw new MilterFault("found a header field that cannot be written", { cause });
    }
  }
}

/** 421 closes the connection (RFC 5321 §3.8). */
function refused(reply: Reply): Refused {
  return reply.code === 421 ? disconnect(reply) : reject(reply);
}
