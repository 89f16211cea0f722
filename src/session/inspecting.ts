/**
 * A message that the policy looks at while it comes. Its beginning is held in a window, so that the
 * header section can be changed there; behind the window it flows on to the upstream, and only its end
 * is held back until every filter has answered.
 *
 * @module
 */

import { LF } from "../bytes.ts";
import { deferred } from "../deferred.ts";
import { Feed } from "../message/feed.ts";
import { type HeaderEdit, HeaderSection, splitMessage } from "../message/header_section.ts";
import type { Reply } from "../rfc5321/reply.ts";
import { OctetBuffer } from "../stages/octet_buffer.ts";
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
  readonly #window = new OctetBuffer();
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

  async take(octets: Uint8Array, total: number): Promise<Receiver> {
    const objection = this.#delivery.look(octets, total);
    if (objection !== undefined) return this.#refuse(objection);
    try {
      const decided = await this.#pass(octets);
      if (decided !== undefined) return decided;
    } catch (error) {
      return this.#refuse(this.#delivery.session.failure(error));
    }
    const { refusal } = this.#delivery;
    return refusal === undefined ? this : this.#refuse(refusal);
  }

  async finish(total: number, fault?: ReplyName): Promise<Reply> {
    const { session, transaction } = this.#delivery;
    transaction.octets = total;
    if (fault !== undefined) return this.#refuse(session.settings.replies[fault]).refusal;
    try {
      const decided = (this.#headers === undefined ? await this.#begin(true) : undefined) ??
        await this.#conclude();
      if (decided !== undefined) return await decided.finish(total);
      if (!this.#flowing) await this.#flow(true);
    } catch (error) {
      return this.#refuse(session.failure(error)).refusal;
    }
    return await this.#delivery.finish();
  }

  cancel(): Promise<void> {
    this.#end();
    return this.#delivery.cancel();
  }

  /** @returns Who receives the rest, where that is somebody else. */
  async #pass(octets: Uint8Array): Promise<Receiver | undefined> {
    const early = this.#filtered ? await this.#obeyFilters() : undefined;
    if (early !== undefined) return await early.take(octets, this.#delivery.transaction.octets);
    if (this.#headers === undefined) {
      this.#window.append(octets);
      const known = this.#delivery.headerEnded;
      if (!known && this.#window.length < this.#room) return undefined;
      return await this.#begin(known);
    }
    await this.#give(octets);
    if (this.#flowing) return void await this.#delivery.write(octets);
    if (this.#window.length + octets.length <= this.#room) return void this.#window.append(octets);
    await this.#flow();
    await this.#delivery.write(octets);
  }

  /** The header section is there, or as much of it as there is room for. */
  async #begin(complete: boolean): Promise<Receiver | undefined> {
    const { session, transaction } = this.#delivery;
    const octets = this.#window.take();
    this.#window.append(octets);
    this.#complete = complete;
    const came = this.#headers = HeaderSection.parse(splitMessage(octets).header);
    const { facts } = transaction;
    const ruling = await session.rule("headers", { ...facts, headers: came, complete });
    const decided = await this.#obey(ruling);
    if (decided !== undefined) return decided;
    // What was taken away there, because it is not to be believed, nobody sees any more.
    const headers = this.#headers = came.edited(this.#edits);
    if (session.judge.asks("filter")) {
      const { clock, filterPatience: patience } = session.settings;
      const message = this.#feed = new Feed({ clock, patience, signal: this.#over.signal });
      this.#filtering = Promise.resolve(session.rule("filter", { ...facts, headers, message }));
      const there = (): void => void (this.#filtered = true);
      // What it throws, because the session is to end, is met where the answer is awaited.
      this.#filtering.then(there, there);
      await this.#give(octets);
      // Whoever wanted to read has begun to.
      message.release();
    }
    if (this.#window.length > this.#room) await this.#flow();
  }

  /** The message has come to its end: everybody has a last word. */
  async #conclude(): Promise<Receiver | undefined> {
    const { session, transaction } = this.#delivery;
    this.#complete = true;
    this.#feed?.end();
    const decided = await this.#obeyFilters();
    if (decided !== undefined) return decided;
    const headers = this.#headers!;
    const facts = { ...transaction.facts, headers, score: this.#score, editable: !this.#flowing };
    return await this.#obey(await session.rule("content", facts)) ?? await this.#seal();
  }

  /** Whoever signs the message is told what becomes of it. */
  async #seal(): Promise<Receiver | undefined> {
    const { session: { judge }, transaction } = this.#delivery;
    if (!judge.seals) return undefined;
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
    const octets = this.#window.take();
    this.#window.append(octets);
    const { header, rest } = splitMessage(octets);
    return {
      headers: HeaderSection.parse(header).edited(this.#edits),
      body: rest.subarray(rest.indexOf(LF) + 1),
    };
  }

  /** @returns Who receives the rest, where that is somebody else. */
  async #obeyFilters(): Promise<Receiver | undefined> {
    const filtering = this.#filtering;
    this.#filtering = undefined;
    this.#filtered = false;
    if (filtering !== undefined) return await this.#obey(await this.#alive(filtering));
  }

  async #obey(ruling: Ruling): Promise<Receiver | undefined> {
    if (ruling.refusal !== undefined) return this.#refuse(ruling.refusal);
    if (ruling.discard) {
      this.#end();
      return await this.#delivery.discard();
    }
    const { edits = [], score = 0 } = ruling;
    this.#score += score;
    if (ruling.quarantine) return await this.#quarantine(edits);
    if (edits.length > 0 && this.#flowing) {
      return ruling.beyond === undefined ? undefined : this.#refuse(ruling.beyond);
    }
    this.#edits.push(...edits);
  }

  /** What has come is kept, and so is the rest. */
  async #quarantine(edits: readonly HeaderEdit[]): Promise<Receiver> {
    const quarantining = await this.#delivery.quarantine();
    this.#edits.push(...edits);
    if (!this.#flowing) await this.#flow(true);
    this.#end();
    return quarantining;
  }

  /**
   * What is in the window goes on its way, changed as has been said by now.
   *
   * @param decided Nothing else will be said.
   */
  async #flow(decided: boolean = false): Promise<void> {
    this.#flowing = true;
    if (!decided) await this.#delivery.copy();
    this.#feed?.release();
    const { header, rest } = splitMessage(this.#window.take());
    if (this.#edits.length === 0) {
      await this.#write(header);
      return await this.#write(rest);
    }
    const { fields } = HeaderSection.parse(header);
    // Nobody knows how a field goes on whose end has not come.
    const whole = this.#complete ? fields : fields.slice(0, -1);
    const edited = new HeaderSection(whole).edited(this.#edits);
    const pieces = [...edited.octets, ...fields.slice(whole.length).map(({ octets }) => octets)];
    for (const piece of pieces) await this.#write(piece);
    await this.#write(rest);
  }

  async #write(octets: Uint8Array): Promise<void> {
    if (octets.length > 0) await this.#delivery.write(octets);
  }

  async #give(octets: Uint8Array): Promise<void> {
    const slow = this.#feed?.give(octets);
    if (slow !== undefined) await this.#alive(slow);
  }

  /** Waits, and does not let the upstream think that nobody is there (RFC 5321 §4.5.3.2.7). */
  async #alive<T>(waiting: Promise<T>): Promise<T> {
    const { signal, settings: { clock } } = this.#delivery.session;
    const ended = deferred<never>();
    const leave = (): void => ended.reject(new SessionOver("closed"));
    signal.addEventListener("abort", leave);
    if (signal.aborted) leave();
    const again = () =>
      clock.after(KEEP_ALIVE, () => {
        this.#delivery.body.keepAlive?.();
        timer = again();
      });
    let timer = again();
    try {
      return await Promise.race([waiting, ended.promise]);
    } finally {
      timer.cancel();
      signal.removeEventListener("abort", leave);
    }
  }

  #refuse(reply: Reply): Draining {
    this.#end();
    return this.#delivery.refuse(reply);
  }

  /** Nobody needs to read on. */
  #end(): void {
    this.#window.clear();
    this.#feed?.fail();
    this.#over.abort(new Error("The message has been decided upon"));
  }
}
