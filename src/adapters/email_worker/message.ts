/**
 * What Cloudflare hands to an Email Worker, as far as it is used.
 *
 * @module
 */

/** Cloudflare's `ForwardableEmailMessage`: one message to one recipient. */
export interface EmailMessage {
  /** The reverse-path without brackets; `""` for the null one. */
  readonly from: string;
  /** The forward-path without brackets. */
  readonly to: string;
  /** The header section. */
  readonly headers: Headers;
  /** The whole message; it can be read once. */
  readonly raw: ReadableStream<Uint8Array>;
  /** Octets of the whole message. */
  readonly rawSize: number;
  /** Refuses it for good. To be waited for: otherwise it may come to nothing. */
  setReject(reason: string): void | Promise<void>;
  /** Sends it on to a verified address, with more header fields. */
  forward(to: string, headers?: Headers): Promise<unknown>;
}

/** What the platform calls for each message. */
export interface EmailHandler {
  /**
   * Settles once the message is forwarded, refused or dropped.
   *
   * @throws {Error} Where it is to be tried again: the platform then fails for now.
   */
  email(message: EmailMessage, env?: unknown, ctx?: unknown): Promise<void>;
}
