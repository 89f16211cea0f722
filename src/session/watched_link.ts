/**
 * A link to the upstream whose answers observers are told of. It changes nothing.
 *
 * @module
 */

import { Reply } from "../rfc5321/reply.ts";
import type { Soon } from "../soon.ts";
import type { Session } from "./session.ts";
import type { Opened, UpstreamLink } from "./upstream.ts";
import { type LinkListener, wrapped } from "./wrapped_link.ts";

/** For whom a link is opened. */
type Wanting = Pick<Session, "aborted" | "facts" | "settings" | "signal">;

/**
 * Gets a link that observers are told of.
 *
 * @param name Of the upstream.
 * @throws {UpstreamFailure}
 */
export function linkWatched(session: Wanting, name: string): Soon<UpstreamLink> {
  // `connect` finds out by itself that the session has been cut off: nothing is lent to it then.
  const upstream = session.aborted ? undefined : session.settings.upstreams.byName.get(name);
  const lent = upstream?.lend?.(session.facts);
  return lent === undefined ? connectWatched(session, name) : watched(session, name, lent, 0);
}

async function connectWatched(session: Wanting, name: string): Promise<UpstreamLink> {
  const { clock, observer, upstreams } = session.settings;
  const began = clock.monotonic();
  try {
    const link = await upstreams.get(name).connect(session.facts, session.signal);
    return watched(session, name, link, clock.monotonic() - began);
  } catch (error) {
    observer.upstreamFailed(session.facts, name, error, clock.monotonic() - began);
    throw error;
  }
}

function watched(session: Wanting, name: string, link: UpstreamLink, took: number): UpstreamLink {
  const { tls, extensions, reused = false } = link;
  session.settings.observer.upstreamOpened(session.facts, name, { took, reused, tls, extensions });
  return wrapped(link, new Watcher(session, name));
}

/** Tells observers. */
class Watcher implements LinkListener {
  constructor(readonly session: Wanting, readonly name: string) {}

  /** BDAT has no answer before its first chunk: then there is nothing to tell. */
  said<T>(verb: string, answer: T): T {
    if (!(answer instanceof Promise)) return answer;
    const began = this.session.settings.clock.monotonic();
    return answer.then((answer: Opened) => {
      const reply = answer instanceof Reply ? answer : answer.reply;
      if (reply !== undefined) this.#tell(verb, began, reply);
      return answer;
    }, (error: unknown) => {
      this.#tell(verb, began);
      throw error;
    }) as T;
  }

  wrote(taken: Soon<void>): Soon<void> {
    return taken;
  }

  ended(): void {
    this.session.settings.observer.upstreamClosed(this.session.facts, this.name);
  }

  #tell(verb: string, began: number, reply?: Reply): void {
    const { facts, settings: { clock, observer } } = this.session;
    const at = clock.monotonic();
    observer.upstreamReply(facts, this.name, { verb, at, took: at - began, reply });
  }
}
