/**
 * Thousands of mail transactions of all kinds: whoever counts them comes to the same.
 */

import { assert, assertEquals } from "@std/assert";
import { memoryPair } from "../../src/adapters/memory.ts";
import { adminOf } from "../../src/admin/admin.ts";
import { openLog } from "../../src/cli/log.ts";
import { systemClock } from "../../src/clock.ts";
import { createProxy } from "../../src/proxy.ts";
import { pens } from "../../src/stats/pen.ts";
import { Stats } from "../../src/stats/stats.ts";
import { viewsOf } from "../../src/stats/transaction_log.ts";
import { type Outcome, outcomes, type StatsView } from "../../src/stats/views.ts";
import { MemoryStore } from "../../src/upstream/capture.ts";
import { defaultPool, type PoolOptions } from "../../src/upstream/smtp/pool.ts";
import { defaultTimeouts } from "../../src/upstream/smtp/timeouts.ts";
import { SmtpUpstream } from "../../src/upstream/smtp/upstream.ts";
import { random } from "../_chunking.ts";
import { plainTls } from "../_dialogue.ts";
import { Count, CountingClient, CountingUpstream, obedient } from "./_world.ts";

/** Sessions at a time. */
const CLIENTS = 40;

/** How a client ends a transaction; the last three end the session, too. */
type Ending = "message" | "RSET" | "EHLO" | "QUIT" | "close" | "close in data" | "none";

interface Plan {
  readonly outcome: Outcome;
  /** Local-part of the sender; see `_world.ts`. */
  readonly from: string;
  /** Local-parts of recipients. */
  readonly to: readonly string[];
  readonly ending: Ending;
}

const plan = (
  outcome: Outcome,
  from: string = "plain",
  to: readonly string[] = ["a"],
  ending: Ending = "message",
): Plan => ({ outcome, from, to, ending });

const plans: readonly Plan[] = [
  plan("accepted"),
  plan("accepted", "plain", ["a", "b", "c"]),
  plan("accepted", "plain", ["a", "p550", "b"]),
  plan("accepted", "plain", ["u450", "a"]),
  plan("accepted", "plain", ["a", "several"]),
  plan("accepted", "plain", ["discard", "a"]),
  plan("rejected", "mail-p550"),
  plan("deferred", "mail-p450"),
  plan("rejected", "mail-u550", ["a", "b"]),
  plan("deferred", "mail-u451"),
  plan("rejected", "plain", ["p550", "p550"]),
  plan("deferred", "plain", ["p450"]),
  plan("rejected", "plain", ["u550", "u550"]),
  plan("deferred", "plain", ["u450"]),
  plan("deferred", "plain", ["p421"], "none"),
  plan("rejected", "data-p554"),
  plan("deferred", "data-p451"),
  plan("rejected", "data-u554"),
  plan("deferred", "data-u451"),
  plan("rejected", "headers-p554"),
  plan("deferred", "content-p451"),
  plan("rejected", "message-u554"),
  plan("deferred", "message-u452"),
  plan("deferred", "message-hangup"),
  plan("discarded", "mail-discard", ["a", "b"]),
  plan("discarded", "content-discard"),
  plan("quarantined", "content-quarantine", ["a", "b"]),
  plan("discarded", "plain", ["discard"]),
  plan("discarded", "plain", ["nobody"]),
  plan("abandoned", "plain", ["a"], "RSET"),
  plan("abandoned", "plain", [], "RSET"),
  plan("abandoned", "plain", ["a", "p550"], "EHLO"),
  plan("abandoned", "plain", ["a"], "QUIT"),
  plan("broken", "plain", ["a"], "close"),
  plan("broken", "plain", ["a", "b"], "close in data"),
  plan("broken", "data-cut"),
];

/** Plays a transaction; whether the session goes on. */
async function play(client: CountingClient, plan: Plan, next: () => number): Promise<boolean> {
  const { from, to, ending } = plan;
  const chunked = ending === "message" && next() < 0.3;
  const commands = [
    `MAIL FROM:<${from}@client.example>`,
    ...to.map((one) => `RCPT TO:<${one}@mx.example>`),
  ];
  const data = ending === "close in data" || (ending === "message" && !chunked);
  const codes: (number | undefined)[] = [];
  if (ending !== "none" && next() < 0.5) {
    if (data) commands.push("DATA");
    await client.send(...commands);
    for (const _ of commands) codes.push(await client.code());
  } else {
    for (const command of commands) {
      codes.push(await client.ask(command));
      if (codes[0] !== 250) return true;
    }
    if (codes.at(-1) === 421) return false;
    if (data) codes.push(await client.ask("DATA"));
  }
  switch (ending) {
    case "message":
      return await sendMessage(client, codes, chunked, next);
    case "RSET":
      assertEquals(await client.ask("RSET"), 250);
      return true;
    case "EHLO":
      assertEquals(await client.ask("EHLO client.example"), 250);
      return true;
    case "QUIT":
      assertEquals(await client.ask("QUIT"), 221);
      return false;
    case "close in data":
      await client.raw("Subject: half a mess");
  }
  return false;
}

