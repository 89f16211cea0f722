/**
 * Where messages are kept that go to no upstream: a capture, a quarantine.
 *
 * @module
 */

import type { MailParameters, RcptParameters } from "../rfc5321/parameter.ts";
import type { Path } from "../rfc5321/path.ts";

/** An envelope as it was captured. */
export interface CapturedEnvelope {
  /** From MAIL. */
  readonly reversePath: Path;
  /** Those of MAIL, as the proxy passes them on. */
  readonly parameters: MailParameters;
  /** In the order of their RCPT commands. */
  readonly recipients: readonly {
    readonly forwardPath: Path;
    readonly parameters: RcptParameters;
  }[];
}

/** Where captured messages go. */
export interface MessageStore {
  /** Begins a message. */
  open(envelope: CapturedEnvelope): Promise<MessageWriter>;
}

/** One message on its way into a store. */
export interface MessageWriter {
  /** Takes the next octets of the content; they are valid only until it resolves. */
  write(octets: Uint8Array): Promise<void>;
  /** Keeps it, whole and durable as far as the store goes; says under which name. */
  commit(): Promise<string>;
  /** Forgets it. Never rejects. */
  discard(): Promise<void>;
}
