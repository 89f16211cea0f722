/**
 * `sluice tail`: mail transactions of a running Sluice, as they end.
 *
 * @module
 */

import { toStandardOutput } from "./standard_output.ts";
import type { AdminClient, TransactionFilter } from "../admin/client.ts";
import { OptionError } from "../errors.ts";
import { type Outcome, outcomes, type TransactionView } from "../stats/views.ts";
import { adminOf, adminRows, lossOf } from "./admin_client.ts";
import type { CommandSpec, Given } from "./command_line.ts";
import { milliseconds } from "./log_fields.ts";
import { escaped, type LineFormat, lineFormats } from "./log_line.ts";

/** See the module. */
export const tail: CommandSpec = {
  name: "tail",
  operands: "",
  maxOperands: 0,
  summary: "Follows the mail transactions of a running Sluice, one line each.",
  options: {
    "address": { argument: "text", help: "Only those with this in the sender or a recipient." },
    "client": {
      argument: "text",
      help: "Only those with this in the client's address, name, EHLO name or login.",
    },
    "outcome": { argument: "outcome", help: `Only those that ended so: ${outcomes.join(", ")}.` },
    "rule": {
      argument: "name",
      help: "Only those of which this rule or check has said something.",
    },
    "reply": { argument: "text", help: "Only those with this in a reply." },
    "json": { help: "Print each as one JSON object, as the API shows it." },
    ...adminRows,
  },
  examples: [
    ["sluice tail", "Follows the Sluice of this machine; lines look as in its log."],
    ["sluice tail --outcome rejected --client 192.0.2.", "Whom it turns away of that network."],
    [
      "sluice tail --admin https://mail.example/sluice/ --token env:SLUICE_TOKEN --json",
      "One elsewhere, for a program to read.",
    ],
  ],
  run,
};

async function run(given: Given): Promise<number> {
  const filter = filterOf(given);
  const { client } = await adminOf(given);
  // Whoever names the wrong place learns it at once, instead of seeing it tried again for ever.
  await client.access();
  try {
    await follow(client, filter, {
      print: given.has("json") ? toJson : toText,
      write: toStandardOutput,
      say: (line) => console.error(`sluice: ${line}`),
    });
  } catch (error) {
    // As `head` does to whoever writes to it.
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
  return 0;
}

/** Where lines go. */
export interface TailOutput {
  /** Without the line's end. */
  readonly print: (transaction: TransactionView) => string;
  readonly write: (lines: string) => Promise<void>;
  /** Told what is missing, and why. */
  readonly say: (line: string) => void;
  /** Ends it. */
  readonly signal?: AbortSignal;
}

/** Writes transactions as they end, in their order. @throws {AdminError} */
export async function follow(
  client: Pick<AdminClient, "followTransactions">,
  filter: TransactionFilter,
  { print, write, say, signal }: TailOutput,
): Promise<void> {
  const lost = (error: unknown, pause: number): void => say(escaped(lossOf(error, pause)));
  for await (const batch of client.followTransactions(filter, { signal, lost })) {
    const { transactions, skipped } = batch;
    if (skipped > 0) say(`${skipped} more are not shown: too many in too short a time`);
    if (transactions.length === 0) continue;
    await write(transactions.toReversed().map((one) => `${print(one)}\n`).join(""));
  }
}

function filterOf(given: Given): TransactionFilter {
  const outcome = given.value("outcome");
  if (outcome !== undefined && !isOutcome(outcome)) {
    throw new OptionError("--outcome", outcome, outcomes.join(", "));
  }
  return {
    address: given.value("address"),
    client: given.value("client"),
    outcome,
    rule: given.value("rule"),
    reply: given.value("reply"),
  };
}

function isOutcome(text: string): text is Outcome {
  return outcomes.some((outcome) => outcome === text);
}

/** As the API shows it, in one line. */
export function toJson(transaction: TransactionView): string {
  return escaped(JSON.stringify(transaction));
}

/** As the log of `serve` writes it. */
export function toText(transaction: TransactionView): string {
  const { id, session, listener, client, name, hello, tls, login, from, octets } = transaction;
  const { outcome, refusedAt, reply, rule, upstream, startedAt, took } = transaction;
  const taken = transaction.to.filter(({ reply }) => !isRefusal(reply));
  const refused = transaction.to.filter(({ reply }) => isRefusal(reply));
  return text({
    at: startedAt + took,
    level: "info",
    event: outcome,
    fields: {
      id,
      session,
      listener: listener || undefined,
      client: client || undefined,
      name,
      hello: hello || undefined,
      tls,
      login,
      from: `<${from}>`,
      to: taken.map(({ address }) => `<${address}>`),
      refused: refused.map(({ address, reply }) => `<${address}> ${reply}`),
      octets,
      refusedAt,
      reply,
      rule,
      upstream,
      took: milliseconds(took),
    },
  });
}

const text: LineFormat = lineFormats.text;

function isRefusal(reply: string | undefined): boolean {
  return reply !== undefined && /^[45]/.test(reply);
}
