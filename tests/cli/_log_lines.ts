/** What the log is told in tests, and the lines that come of it. */

import { assertEquals } from "@std/assert";
import { type Log, type LogOptions, openLog } from "../../src/cli/log.ts";
import { Path } from "../../src/rfc5321/path.ts";
import { Reply } from "../../src/rfc5321/reply.ts";
import type {
  ClientFacts,
  Recipient,
  SessionFacts,
  TransactionFacts,
} from "../../src/session/facts.ts";
import type { Ruling, Step } from "../../src/session/phases.ts";
import { FakeClock } from "../_clock.ts";

export const tls = { version: "TLSv1.3", cipher: "TLS_AES_128_GCM_SHA256", serverName: "" };
export const path = (address: string): Path => address === "" ? Path.null : Path.from(address);
export const reply = (text: string): Reply => Reply.parse(text);

export function session(client: Partial<ClientFacts> = {}): SessionFacts {
  return {
    id: "s1",
    startedAt: 0,
    client: {
      address: "192.0.2.7",
      port: 50_000,
      hello: "mx.example",
      extended: true,
      trusted: false,
      ...client,
    },
    server: { transport: "tcp", host: "192.0.2.25", port: 25 },
    listener: "mx",
  };
}

export const rcpt = (address: string, text = "250 2.1.5 Ok"): Recipient => ({
  forwardPath: path(address),
  parameters: {},
  reply: reply(text),
});

export interface Told extends Partial<Pick<TransactionFacts, "octets" | "upstream" | "steps">> {
  readonly client?: Partial<ClientFacts>;
  readonly from?: string;
  readonly to?: readonly Recipient[];
  readonly currentFrom?: string;
  readonly currentTo?: readonly Recipient[];
}

export function transaction(told: Told = {}): TransactionFacts {
  const { client, from = "a@mx.example", to = [rcpt("b@example.net")], octets = 0 } = told;
  const reversePath = path(from);
  const current = told.currentFrom === undefined ? reversePath : path(told.currentFrom);
  return {
    id: "s1-1",
    session: session(client),
    original: { reversePath, parameters: {}, recipients: to },
    current: {
      reversePath: current,
      parameters: {},
      recipients: told.currentTo ?? to.filter((one) => one.reply?.positive),
    },
    octets,
    upstream: told.upstream,
    steps: told.steps ?? [],
  };
}

export const step = (
  check: string,
  verdict: Step["verdict"],
  phase: Step["phase"] = "rcpt",
): Step => ({
  phase,
  check,
  verdict,
  took: 1,
});

/** The lines that `play` brings about. */
export async function lines(
  options: Partial<LogOptions>,
  play: (log: Log, clock: FakeClock) => void | Promise<void>,
): Promise<string[]> {
  const written: string[] = [];
  const clock = new FakeClock(Date.UTC(2026, 10, 23, 9, 12, 44, 501));
  {
    await using log = openLog({
      format: "text",
      level: "info",
      addresses: "plain",
      clock,
      write: (text) => void written.push(text),
      ...options,
    });
    await play(log, clock);
  }
  assertEquals(clock.timers, 0);
  return written.join("").split("\n").slice(0, -1);
}

export const TIME = "2026-11-23T09:12:44.501Z";
export const HEAD = `"time":"${TIME}","level":"info"`;
export const WHO = "session=s1 listener=mx client=192.0.2.7 hello=mx.example";
export const WHO_JSON = `"session":"s1","listener":"mx","client":"192.0.2.7","hello":"mx.example"`;

/** A policy that has nothing to say. */
export const NOTHING: Ruling = { steps: [] };
