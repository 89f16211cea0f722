/**
 * A link whose end and whose loss are told to somebody. It changes nothing.
 *
 * @module
 */

import { UpstreamFailure, type UpstreamLink } from "../session/upstream.ts";
import { type LinkListener, wrapped } from "../session/wrapped_link.ts";
import type { Soon } from "../soon.ts";

/** Who is told. */
export interface LinkOwner {
  /** No reply came, and that was not our doing. */
  lost(): void;
  /** The link is in use no more. Told once. */
  ended(): void;
}

/** See the module. */
export function memberLink(link: UpstreamLink, owner: LinkOwner): UpstreamLink {
  return wrapped(link, new Member(owner));
}

class Member implements LinkListener {
  constructor(readonly owner: LinkOwner) {}

  said<T>(_verb: string, answer: T): T {
    return this.#watched(answer);
  }

  wrote(taken: Soon<void>): Soon<void> {
    return this.#watched(taken);
  }

  ended(): void {
    this.owner.ended();
  }

  /** A promise itself goes on; a failure of it is looked at on the way. */
  #watched<T>(result: T): T {
    if (result instanceof Promise) {
      result.catch((error) => {
        if (error instanceof UpstreamFailure && error.kind !== "aborted") this.owner.lost();
      });
    }
    return result;
  }
}
