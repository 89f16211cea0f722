/**
 * A message on its way, as filters see it.
 *
 * @module
 */

/** How one reader reads. */
export interface ReadOptions {
  /** Octets after which the stream fails with `TooMuch`. @default none */
  readonly limit?: number;
  /** Told when the stream fails, whether or not anybody reads it at that moment. @default nobody */
  readonly failed?: (error: unknown) => void;
  /** Aborts when it is read no more: the stream fails, and the message does not wait for it. */
  readonly signal?: AbortSignal;
}

/** See the module. */
export interface Message {
  /**
   * The message octet for octet as the client has sent it, dots unstuffed, from its first octet: it
   * comes while the message is under way, with back-pressure. A reader that lets it wait for longer
   * than a filter may take loses it. Each call makes a stream of its own; it is a byte stream, so that
   * a reader may bring memory (`getReader({ mode: "byob" })`) and make no garbage of a large message.
   *
   * @throws {TypeError} If the beginning has been passed on; at the start of a check it never has.
   */
  stream(options?: ReadOptions): ReadableStream<Uint8Array>;
  /** Resolves when the whole message has come; rejects where it does not. */
  readonly ended: Promise<void>;
  /** Aborts when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}
