/**
 * A message that goes through streams of the policy on its way. What comes out of them is held to the
 * rules of what comes in: a bare CR or LF never reaches the upstream.
 *
 * @module
 */

import { EMPTY } from "../bytes.ts";
import { type Clock, TimeoutError } from "../clock.ts";
import { deferred } from "../deferred.ts";
import type { Reply } from "../rfc5321/reply.ts";
import { NewlineGuard } from "../stages/newline_guard.ts";
import type { UpstreamBody } from "./upstream.ts";

/** What a message goes through. */
export type MessageTransform = TransformStream<Uint8Array, Uint8Array>;

/** How a message is transformed. */
export interface TransformingOptions {
  /** At least one; the first gets what has come. */
  readonly transforms: readonly MessageTransform[];
  /** BODY=BINARYMIME: newlines are data (RFC 3030 §3). */
  readonly binary: boolean;
  readonly clock: Clock;
  /** Milliseconds for which they may keep the message waiting without anything coming out of them. */
  readonly patience: number;
  /** What a failure of theirs comes to. */
  readonly failed: (error: unknown) => Reply;
}

/** See the module. */
export class Transforming implements UpstreamBody {
  readonly form = "content";
  readonly #body: UpstreamBody;
  readonly #options: TransformingOptions;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #guard: NewlineGuard | undefined;
  readonly #passing: Promise<void>;
  #failure: Reply | undefined;
  /** Called off: what still comes out of the streams is nobody's. */
  #over = false;
  /** Octets are on their way to the upstream, which has its own limits. */
  #sending = false;
  /** Something has come out of the streams lately. */
  #stirring = false;
  /** What the upstream has failed with. */
  #lost: { readonly error: unknown } | undefined;

  /** @param body Takes content. */
  constructor(body: UpstreamBody, options: TransformingOptions) {
    const { transforms, binary } = options;
    this.#body = body;
    this.#options = options;
    this.#guard = binary ? undefined : new NewlineGuard();
    this.#input = transforms[0].writable.getWriter();
    const output = transforms.slice(1)
      .reduce((stream, transform) => stream.pipeThrough(transform), transforms[0].readable);
    this.#input.closed.catch(() => {});
    this.#passing = this.#pass(output.getReader());
  }

  get refusal(): Reply | undefined {
    return this.#failure ?? this.#body.refusal;
  }

  async write(octets: Uint8Array): Promise<void> {
    if (this.refusal !== undefined) return;
    this.#unlessLost();
    // A chunk belongs to the stream once it is written, and these are only lent.
    await this.#patiently(this.#input.write(octets.slice()));
    this.#unlessLost();
  }

  async finish(heard?: (nth: number, reply: Reply) => void): Promise<Reply> {
    const closed = this.#input.close().catch((error) => this.#fail(error));
    await this.#patiently(closed.then(() => this.#passing));
    this.#unlessLost();
    const { refusal } = this;
    if (refusal === undefined) return await this.#body.finish(heard);
    // The client need not wait for it.
    void this.cancel();
    return refusal;
  }

  keepAlive(): void {
    this.#body.keepAlive?.();
  }

  async cancel(): Promise<void> {
    this.#over = true;
    this.#input.abort(new Error("The message has been called off")).catch(() => {});
    await this.#body.cancel();
  }

  async #pass(output: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
    try {
      for (let over = false; !over && this.refusal === undefined;) {
        const { done, value } = await output.read();
        this.#stirring = true;
        await this.#send(done ? EMPTY : value, done);
        over = done;
      }
    } catch (error) {
      this.#fail(error);
    }
    // Nothing more is wanted: who still writes into the streams must not wait for ever.
    output.cancel().catch(() => {});
  }

  async #send(octets: Uint8Array, last: boolean): Promise<void> {
    const pieces: Uint8Array[] = [];
    const out = { enqueue: (piece: Uint8Array) => void pieces.push(piece) };
    if (this.#guard === undefined) out.enqueue(octets);
    else {
      this.#guard.transform(octets, out);
      if (last) this.#guard.flush(out);
      const { fault } = this.#guard;
      if (fault !== undefined) throw new RangeError(`What came out of it has a ${fault}`);
    }
    for (const piece of pieces) {
      if (piece.length === 0 || this.#over) continue;
      this.#sending = true;
      try {
        await this.#body.write(piece);
      } catch (error) {
        this.#lost = { error };
        throw error;
      } finally {
        this.#sending = false;
      }
    }
  }

  /** Waits for the streams, which may take their time as long as something comes out of them. */
  async #patiently(work: Promise<void>): Promise<void> {
    const { clock, patience } = this.#options;
    const stuck = deferred<never>();
    const watch = () =>
      clock.after(patience, () => {
        if (!this.#stirring && !this.#sending) {
          return stuck.reject(new TimeoutError("a transform to pass the message on", patience));
        }
        this.#stirring = false;
        timer = watch();
      });
    let timer = watch();
    try {
      await Promise.race([work, stuck.promise]);
    } catch (error) {
      this.#fail(error);
    } finally {
      timer.cancel();
    }
  }

  #fail(error: unknown): void {
    if (this.#over || this.#lost !== undefined || this.#body.refusal !== undefined) return;
    this.#failure ??= this.#options.failed(error);
  }

  /** @throws What the upstream has failed with. */
  #unlessLost(): void {
    if (this.#lost !== undefined) throw this.#lost.error;
  }
}
