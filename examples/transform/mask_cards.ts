/**
 * Masks card numbers in messages on their way: a stream of one's own in the pipeline. It sees the octets
 * as they travel, so what is in base64 stays as it is; a message that is changed loses its signatures.
 *
 * @module
 */

import { definePolicy } from "@sluice/sluice/policy";

const ZERO = 0x30;
const NINE = 0x39;
const MASK = 0x58;

/** So many digits in a row are a card number, and the last of them are shown. */
const NUMBER = 13;
const SHOWN = 4;

/**
 * Puts `X` in the place of each digit of a card number but the last four. It is a Transformer of the
 * Streams standard; a number that begins in one chunk may end in the next.
 */
export class CardMask implements Transformer<Uint8Array, Uint8Array> {
  /** Digits at the end of what has come, of which it is not known yet whether they may be shown. */
  #held: number[] = [];
  #masking = false;

  /** Takes the next octets. */
  transform(octets: Uint8Array, out: Pick<TransformStreamDefaultController, "enqueue">): void {
    const passed = new Uint8Array(this.#held.length + octets.length);
    let length = 0;
    for (const octet of octets) {
      if (octet < ZERO || octet > NINE) {
        passed.set(this.#held, length);
        length += this.#held.length;
        passed[length++] = octet;
        this.#held = [];
        this.#masking = false;
        continue;
      }
      this.#held.push(octet);
      this.#masking ||= this.#held.length === NUMBER;
      while (this.#masking && this.#held.length > SHOWN) {
        this.#held.shift();
        passed[length++] = MASK;
      }
    }
    out.enqueue(passed.subarray(0, length));
  }

  /** The message is over. */
  flush(out: Pick<TransformStreamDefaultController, "enqueue">): void {
    out.enqueue(Uint8Array.from(this.#held));
  }
}

// deno run … src/cli/main.ts serve --policy examples/transform/mask_cards.ts
export default definePolicy({
  name: "mask cards",
  // A stream for each message that goes to others than ourselves.
  transform: ({ original }) =>
    original.recipients.every(({ forwardPath }) => forwardPath.domain === "shop.example")
      ? undefined
      : new TransformStream(new CardMask()),
});
