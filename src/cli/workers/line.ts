/**
 * Calls between two threads, as messages.
 *
 * @module
 */

import { ConfigurationError, type Mistake } from "../../config/mistake.ts";
import { messageOf, OptionError } from "../../errors.ts";

/** A table of what can be called: each takes one argument or none. */
// deno-lint-ignore no-explicit-any -- the table says what the argument is
export type Calls = { readonly [name: string]: (argument: any) => unknown };

/** What may stand behind a name: nothing where the call takes nothing. */
type Argument<Call extends (argument: never) => unknown> = Parameters<Call>;

/** What a call comes to. */
type Answer<Call extends (argument: never) => unknown> = Awaited<ReturnType<Call>>;

/** One end, as a worker or the thread that has it. */
export type Port =
  & Pick<Worker, "postMessage">
  & Pick<EventTarget, "addEventListener">;

/** A call, by its number. */
interface Called {
  readonly call: number;
  readonly name: string;
  readonly argument: unknown;
}

/** What goes over the line. */
type Message =
  | Called
  | { readonly answer: number; readonly value: unknown }
  | { readonly answer: number; readonly fault: Fault };

/** An error, as it can be sent. */
type Fault =
  | { readonly kind: "configuration"; readonly mistakes: readonly Mistake[] }
  | { readonly kind: "option"; readonly option: string; found: string; readonly allowed: string }
  | { readonly kind: "other"; readonly message: string };

/** Calls what the other end has, and answers what it calls here. */
export class Line<Theirs extends Calls> {
  readonly #port: Port;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #calls = 0;
  #closed: Error | undefined;

  /**
   * Answers from now on.
   *
   * @param ours What the other end may call.
   */
  constructor(port: Port, ours: Calls) {
    this.#port = port;
    port.addEventListener("message", (event) => {
      const message = (event as MessageEvent<Message>).data;
      if ("call" in message) void this.#obey(message, ours);
      else this.#take(message);
    });
  }

  /** @throws What was thrown there, or that the other end is gone. */
  call<Name extends keyof Theirs & string>(
    name: Name,
    ...[argument]: Argument<Theirs[Name]>
  ): Promise<Answer<Theirs[Name]>> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    const call = ++this.#calls;
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting.set(call, waiting);
    this.#send({ call, name, argument });
    return waiting.promise as Promise<Answer<Theirs[Name]>>;
  }

  /** Nobody is there any more: what has not been answered fails. */
  close(why: Error): void {
    this.#closed ??= why;
    for (const { reject } of this.#waiting.values()) reject(why);
    this.#waiting.clear();
  }

  #take(message: Exclude<Message, Called>): void {
    const waiting = this.#waiting.get(message.answer);
    this.#waiting.delete(message.answer);
    if ("fault" in message) waiting?.reject(errorOf(message.fault));
    else waiting?.resolve(message.value);
  }

  async #obey({ call, name, argument }: Called, ours: Calls): Promise<void> {
    try {
      this.#send({ answer: call, value: await ours[name](argument) });
    } catch (error) {
      this.#send({ answer: call, fault: faultOf(error) });
    }
  }

  #send(message: Message): void {
    this.#port.postMessage(message);
  }
}

function faultOf(error: unknown): Fault {
  if (error instanceof ConfigurationError) {
    return { kind: "configuration", mistakes: error.mistakes };
  }
  if (error instanceof OptionError) {
    const { option, found, allowed } = error;
    return { kind: "option", option, found: String(found), allowed };
  }
  return { kind: "other", message: messageOf(error) };
}

function errorOf(fault: Fault): Error {
  switch (fault.kind) {
    case "configuration":
      return new ConfigurationError(fault.mistakes);
    case "option":
      return new OptionError(fault.option, fault.found, fault.allowed);
    case "other":
      return new Error(fault.message);
  }
}
