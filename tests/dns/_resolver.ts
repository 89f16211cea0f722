/**
 * A domain name system of a few lines, which keeps count of its questions.
 */

import type { MailResolver, MxRecord, Resolver, SrvRecord } from "../../src/dns/resolver.ts";

/** Answers by the address or the name that is asked for. */
export type Zone = Readonly<Record<string, readonly string[]>>;

/** Whatever is not in the zone is refused; whatever is `stalled` is never answered. */
export class FakeResolver implements Resolver {
  /** What was asked, in order. */
  readonly asked: string[] = [];
  /** Signals of the questions that were asked. */
  readonly signals: AbortSignal[] = [];
  /** Questions that are not answered, not even at their signal. */
  stalled = new Set<string>();

  constructor(public zone: Zone) {}

  reverse(address: string, signal: AbortSignal): Promise<readonly string[]> {
    return this.#answer(address, signal, address);
  }

  addresses(name: string, family: 4 | 6, signal: AbortSignal): Promise<readonly string[]> {
    return this.#answer(name, signal, `${name}/${family}`);
  }

  #answer(key: string, signal: AbortSignal, question: string): Promise<readonly string[]> {
    this.asked.push(question);
    this.signals.push(signal);
    if (this.stalled.has(key)) return new Promise(() => {});
    const found = this.zone[key];
    return found === undefined ? Promise.reject(new Error("NXDOMAIN")) : Promise.resolve(found);
  }
}

/** The records of domains, to be changed as a test goes on; a name that is not there is refused. */
export class FakeMailResolver implements MailResolver {
  /** What was asked, in order: `mx example.org`. */
  readonly asked: string[] = [];
  readonly mxRecords: Record<string, readonly MxRecord[]> = {};
  readonly srvRecords: Record<string, readonly SrvRecord[]> = {};
  /** By name and family: `mx.example/4`. */
  readonly addressRecords: Record<string, readonly string[]> = {};
  /** No question has an answer. */
  failing = false;
  /** No question has an end, unless it is called off. */
  stalled = false;

  mx(domain: string, signal: AbortSignal): Promise<readonly MxRecord[]> {
    return this.#answer(`mx ${domain}`, this.mxRecords[domain], signal);
  }

  srv(name: string, signal: AbortSignal): Promise<readonly SrvRecord[]> {
    return this.#answer(`srv ${name}`, this.srvRecords[name], signal);
  }

  addresses(name: string, family: 4 | 6, signal: AbortSignal): Promise<readonly string[]> {
    const key = `${name}/${family}`;
    return this.#answer(`addresses ${key}`, this.addressRecords[key], signal);
  }

  #answer<T>(question: string, answer: T | undefined, signal: AbortSignal): Promise<T> {
    this.asked.push(question);
    if (this.stalled) {
      return new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(new Error("Called off")));
      });
    }
    if (this.failing || answer === undefined) return Promise.reject(new Error("No records found"));
    return Promise.resolve(answer);
  }
}
