/**
 * A message that the policy looks at while it comes. Its beginning is held in a window, so that the
 * header section can be changed there; behind the window it flows on to the upstream, and only its end
 * is held back until every filter has answered.
 *
 * @module
 */

import { EMPTY, LF } from "../bytes.ts";
import type { Timer } from "../clock.ts";
import { DECIDED, Feed } from "../message/feed.ts";
import {
  editedHeader,
  type HeaderEdit,
  HeaderSection,
  splitMessage,
} from "../message/header_section.ts";
import { HeldOctets } from "../message/held_octets.ts";
import type { Reply } from "../rfc5321/reply.ts";
import { type Soon, when } from "../soon.ts";
import type { Delivery } from "./delivery.ts";
import type { Draining, Receiver } from "./message.ts";
import { SessionOver } from "./over.ts";
import type { Ruling } from "./phases.ts";
import type { ReplyName } from "./replies.ts";

/** Milliseconds after which an upstream that has to wait is told that we are still there. */
const KEEP_ALIVE = 30_000;

/** See the module. */
export class Inspecting implements Receiver {
  readonly refusal: undefined;
  readonly #delivery: Delivery;
  readonly #room: number;
  /** What has come, while it can still be changed; behind the window nothing. */
  readonly #window = new HeldOctets();
  readonly #edits: HeaderEdit[] = [];
  readonly #over = new AbortController();
  /** What filters read; absent where there is none. */
  #feed: Feed | undefined;
  /** As it came, with the edits of the phase `headers`, once the policy has been asked about it. */
  #headers: HeaderSection | undefined;
  #complete = false;
  #score = 0;
  #flowing = false;
  /** The filters' answer, until it has been obeyed. */
  #filtering: Promise<Ruling> | undefined;
  /** It is there. */
  #filtered = false;

  constructor(delivery: Delivery) {
    this.#delivery = delivery;
    const { settings, judge } = delivery.session;
    this.#room = Math.max(settings.window, judge.window ?? 0);
  }

