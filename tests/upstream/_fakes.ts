/**
 * Upstreams of a few lines, whose behaviour a test changes as it goes on.
 */

import { Extensions } from "../../src/rfc5321/extension.ts";
import { Reply } from "../../src/rfc5321/reply.ts";
import type { SessionFacts } from "../../src/session/facts.ts";
import {
  type FailureKind,
  type PoolState,
  type Upstream,
  UpstreamFailure,
  type UpstreamLink,
  type UpstreamOffer,
} from "../../src/session/upstream.ts";

/** What no fake upstream looks at. */
export const session = {} as SessionFacts;

/** A signal that never comes. */
export const never: AbortSignal = new AbortController().signal;

const OK = new Reply(250, "2.0.0 Ok");

/** Greets, or fails as it is told. */
export class FakeUpstream implements Upstream {
  /** How it fails; not at all where absent; `silence` is no answer until the signal. */
  fails: FailureKind | "silence" | undefined;
  extensions: Extensions = Extensions.none;
  /** Times it was asked for a connection, or for what it offers without memory. */
  connects = 0;
  probes = 0;
  closed = false;
  readonly links: FakeLink[] = [];
  /** Absent where it keeps no connections. */
  pool: PoolState | undefined;

  /** @param journal Where calls are written down: `a connect`, `a probe`. */
  constructor(readonly name: string, readonly journal: string[] = []) {}

  #offer: UpstreamOffer | undefined;

  async offer(maxAge?: number): Promise<UpstreamOffer> {
    if (maxAge === 0) {
      this.probes++;
      this.journal.push(`${this.name} probe`);
    }
    await this.#fail(never);
    const { extensions } = this;
    if (this.#offer?.extensions !== extensions) this.#offer = { extensions, verified: false };
    return this.#offer;
  }

  async connect(_session: SessionFacts, signal: AbortSignal): Promise<UpstreamLink> {
    this.connects++;
    this.journal.push(`${this.name} connect`);
    await this.#fail(signal);
    const link = new FakeLink(this);
    this.links.push(link);
    return link;
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }

  async #fail(signal: AbortSignal): Promise<void> {
    const { fails } = this;
    if (fails === "silence") {
      await new Promise((_, reject) => {
        signal.addEventListener(
          "abort",
          () => reject(new UpstreamFailure("aborted", "Called off")),
        );
      });
    } else if (fails !== undefined) {
      const reply = fails === "refusing" ? { reply: new Reply(421, "4.3.2 Not now") } : {};
      throw new UpstreamFailure(fails, fails, reply);
    }
  }
}

/** Answers everything with 250, unless it is `lost`. */
export class FakeLink implements UpstreamLink {
  open = true;
  usable = true;
  lost: FailureKind | undefined;

  constructor(readonly of: FakeUpstream) {}

  get extensions(): Extensions {
    return this.of.extensions;
  }

  mail(): Promise<Reply> {
    return this.#answer();
  }

  rcpt(): Promise<Reply> {
    return this.#answer();
  }

  data(): Promise<Reply> {
    return this.#answer();
  }

  reset(): Promise<Reply> {
    return this.#answer();
  }

  authenticate(): Promise<Reply> {
    return this.#answer();
  }

  query(): Promise<Reply> {
    return this.#answer();
  }

  quit(): Promise<void> {
    this.open = false;
    return Promise.resolve();
  }

  abort(): void {
    this.open = false;
  }

  #answer(): Promise<Reply> {
    if (this.lost === undefined) return Promise.resolve(OK);
    this.open = this.usable = false;
    return Promise.reject(new UpstreamFailure(this.lost, this.lost));
  }
}
