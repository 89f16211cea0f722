/**
 * What one of several workers is told of the configuration.
 *
 * @module
 */

import type { Configuration, UpstreamSource } from "../../config/configuration.ts";
import { ConfigurationError, type Mistake } from "../../config/mistake.ts";
import type { KeyPath } from "../../config/places.ts";
import { defaultLimits } from "../../options.ts";
import { defaultPool } from "../../upstream/smtp/pool.ts";

/** A configuration without what cannot be sent to another thread. */
export type SentConfiguration = Omit<Configuration, "mistake" | "shadow"> & {
  readonly shadow: SentConfiguration | undefined;
};

/** Whose a mistake is that a worker has found; its key is the path of keys as JSON. */
type Whose = "configuration" | "shadow";

/**
 * The share of one worker: of what is limited for all together it gets its part, rounded up. What is
 * limited for one session, message or command is the same for all.
 */
export function shareOf(configuration: Configuration, workers: number): SentConfiguration {
  const part = (whole: number): number => Math.ceil(whole / workers);
  const upstream = (source: UpstreamSource): UpstreamSource => {
    const { pool } = source;
    if (pool === false) return source;
    const { connections, waiting } = { ...defaultPool, ...pool };
    return {
      ...source,
      pool: { ...pool, connections: part(connections), waiting: part(waiting) },
    };
  };
  const { limits } = configuration.options;
  const sessions = part(limits?.sessions ?? defaultLimits.sessions);
  return sent({
    ...configuration,
    options: { ...configuration.options, limits: { ...limits, sessions } },
    upstream: upstream(configuration.upstream),
    upstreams: new Map(
      [...configuration.upstreams].map(([name, source]) => [name, upstream(source)]),
    ),
  });
}

function sent({ mistake: _, shadow, ...rest }: Configuration): SentConfiguration {
  return { ...rest, shadow: shadow && sent(shadow) };
}

/** The configuration again, in a worker. Where something stands in it only the sender can say. */
export function received({ shadow, ...rest }: SentConfiguration): Configuration {
  const mistakeOf = (whose: Whose): Configuration["mistake"] => (path, found, allowed) => ({
    where: whose,
    key: JSON.stringify(path),
    found,
    allowed,
  });
  return {
    ...rest,
    mistake: mistakeOf("configuration"),
    shadow: shadow && { ...shadow, shadow: undefined, mistake: mistakeOf("shadow") },
  };
}

/** An error of a worker with its mistakes where they stand. */
export function located(error: unknown, configuration: Configuration): unknown {
  if (!(error instanceof ConfigurationError)) return error;
  const sources: Readonly<Record<Whose, Configuration | undefined>> = {
    configuration,
    shadow: configuration.shadow,
  };
  return new ConfigurationError(error.mistakes.map((mistake): Mistake => {
    const { where = "", key, found, allowed } = mistake;
    const source = Object.hasOwn(sources, where) ? sources[where as Whose] : undefined;
    return source?.mistake(JSON.parse(key) as KeyPath, found, allowed) ?? mistake;
  }));
}
