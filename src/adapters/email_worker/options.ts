/**
 * What an Email Worker can be told, and what a policy gets there.
 *
 * @module
 */

import { type Clock, systemClock } from "../../clock.ts";
import { OptionError } from "../../errors.ts";
import { everything, type PolicyHost, refuseUnmetNeeds } from "../../policy/needs.ts";
import type { Policy } from "../../policy/policy.ts";
import { Path } from "../../rfc5321/path.ts";
import { isClean } from "../../rfc5321/text.ts";
import { type Observer, observers } from "../../session/observer.ts";
import { DEFAULT_UPSTREAM } from "../../session/upstreams.ts";

/** Options of {@linkcode emailWorker}. Addresses are without brackets, and verified at the platform. */
export interface EmailWorkerOptions {
  /**
   * Where accepted mail goes, unless the policy rewrites the recipient or routes it.
   *
   * @default The recipient itself.
   */
  readonly destination?: string;
  /** Where mail goes that the policy routes, by the names of `route`. @default {} */
  readonly routes?: Readonly<Record<string, string>>;
  /** Header fields that forwarded mail gets; the platform adds only such as begin with `X-`. @default {} */
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * Milliseconds for the policy and for forwarding. What is not done by then fails for now, and is
   * never refused: the platform ends a worker that takes about 30 seconds.
   *
   * @default 25000
   */
  readonly budget?: number;
  /** Told of rulings and of troubles; there is nothing else to tell. @default [] */
  readonly observers?: readonly Observer[];
  /** Times the budget and the checks. @default The runtime's clock. */
  readonly clock?: Clock;
}

/** The same after the check. */
export interface ResolvedEmailWorker {
  readonly destination: string | undefined;
  readonly routes: ReadonlyMap<string, string>;
  readonly headers: Readonly<Record<string, string>>;
  readonly budget: number;
  readonly observer: Required<Observer>;
  readonly clock: Clock;
}

const NO_DIALOGUE = "the platform has had the dialogue with the client";

/** What a policy gets in an Email Worker. */
export const emailWorkerHost: PolicyHost = {
  name: "an Email Worker",
  gives: {
    ...everything,
    connect: "the client's address is not told",
    ehlo: NO_DIALOGUE,
    starttls: NO_DIALOGUE,
    auth: NO_DIALOGUE,
    filter: "messages are not read there",
    close: "there is no session to end",
    quarantine: "there is nowhere to keep a message",
    disconnect: "there is no connection to close",
    edit: "fields can be added whose names begin with X-, and nothing else",
  },
};

/** RFC 5322 §3.6.8, of what the platform adds. */
export const FIELD_NAME = /^X-[A-Za-z0-9-]{1,60}$/i;

/**
 * Checks options and the policy.
 *
 * @throws {OptionError} Naming the first that cannot be used.
 */
export function resolveEmailWorker(
  policy: Policy,
  options: EmailWorkerOptions,
): ResolvedEmailWorker {
  refuseUnmetNeeds(policy, emailWorkerHost, "policy");
  const { destination, routes = {}, headers = {}, budget = 25_000, clock = systemClock } = options;
  if (destination !== undefined) mailbox("destination", destination);
  for (const [name, address] of Object.entries(routes)) {
    if (name === DEFAULT_UPSTREAM) {
      throw new OptionError("routes", name, "any other name: this one is destination's");
    }
    mailbox(`routes.${name}`, address);
  }
  for (const [name, value] of Object.entries(headers)) {
    if (!FIELD_NAME.test(name)) {
      throw new OptionError("headers", name, "X- with letters, digits and hyphens behind it");
    }
    if (typeof value !== "string" || !isClean(value)) {
      throw new OptionError(`headers.${name}`, value, "text without control characters");
    }
  }
  if (!Number.isSafeInteger(budget) || budget < 1) {
    throw new OptionError("budget", budget, "a whole number of at least 1");
  }
  return {
    destination,
    routes: new Map(Object.entries(routes)),
    headers,
    budget,
    observer: observers([options.observers ?? []]),
    clock,
  };
}

function mailbox(option: string, address: string): void {
  const path = Path.parse(`<${address}>`);
  if (path === undefined || path.isNull || path.route.length > 0) {
    throw new OptionError(option, address, "an address as local-part@domain");
  }
}
