/**
 * What all filters of a configuration file have in common: keys, what they are given besides, and the
 * table that each of them is.
 *
 * @module
 */

import * as z from "zod";
import type { Dialer, SocketTarget } from "../channel.ts";
import type { Clock } from "../clock.ts";
import { type FilterOptions, httpUrl, refusalOption } from "../content/filter_options.ts";
import type { MailResolver, Resolver } from "../dns/resolver.ts";
import type { Policy } from "../policy/policy.ts";
import { parseAddress, parseDuration, parseSize } from "./units.ts";
import { checked, count, measure, type Piece, text, written } from "./values.ts";

/** What filters are given beside their keys. */
export interface FilterEnvironment {
  readonly clock: Clock;
  /** Our name; `""` where none is configured. */
  readonly hostname: string;
  /** Opens connections to filters that are no HTTP servers. */
  readonly dialer: Dialer;
  /** Asks those that are. */
  readonly fetch: typeof fetch;
  readonly resolver: Resolver & MailResolver;
  /** The secret at a path or `env:NAME`, without white space around it. */
  readonly secret: (where: string) => Promise<string>;
  /** The text of a file. */
  readonly file: (path: string) => Promise<string>;
  /** A path, relative to the configuration file, as the process has to use it. */
  readonly beside: (path: string) => string;
}

/** A filter as the file has it. */
export interface FilterSource {
  /** As written; its `use` where nothing is. */
  readonly name: string;
  /** Which one it is. */
  readonly use: string;
  /** @throws {OptionError} If an option cannot be used. */
  readonly make: (environment: FilterEnvironment) => Promise<Policy>;
}

/** A row: the keys beside the common ones, and the policy that they make. */
interface FilterRow<Shape extends z.ZodRawShape> {
  /** What it does, in one line. */
  readonly summary: string;
  readonly keys: Shape;
  readonly make: (
    own: z.output<z.ZodObject<Shape>>,
    common: FilterOptions,
    environment: FilterEnvironment,
  ) => Promise<Policy>;
}

const SIZE = "octets as 1000, 64k, 50m or 1g";
const DURATION = "seconds, or a time as 30s, 5m, 1h, of at least 1s";
/** Where a secret can be. */
export const secretForm = "the path of a file, or env:NAME";
const URL_FORM = "an http or https URL without user and password";
const ADDRESS = "host:port, [ipv6]:port or unix:/path";

/** What becomes of a message. */
export const onFailure = z.enum(["accept", "defer", "reject"]);
/** Octets. */
export const size = (): Piece<number, number | string> =>
  measure(SIZE, (text) => parseSize(text, ""));

/** Milliseconds. */
export const duration = (): Piece<number, number | string> =>
  measure(DURATION, (text) => parseDuration(text, ""));

/** Keys that every filter has. */
const common = {
  name: text("a name").optional().describe("Stands in logs and statistics. Default its use."),
  "time-limit": duration().optional()
    .describe("From the end of the message to the answer. Default policy.time-limit."),
  "on-failure": onFailure.optional()
    .describe("The answer where it fails or takes too long. Default policy.on-failure."),
  "max-size": size().optional().describe("Octets of a message that it reads. Default any number."),
  larger: onFailure.optional()
    .describe("What becomes of a message with more. Default what on-failure says."),
  concurrency: count().optional()
    .describe("Messages that it reads at a time; others wait. Default any number."),
  window: size().optional()
    .describe("Octets that are held so that it can change the header. Default content.window."),
};

type CommonKeys = z.output<z.ZodObject<typeof common>>;

function commonOptionsOf(use: string, keys: CommonKeys): FilterOptions {
  const { name = use, window, concurrency, larger } = keys;
  return {
    name,
    window,
    timeLimit: keys["time-limit"],
    onFailure: keys["on-failure"],
    reading: { octets: keys["max-size"], concurrency, larger },
  };
}

/** The URL of a filter that is asked over HTTP. */
export const url: Piece<string> = checked(URL_FORM, (text) => httpUrl("", text))
  .describe("Where it listens.");

/** What a message is refused with. */
export const refusal: Piece<string> = checked(
  "a 4xx or 5xx reply such as 550 5.7.1 Text",
  (text) => refusalOption("", text),
);

/** Where a filter listens that is asked over a connection. */
export const address: Piece<SocketTarget, string> = written(
  ADDRESS,
  (text) => parseAddress(text, ""),
).describe(`Where it listens: ${ADDRESS}.`);

/** The same, with the path of a Unix socket as the process has to use it. */
export function targetOf(address: SocketTarget, { beside }: FilterEnvironment): SocketTarget {
  return address.transport === "unix" ? { ...address, path: beside(address.path) } : address;
}

/** A row as one kind of table: `use = "…"` with its keys, read into a source. */
export function filter<Use extends string, Shape extends z.ZodRawShape>(
  use: Use,
  { summary, keys, make }: FilterRow<Shape>,
) {
  return z.strictObject({ use: z.literal(use), ...common, ...keys })
    .describe(summary)
    .transform((written): FilterSource => {
      const options = commonOptionsOf(use, written as CommonKeys);
      const own = Object.fromEntries(
        Object.entries(written).filter(([key]) => Object.hasOwn(keys, key)),
      ) as z.output<z.ZodObject<Shape>>;
      return {
        name: options.name ?? use,
        use,
        make: (environment) => make(own, options, environment),
      };
    });
}

/** Of filters that change the header section. */
export const beyond = onFailure.optional().describe(
  "The answer where it is to change the header of a message larger than the window. Default accept.",
);
