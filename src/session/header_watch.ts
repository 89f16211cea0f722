/**
 * Looks at the header section of a message as it passes: where it ends, and how many Received
 * fields it has. Looks only; the octets go on untouched.
 *
 * @module
 */

import { CR, LF } from "../bytes.ts";

const NAME = "received:";

/** See the module. Takes stuffed mail data as well as content: no field begins with a dot. */
export class HeaderWatch {
  /** Received fields seen (RFC 5321 §6.3 counts them to find loops). */
  received = 0;
  /** The header section has ended. */
  ended = false;
  /** Octets of `NAME` that the present line has matched; -1 once it cannot match any more. */
  #matched = 0;
  /** Octets in the present line, CR not counted. */
  #length = 0;

  /** Looks at the next octets. */
  look(octets: Uint8Array): void {
    for (let at = 0; at < octets.length && !this.ended;) {
      if (this.#matched < 0) {
        // The rest of this line says nothing: on to the next.
        const end = octets.indexOf(LF, at);
        if (end < 0) return;
        this.#newLine();
        at = end + 1;
        continue;
      }
      this.#octet(octets[at++]);
    }
  }

  /** The message has ended. */
  end(): void {
    this.ended = true;
  }

  #octet(octet: number): void {
    if (octet === LF) {
      if (this.#length === 0) this.ended = true;
      this.#newLine();
    } else if (octet !== CR) {
      this.#length++;
      // Field names compare without case (RFC 5322 §1.2.2).
      const lower = octet >= 0x41 && octet <= 0x5a ? octet + 0x20 : octet;
      if (lower !== NAME.charCodeAt(this.#matched)) this.#matched = -1;
      else if (++this.#matched === NAME.length) {
        this.received++;
        this.#matched = -1;
      }
    }
  }

  #newLine(): void {
    this.#matched = 0;
    this.#length = 0;
  }
}
