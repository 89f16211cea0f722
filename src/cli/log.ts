/**
 * The log of `serve`: one line for each mail transaction with all that is known of it, one for each
 * trouble, and at the level `debug` one for each reply.
 *
 * The events, and the least talkative level at which each is there:
 *
 * | level     | event | what has happened |
 * |-----------|-------|-------------------|
 * | `error`   | `fault` | something outside sessions has gone wrong: `error` |
 * | `error`   | `lines-lost` | this log could not keep up: `lines` |
 * | `warning` | `trouble` | something on our side, in a policy or upstream: `session`, `error` |
 * | `warning` | `admin-wrong-token` | somebody has come to the admin with one |
 * | `warning` | `upstream-failed` | no connection: `session`, `upstream`, `error`, `took` |
 * | `info`    | `accepted`, `discarded`, `quarantined`, `rejected`, `deferred`, `abandoned`, `broken` | a mail transaction is over; see below |
 * | `info`    | `turned-away` | a session has come to no transaction, and was refused something: who, `end`, `verb`, `reply`, `took` |
 * | `info`    | `closed` | a session has ended by a fault or without a word: who, `end`, `cause`, and as above |
 * | `info`    | `admin-disconnect`, `admin-reload`, `admin-drain` | an operator has asked for that: `session`, `role` |
 * | `info`    | `dropped` | octets before a TLS handshake (CVE-2011-0411): `session`, `octets`, `at` |
 * | `info`    | `difference` | the shadow policy would have decided otherwise: `session`, `phase`, `live`, `shadow`, `by` |
 * | `debug`   | `reply` | as it was written: `session`, `verb`, `code`, `enhanced`, `text`, `own`, `took` |
 * | `debug`   | `session-opened`, `session-closed` | who; `session`, `end` |
 * | `debug`   | `upstream-opened`, `upstream-reply`, `upstream-closed` | `session`, `upstream`, and what was said |
 * | its own   | `said` | a policy's module has written to LogTape: `by`, `message` |
 *
 * A mail transaction's fields, in this order; what is unknown or nothing is absent:
 *
 * | field | what it holds |
 * |-------|---------------|
 * | `id` | the transaction's, as in the trace header |
 * | `session` | of its session; from here to `login`: who |
 * | `listener`, `client`, `name`, `hello` | name of the listener, IP address, host name, name in EHLO |
 * | `tls`, `cipher` | of the client's side |
 * | `login` | who has logged in |
 * | `from` | reverse-path as the client gave it, `<>` for null |
 * | `to` | each recipient as the client gave it, but the refused ones |
 * | `refused` | each of those, with the codes of the reply to it |
 * | `currentFrom`, `currentTo` | as the upstream was told, where that is not the same |
 * | `outcomes` | each as the upstream was told, with the codes of its reply to the message, where there is one for each (LMTP) |
 * | `octets` | of the message |
 * | `refusedAt` | `mail`, `rcpt`, `data` or `message` |
 * | `keptAs` | the name under which it is quarantined |
 * | `reply` | what the client was told at last |
 * | `verdict`, `rule` | what the policy said to this end, and the check that said it |
 * | `upstream` | its name |
 * | `upstreamReply` | its last, where it is not the `reply` |
 * | `took` | milliseconds from MAIL to the end |
 * | `policyTook`, `upstreamTook` | milliseconds of it in which the policy thought; in which the upstream was waited for |
 *
 * As `text` a line is `time event name=value …`, and a value is a JSON string where it would not be
 * clear by itself. As `json` it is one object, in which numbers are numbers and `to`, `refused`,
 * `currentTo` and `outcomes` arrays.
 *
 * What `serve` says of itself stands between these lines: see `announcement.ts`.
 *
 * Events go through LogTape, whose configuration is the process's: there is one log at a time, and
 * what a policy's module says to a logger of LogTape stands in it too.
 *
 * @module
 */

import {
  type Config,
  configureSync,
  getConfig,
  getLogger,
  getTextFormatter,
  type LogRecord,
  resetSync,
} from "@logtape/logtape";
import type { AdminDeed } from "../admin/deeds.ts";
import type { Clock } from "../clock.ts";
import type { Observer } from "../session/observer.ts";
import { type Fields, lineFormats, type LogEvent } from "./log_line.ts";
import { dialogue, ends, fullMessageOf, type Say, troubles } from "./log_observers.ts";
import { type Pen, pens } from "../stats/pen.ts";
import { LineWriter } from "./log_writer.ts";

/** How much is said: each level says what those before it do. */
export type LogLevel = "error" | "warning" | "info" | "debug";

