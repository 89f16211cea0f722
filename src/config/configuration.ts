/**
 * A configuration: what the file says, with the values that the program works with, and no runtime.
 *
 * @module
 */

import type { Target } from "../channel.ts";
import type { ListenerOptions, ProxyOptions } from "../options.ts";
import type { RuleSource } from "../policy/rules/rule.ts";
import type { Strategy } from "../upstream/strategy.ts";
import type { UpstreamUrl } from "../upstream/url.ts";
import type { SmtpUpstreamOptions } from "../upstream/smtp/options.ts";
import type { Identify } from "../upstream/smtp/connect.ts";
import type { FilterSource } from "./filter_row.ts";
import type { Mistake } from "./mistake.ts";
import type { KeyPath } from "./places.ts";
import type { ListenTarget } from "./units.ts";

/** Options of the proxy that a file can hold as they are. */
export type PlainOptions = Omit<
  ProxyOptions,
  | ("upstream" | "upstreams" | "policy" | "shadow" | "quarantine")
  | ("tls" | "replies" | "observers" | "clock" | "resolver")
>;

/** Where to listen, and how. */
export interface ListenerSource {
  readonly at: ListenTarget;
  readonly options: ListenerOptions;
  /** Where the address stands, for mistakes. */
  readonly path: KeyPath;
}

/** One server of an upstream. */
export interface ServerSource {
  /** Its URL as written, for logs. */
  readonly name: string;
  readonly url: UpstreamUrl;
  /** Its share among those of the same priority. @default 1 */
  readonly weight?: number;
  /** Lower ones come first. @default 0 */
  readonly priority?: number;
  /** Where the URL stands, for mistakes. */
  readonly path: KeyPath;
}

/** What an upstream is made of. */
export interface UpstreamSource {
  /** At least one. */
  readonly servers: readonly ServerSource[];
  /** Which of several gets the next session. @default "round-robin" */
  readonly balance?: Strategy;
  /** Milliseconds after which all servers are asked anew. @default never */
  readonly probe?: number;
  /** @default "none" */
  readonly identify?: Identify;
  /** How connections are kept. @default as a library's */
  readonly pool?: SmtpUpstreamOptions["pool"];
  /** Path of a file, or `env:NAME`, with the secret that signs requests over HTTP. @default none */
  readonly secret?: string;
  /** Milliseconds for each reply. @default as RFC 5321 §4.5.3.2 */
  readonly timeout?: number;
  /** Where the servers stand, for mistakes. */
  readonly path: KeyPath;
}

/** Which certificates are shown and asked for. */
export interface TlsSource {
  /** Paths; at least one pair. */
  readonly certificates: readonly { readonly cert: string; readonly key: string }[];
  /** Path of the authorities of clients; without it they are not asked for a certificate. */
  readonly authorities?: string;
  /** Where the two stand, for mistakes. */
  readonly paths: { readonly certificates: KeyPath; readonly authorities: KeyPath };
}

/** Where the lines of a table come from. */
export type TableSource =
  | { readonly kind: "file"; readonly file: string }
  /** `refresh` in milliseconds. */
  | { readonly kind: "url"; readonly url: string; readonly refresh: number };

/** What is recorded, and where. */
export interface RecordSource {
  readonly file: string;
  readonly addresses: "plain" | "hashed";
}

/** The admin, where it is served. */
export interface AdminSource {
  readonly at: Target & { readonly transport: "tcp" };
  /** Paths of files, or `env:NAME`, that hold one token each. */
  readonly tokens: { readonly operator?: string; readonly reader?: string };
  readonly hosts: readonly string[];
  readonly addresses: "plain" | "redacted";
  /** Where these stand, for mistakes. */
  readonly paths: {
    readonly listen: KeyPath;
    readonly operator: KeyPath;
    readonly reader: KeyPath;
    readonly hosts: KeyPath;
  };
}

/** The log, as it is from the start on. */
export interface LogSource {
  readonly format: "text" | "json";
  readonly level: "error" | "warning" | "info" | "debug";
  readonly addresses: "plain" | "redacted";
}

/** Everything that one file says. Paths in it are relative to the file's own directory. */
export interface Configuration {
  /** Its path, `""` where there is none. */
  readonly file: string;
  readonly options: PlainOptions;
  /** Whether the names of clients are looked up. */
  readonly lookupNames: boolean;
  readonly listeners: readonly ListenerSource[];
  readonly upstream: UpstreamSource;
  /** Others by name. */
  readonly upstreams: ReadonlyMap<string, UpstreamSource>;
  readonly tls: TlsSource | undefined;
  readonly tables: ReadonlyMap<string, TableSource>;
  readonly rules: readonly RuleSource[];
  /** Who looks into messages. */
  readonly filters: readonly FilterSource[];
  /** Path of the Maildir in which messages are quarantined. */
  readonly quarantine: string | undefined;
  /** Path of a module with a policy in TypeScript. */
  readonly module: string | undefined;
  /** The configuration whose policy is evaluated without effect. */
  readonly shadow: Configuration | undefined;
  readonly record: RecordSource | undefined;
  readonly admin: AdminSource | undefined;
  readonly log: LogSource;
  /** Threads that serve, from the start on. */
  readonly workers: number;
  /** Says of something in it that it cannot be used; `found` as it is shown. */
  mistake(path: KeyPath, found: string, allowed: string): Mistake;
}
