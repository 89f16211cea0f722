/**
 * Requests that are sent again because their answer was lost: the second finds the answer of the
 * first, and no second message is sent (`Idempotency-Key`, as drafted by the IETF's httpapi group).
 *
 * @module
 */

import type { ExpiringStore } from "../state/expiring_store.ts";
import type { Answer } from "./answer.ts";

/** What is known of a key. */
interface Known {
  /** Of which envelope. */
  readonly envelope: string;
  /** Absent while the first request is under way. */
  readonly answer?: Answer;
}

/**
 * Milliseconds after which a request whose process has died is no longer taken to be under way:
 * longer than a session may take for one message and its answer.
 */
const UNDER_WAY = 7_200_000;

/** See the module. */
export class Repeats {
  readonly #store: ExpiringStore;
  readonly #keep: number;

  /**
   * Keeps answers in a store.
   *
   * @param keep Milliseconds.
   */
  constructor(store: ExpiringStore, keep: number) {
    this.#store = store;
    this.#keep = keep;
  }

  /**
   * Does something once for a key. Only what is final is kept: after a temporary failure, or none at
   * all, the same key may try again.
   *
   * @param login Whose key it is.
   * @param envelope What must be the same each time.
   * @returns The answer, or why there is none: the first request is under way, or was another one.
   * @throws What `attempt` throws.
   */
  async once(
    [login, key]: readonly [login: string, key: string],
    envelope: string,
    attempt: () => Promise<Answer>,
  ): Promise<Answer | "under-way" | "another"> {
    const place = JSON.stringify([login, key]);
    const mine: Known = { envelope: await digest(envelope) };
    const there = await this.#store.add(place, JSON.stringify(mine), UNDER_WAY);
    if (there !== undefined) {
      const known: Known = JSON.parse(there);
      if (known.envelope !== mine.envelope) return "another";
      return known.answer ?? "under-way";
    }
    let answer: Answer | undefined;
    try {
      return answer = await attempt();
    } finally {
      // The message has been sent or has not: a store that fails now must not hide which.
      await this.#settle(place, mine, answer).catch(() => {});
    }
  }

  async #settle(place: string, mine: Known, answer: Answer | undefined): Promise<void> {
    if (answer === undefined || answer.status === 503) await this.#store.delete(place);
    else await this.#store.set(place, JSON.stringify({ ...mine, answer }), this.#keep);
  }
}

async function digest(text: string): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return btoa(String.fromCharCode(...new Uint8Array(hash)));
}