/** What a log needs. */
export interface LogOptions {
  /** How a line looks. */
  readonly format: "text" | "json";
  /** How much is said. */
  readonly level: LogLevel;
  /** `redacted`: of mail addresses the domain, of replies the codes, and no login. */
  readonly addresses: "plain" | "redacted";
  /** Dates the events and times the batches. */
  readonly clock: Clock;
  /**
   * Takes some whole lines: at 64 Ki characters, or 50 ms after the first of them. Where it returns a
   * promise the next call waits for it, and what is then beyond 1 Mi characters is lost and counted.
   * So are lines at which it throws.
   */
  readonly write: (text: string) => void | Promise<void>;
}

/** Who writes lines. */
export interface Log extends AsyncDisposable {
  /** For the option `observers`. */
  readonly observer: Observer;
  /** Octets that stood behind an upstream's reply to STARTTLS: it belongs to no session. */
  readonly upstreamDropped: (octets: number) => void;
  /** Something was done by way of the admin, or attempted. */
  readonly audit: (deed: AdminDeed) => void;
  /** Something outside of sessions has gone wrong. */
  readonly trouble: (error: unknown) => void;
  /** Writes what has been said so far; resolves when that is done. */
  readonly flush: () => Promise<void>;
  /** The same, for the last time: LogTape is as before. */
  readonly close: () => Promise<void>;
}

/** Marks our own events by its identity: a module's logger of the same name is not us. */
const OWN: readonly string[] = ["sluice"];

/**
 * Opens the log.
 *
 * @throws {ConfigError} LogTape's, if one is open already.
 */
export function openLog({ format, level, addresses, clock, write }: LogOptions): Log {
  const pen = pens[addresses];
  const lineOf = lineFormats[format];
  const writer = new LineWriter({
    clock,
    write,
    lost: (lines) =>
      lineOf({ at: clock.now(), level: "error", event: "lines-lost", fields: { lines } }),
  });
  const config: Config<"lines", never> = {
    sinks: { lines: (record) => writer.write(lineOf(eventOf(record, pen))) },
    loggers: [
      { category: [], sinks: ["lines"], lowestLevel: level },
      // It tells of each configuration at the level below.
      { category: ["logtape", "meta"], lowestLevel: "warning" },
    ],
  };
  configureSync(config);

  const logger = getLogger(OWN);
  const at = (level: LogLevel): Say => (event, fields) => {
    const record: LogRecord = {
      category: OWN,
      level,
      message: [event],
      rawMessage: event,
      timestamp: clock.now(),
      // It copies properties one by one: one is cheap.
      properties: { fields },
    };
    logger.emit(record);
  };
  const parts: [LogLevel, (say: Say) => Observer][] = [
    ["warning", (say) => troubles(say, pen)],
    ["info", (say) => ends(say, pen, clock)],
    ["debug", (say) => dialogue(say, pen)],
  ];
  const [error, warning, info] = [at("error"), at("warning"), at("info")];
  const flush = (): Promise<void> => writer.flush();
  const close = async (): Promise<void> => {
    await flush();
    if (getConfig() === config) resetSync();
  };
  return {
    observer: joined(
      parts.filter(([level]) => logger.isEnabledFor(level)).map(([level, part]) => part(at(level))),
    ),
    upstreamDropped: (octets) => info("dropped", { octets, at: "upstream" }),
    audit: ({ action, id: session, role }) =>
      (action === "wrong-token" ? warning : info)(`admin-${action}`, { session, role }),
    trouble: (fault) => error("fault", { error: pen.words(fullMessageOf(fault)) }),
    flush,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** One observer of several; an event that only one of them wants costs no more than that one. */
function joined(parts: readonly Observer[]): Observer {
  const joint: Record<string, (...args: unknown[]) => void> = {};
  for (const [event, tell] of parts.flatMap((part) => Object.entries(part))) {
    const before = joint[event];
    joint[event] = before === undefined ? tell : (...args) => {
      before(...args);
      tell(...args);
    };
  }
  return joint;
}

/** What others say is put into words by LogTape; with a line end, as it does. */
const wordsOf = getTextFormatter({ format: ({ message }) => message, sanitize: false });

function eventOf(record: LogRecord, pen: Pen): LogEvent {
  const { category, level, rawMessage, timestamp, properties } = record;
  const about = { at: timestamp, level };
  if (category === OWN) {
    return { ...about, event: String(rawMessage), fields: properties.fields as Fields };
  }
  const message = pen.words(wordsOf(record).slice(0, -1));
  return { ...about, event: "said", fields: { by: category.join("."), message } };
}