  take(octets: Uint8Array, total: number): Soon<Receiver> {
    const objection = this.#delivery.look(octets, total);
    if (objection !== undefined) return this.#refuse(objection);
    try {
      const decided = this.#pass(octets);
      return decided instanceof Promise
        ? decided.then(this.#next, this.#lost)
        : this.#next(decided);
    } catch (error) {
      return this.#lost(error);
    }
  }

  async finish(total: number, fault?: ReplyName): Promise<Reply> {
    const { session, transaction } = this.#delivery;
    transaction.octets = total;
    if (fault !== undefined) return this.#refuse(session.settings.replies[fault]).refusal;
    try {
      const begun = this.#headers === undefined ? this.#begin(true) : undefined;
      const last = when(begun, (decided) => decided ?? this.#conclude());
      const over = when(last, (decided) => decided ?? this.#flowOut());
      const decided = over instanceof Promise ? await over : over;
      if (decided !== undefined) return await decided.finish(total);
    } catch (error) {
      return this.#refuse(session.failure(error)).refusal;
    }
    return await this.#delivery.finish();
  }

  cancel(): Promise<void> {
    this.#end();
    return this.#delivery.cancel();
  }

  readonly #next = (decided: Receiver | void): Receiver => {
    if (decided !== undefined) return decided;
    const { refusal } = this.#delivery;
    return refusal === undefined ? this : this.#refuse(refusal);
  };

  readonly #lost = (error: unknown): Receiver =>
    this.#refuse(this.#delivery.session.failure(error));

  /** @returns Who receives the rest, where that is somebody else. */
  #pass(octets: Uint8Array): Soon<Receiver | void> {
    if (!this.#filtered) return this.#add(octets);
    return when(
      this.#obeyFilters(),
      (decided) => decided?.take(octets, this.#delivery.transaction.octets) ?? this.#add(octets),
    );
  }

  #add(octets: Uint8Array): Soon<Receiver | void> {
    if (this.#headers === undefined) {
      this.#window.append(octets);
      const known = this.#delivery.headerEnded;
      return known || this.#window.length >= this.#room ? this.#begin(known) : undefined;
    }
    const slow = this.#feed?.give(octets);
    return slow === undefined
      ? this.#passOn(octets)
      : this.#alive(slow).then(() => this.#passOn(octets));
  }

  /** What filters have been given goes on its way, or into the window. */
  #passOn(octets: Uint8Array): Soon<void> {
    if (this.#flowing) return this.#delivery.write(octets);
    if (this.#window.length + octets.length <= this.#room) return this.#window.append(octets);
    return when(this.#flow(), () => this.#delivery.write(octets));
  }

  /** The header section is there, or as much of it as there is room for. */
  #begin(complete: boolean): Soon<Receiver | void> {
    const { session, transaction: { facts } } = this.#delivery;
    this.#complete = complete;
    // The window's memory is used again; whoever is told of the header section may keep it.
    const came = HeaderSection.parse(splitMessage(this.#window.octets).header.slice());
    this.#headers = came;
    return when(
      when(session.rule("headers", { ...facts, headers: came, complete }), this.#obey),
      (decided) => decided ?? this.#askFilters(came),
    );
  }

  /** Everybody begins to read who wants to. */
  #askFilters(came: HeaderSection): Soon<void> {
    const { session, transaction: { facts } } = this.#delivery;
    // What was taken away there, because it is not to be believed, nobody sees any more.
    const headers = this.#headers = came.edited(this.#edits);
    if (session.judge.asks("filter")) {
      const { clock, filterPatience: patience } = session.settings;
      const beginning = this.#window.octets;
      const message = new Feed({ clock, patience, signal: this.#over.signal, beginning });
      this.#feed = message;
      this.#filtering = Promise.resolve(session.rule("filter", { ...facts, headers, message }));
      const there = (): void => void (this.#filtered = true);
      // What it throws, because the session is to end, is met where the answer is awaited.
      this.#filtering.then(there, there);
      message.release();
    }
    if (this.#window.length > this.#room) return this.#flow();
  }

  /** The message has come to its end: everybody has a last word. */
  #conclude(): Soon<Receiver | undefined> {
    this.#complete = true;
    this.#feed?.end();
    return when(this.#obeyFilters(), (decided) => decided ?? this.#askLast());
  }

  #askLast(): Soon<Receiver | undefined> {
    const { session, transaction } = this.#delivery;
    const headers = this.#headers!;
    const facts = { ...transaction.facts, headers, score: this.#score, editable: !this.#flowing };
    return when(
      when(session.rule("content", facts), this.#obey),
      (decided) => decided ?? (session.judge.seals ? this.#seal() : undefined),
    );
  }

  /** Whoever signs the message is told what becomes of it. */
  async #seal(): Promise<Receiver | undefined> {
    const { session: { judge }, transaction } = this.#delivery;
    const ruling = await judge.seal!({
      ...transaction.facts,
      headers: this.#headers!,
      ...this.#made(),
    });
    transaction.steps.push(...ruling.steps);
    return await this.#obey(ruling);
  }

  /** What goes to the upstream, where it is all here and nothing changes it any more. */
  #made(): { readonly headers: HeaderSection; readonly body: Uint8Array } | undefined {
    if (this.#flowing || this.#delivery.transformed) return undefined;
    const { header, rest } = splitMessage(this.#window.octets.slice());
    return {
      headers: HeaderSection.parse(header).edited(this.#edits),
      body: rest.subarray(rest.indexOf(LF) + 1),
    };
  }

  /** @returns Who receives the rest, where that is somebody else. */
  #obeyFilters(): Soon<Receiver | undefined> {
    const filtering = this.#filtering;
    this.#filtering = undefined;
    this.#filtered = false;
    return filtering && this.#alive(filtering).then(this.#obey);
  }

  readonly #obey = (ruling: Ruling): Soon<Receiver | undefined> => {
    if (ruling.refusal !== undefined) return this.#refuse(ruling.refusal);
    if (ruling.discard) {
      this.#end();
      return this.#delivery.discard();
    }
    const { edits = [], score = 0 } = ruling;
    this.#score += score;
    if (ruling.quarantine) return this.#quarantine(edits);
    if (edits.length > 0 && this.#flowing) {
      return ruling.beyond === undefined ? undefined : this.#refuse(ruling.beyond);
    }
    this.#edits.push(...edits);
  };

  /** What has come is kept, and so is the rest. */
  async #quarantine(edits: readonly HeaderEdit[]): Promise<Receiver> {
    const quarantining = await this.#delivery.quarantine();
    this.#edits.push(...edits);
    await this.#flowOut();
    this.#end();
    return quarantining;
  }

  /** What is in the window goes on its way, and so does what comes behind it. */
  #flow(): Soon<void> {
    this.#flowing = true;
    return this.#delivery.copy().then(() => this.#empty());
  }

  /** The same where nothing else will be said. */
  #flowOut(): Soon<void> {
    if (this.#flowing) return;
    this.#flowing = true;
    return this.#empty();
  }

  /** Sends what is in the window, changed as has been said by now. */
  #empty(): Soon<void> {
    const octets = this.#window.octets;
    const { header, rest } = splitMessage(octets);
    const [first, second] = this.#edits.length === 0
      ? [EMPTY, octets]
      : [editedHeader(header, this.#edits, this.#complete), rest];
    return when(
      when(this.#write(first), () => this.#write(second)),
      // What is not written to its end may be read yet; a refusal may hide that it was not.
      () => {
        if (this.#delivery.refusal === undefined) this.#window.free();
      },
    );
  }

  #write(octets: Uint8Array): Soon<void> {
    if (octets.length > 0) return this.#delivery.write(octets);
  }

  /** Waits, and does not let the upstream think that nobody is there (RFC 5321 §4.5.3.2.7). */
  #alive<T>(waiting: Promise<T>): Promise<T> {
    const { signal, settings: { clock } } = this.#delivery.session;
    return new Promise((resolve, reject) => {
      const again = (): Timer =>
        clock.after(KEEP_ALIVE, () => {
          this.#delivery.body.keepAlive?.();
          timer = again();
        });
      let timer = again();
      const over = (): void => {
        timer.cancel();
        signal.removeEventListener("abort", leave);
      };
      const leave = (): void => {
        over();
        reject(new SessionOver("closed"));
      };
      signal.addEventListener("abort", leave);
      if (signal.aborted) leave();
      waiting.then((value) => (over(), resolve(value)), (error) => (over(), reject(error)));
    });
  }

  #refuse(reply: Reply): Draining {
    this.#end();
    return this.#delivery.refuse(reply);
  }

  /** Nobody needs to read on. */
  #end(): void {
    if (!this.#flowing) this.#window.free();
    this.#feed?.fail();
    this.#over.abort(DECIDED);
  }
}