async function sendMessage(
  client: CountingClient,
  codes: readonly (number | undefined)[],
  chunked: boolean,
  next: () => number,
): Promise<boolean> {
  const lines = Array.from({ length: 1 + Math.floor(next() * 5) }, (_, n) => `Line ${n}\r\n`);
  const message = `Subject: Numbers\r\n\r\n${lines.join("")}`;
  const [mail, ...others] = codes;
  let last: number | undefined;
  if (chunked && mail === 250 && others.includes(250)) {
    await client.send(`BDAT ${message.length} LAST\r\n${message}`.slice(0, -2));
    last = await client.code();
  } else if (codes.at(-1) === 354) {
    await client.raw(`${message}.\r\n`);
    last = await client.code();
  } else {
    last = await client.ask("RSET");
  }
  return last !== undefined;
}

/** The numbers of an exposition, by name and labels as they stand there. */
function numbersOf(exposition: string): Record<string, number> {
  const lines = exposition.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return Object.fromEntries(lines.map((line) => {
    const space = line.lastIndexOf(" ");
    return [line.slice(0, space), Number(line.slice(space + 1))];
  }));
}

/** Those of one metric by the values of its labels, joined by spaces; `skip` of the first labels. */
function valuesOf(numbers: Record<string, number>, name: string, skip: number = 0) {
  const count = new Count();
  for (const [key, value] of Object.entries(numbers)) {
    if (!key.startsWith(`${name}{`)) continue;
    const labels = [...key.matchAll(/="([^"]*)"/g)].map(([, value]) => value);
    count.add(labels.slice(skip).join(" "), value);
  }
  return count.all;
}

interface LogLine {
  readonly event: string;
  readonly id: string;
  readonly octets: number;
  readonly to: readonly string[];
  readonly refused?: readonly string[];
  readonly currentTo?: readonly string[];
}

Deno.test("counters add up: clients, upstream, metrics, API, ring and log", () =>
  addUp(10_000, defaultPool));

Deno.test("counters add up where each session has its own connection", () => addUp(2_000));

