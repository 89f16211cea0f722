/**
 * Which upstream a transaction goes to, by recipient, sender or login.
 *
 * @module
 */

import { definePolicy, type Policy } from "../policy.ts";
import { route } from "../verdicts.ts";
import type { Values } from "./lookup.ts";
import { type CheckEnvironment, OptionReader } from "./option_reader.ts";

/** The map, and what is looked up in it. */
export interface RoutingOptions {
  /** By recipient, sender or login the name of an upstream. */
  readonly map: Values;
  /** What is looked up. @default "recipient" */
  readonly by?: "recipient" | "sender" | "login";
}

/**
 * Routes to named upstreams. Recipients of one transaction that belong to another upstream than the
 * first are answered 452, and the client sends them again.
 *
 * @throws {OptionError} If an option cannot be used.
 */
export function routing(options: RoutingOptions, environment?: CheckEnvironment): Policy {
  const reader = new OptionReader("routing", options, environment);
  const by = reader.choice("by", ["recipient", "sender", "login"], "recipient");
  const accept = (name: string): void => {
    const { upstreams } = reader.environment;
    if (upstreams?.has(name) ?? name !== "") return;
    throw new RangeError(`Cannot route: allowed are ${[...upstreams ?? ["names"]].join(", ")}`);
  };
  const to = (name: string | undefined) => name === undefined ? undefined : route(name);
  if (by === "login") {
    const find = reader.valuesByLogin("map", accept);
    reader.finish();
    return definePolicy({
      name: "routing",
      mail: ({ client }) => client.login === undefined ? undefined : to(find(client.login)),
    });
  }
  const map = reader.values("map", accept);
  reader.finish();
  return definePolicy({
    name: "routing",
    mail: by === "sender" ? ({ reversePath }) => to(map.get({ path: reversePath })) : undefined,
    rcpt: by === "recipient" ? ({ forwardPath }) => to(map.get({ path: forwardPath })) : undefined,
  });
}
