/**
 * What a verb's handler is.
 *
 * @module
 */

import type { Command, Verb } from "../rfc5321/command.ts";
import type { Soon } from "../soon.ts";
import type { Session } from "./session.ts";
import type { State } from "./state.ts";

/** The command of one verb, or of several. */
export type CommandOf<V extends Verb> = Command & { readonly verb: V };

/** How a verb is obeyed once it is known to be allowed. */
export interface Handler<V extends Verb = Verb> {
  /** `next` is the state that the table gives for success. */
  obey(session: Session, command: CommandOf<V>, next: State): Soon<void>;
  /** Reads away what follows a command that is refused by the table. */
  swallow?(session: Session, command: CommandOf<V>): Promise<void>;
}