async function addUp(transactions: number, pool?: PoolOptions): Promise<void> {
  const stats = new Stats({ perSecond: Infinity, transactions });
  let written = "";
  await using log = openLog({
    format: "json",
    level: "info",
    addresses: "plain",
    clock: systemClock,
    write: (text) => void (written += text),
  });
  const upstream = new CountingUpstream();
  const troubles: unknown[] = [];
  const proxy = createProxy({
    hostname: "proxy.example",
    trace: false,
    policy: obedient,
    quarantine: new MemoryStore(),
    observers: [log.observer, stats.observer, {
      trouble: (_session, error) => void troubles.push(error),
    }],
    upstream: new SmtpUpstream("smtp://upstream.example", {
      target: { transport: "tcp", host: "upstream.example", port: 25 },
      tls: { mode: "none" },
      identify: "none",
      hostname: "proxy.example",
      dialer: upstream,
      tlsClient: plainTls,
      clock: systemClock,
      timeouts: defaultTimeouts,
      chunking: "as-received",
      chunkSize: 65_536,
      protocol: "smtp",
      xforward: false,
      keepSourceRoutes: false,
      dropped: () => {},
    }, pool),
  });
  const admin = adminOf(proxy, stats, {});

  const next = random(4);
  const expected = new Count();
  const counts = { commands: new Count(), replies: new Count() };
  let begun = 0;
  let sessions = 0;
  const converse = async (): Promise<void> => {
    const [far, near] = memoryPair();
    const ended = proxy.handle(near);
    sessions++;
    const client = new CountingClient(far, counts);
    assertEquals(await client.code(), 220);
    assertEquals(await client.ask("EHLO client.example"), 250);
    let goesOn = true;
    for (let left = 1 + next() * 12; goesOn && left > 0 && begun < transactions; left--) {
      begun++;
      const plan = plans[Math.floor(next() * plans.length)];
      expected.add(plan.outcome);
      goesOn = await play(client, plan, next);
    }
    if (goesOn) assertEquals(await client.ask("QUIT"), 221);
    far.close();
    await ended;
  };
  const worker = async (): Promise<void> => {
    while (begun < transactions) await converse();
  };
  await Promise.all(Array.from({ length: CLIENTS }, worker));

  const get = async (path: string): Promise<string> => {
    const answer = await admin.fetch(new Request(`http://localhost:8025${path}`));
    assertEquals(answer.status, 200, path);
    return await answer.text();
  };
  const numbers = numbersOf(await get("/metrics"));
  const api = JSON.parse(await get("/api/stats")) as StatsView;
  admin.close();
  await proxy.close();
  await log.close();
  assertEquals(upstream.open, 0);
  const events: readonly LogLine[] = written.trimEnd().split("\n").map((line) => JSON.parse(line));
  const lines = events.filter(({ event }) => (outcomes as readonly string[]).includes(event));
  const ring = stats.transactions.find({}, Infinity).reverse();
  const views = viewsOf(ring, pens.plain);

  // Every kind has come, and so has every transaction.
  assertEquals(Object.keys(expected.all), [...outcomes].sort());
  assertEquals(ring.map(({ number }) => number), Array.from({ length: begun }, (_, n) => n + 1));
  assertEquals(begun, transactions);
  assertEquals(lines.map(({ id }) => id), ring.map(({ facts }) => facts.id));
  assertEquals(new Set(ring.map(({ facts }) => facts.id)).size, begun);

  // Outcomes.
  const tally = (keys: readonly string[]): Record<string, number> => {
    const count = new Count();
    for (const key of keys) count.add(key);
    return count.all;
  };
  assertEquals(tally(lines.map(({ event }) => event)), expected.all);
  assertEquals(tally(views.map(({ outcome }) => outcome)), expected.all);
  assertEquals(valuesOf(numbers, "sluice_transactions_total"), expected.all);
  assertEquals({ ...api.transactions }, expected.all);

  // What the upstream has taken.
  const accepted = ring.filter(({ end }) => end.kind === "accepted");
  const logged = lines.filter(({ event }) => event === "accepted");
  const sum = (numbers: readonly number[]): number => numbers.reduce((sum, one) => sum + one, 0);
  const { messages, recipients, octets } = upstream.taken;
  assertEquals(messages, expected.all.accepted);
  assertEquals(octets, sum(accepted.map(({ facts }) => facts.octets)));
  assertEquals(octets, sum(logged.map((line) => line.octets)));
  assertEquals(octets, api.octets);
  assertEquals(octets, numbers.sluice_message_bytes_total);
  assertEquals(octets, numbers.sluice_message_size_bytes_sum);
  assertEquals(messages, numbers.sluice_message_size_bytes_count);
  assertEquals(recipients, sum(accepted.map(({ facts }) => facts.current.recipients.length)));
  assertEquals(recipients, sum(logged.map(({ to, currentTo = to }) => currentTo.length)));

  // Recipients by their replies.
  const replied = {
    accepted: sum(lines.map(({ to }) => to.length)),
    refused: sum(lines.map(({ refused = [] }) => refused.length)),
  };
  assertEquals(valuesOf(numbers, "sluice_recipients_total"), replied);
  const shown = views.flatMap(({ to }) => to.map(({ reply }) => reply!.startsWith("2")));
  assertEquals(
    {
      accepted: shown.filter((good) => good).length,
      refused: shown.filter((good) => !good).length,
    },
    replied,
  );

  // Commands and replies, on either side.
  assertEquals(valuesOf(numbers, "sluice_commands_total"), counts.commands.all);
  assertEquals(valuesOf(numbers, "sluice_replies_total", 1), counts.replies.all);
  assertEquals(
    sum(Object.values(valuesOf(numbers, "sluice_command_duration_seconds_count"))),
    sum(Object.values(counts.replies.all)),
  );
  assertEquals(
    Object.fromEntries(
      Object.entries(valuesOf(numbers, "sluice_upstream_replies_total", 1))
        .filter(([key]) => !key.startsWith("RSET")),
    ),
    upstream.replies.all,
  );

  // Sessions and connections.
  assertEquals(api.sessions, { open: 0, total: sessions });
  assertEquals(numbers.sluice_sessions, 0);
  assertEquals(sum(Object.values(valuesOf(numbers, "sluice_sessions_ended_total"))), sessions);
  assertEquals(numbers['sluice_upstream_connections{upstream="default"}'], 0);

  // The only troubles are the upstream's own.
  assertEquals(numbers.sluice_faults_total, troubles.length);
  assertEquals(troubles.length, upstream.replies.all["message none"]);
  assertEquals(events.filter(({ event }) => event === "lines-lost"), []);
  assert(troubles.length > 0);
}
