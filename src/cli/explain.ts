/**
 * `sluice explain`: what a policy would do with a message, phase by phase, and which rule says so.
 *
 * @module
 */

import { systemClock } from "../clock.ts";
import { messageOf, OptionError } from "../errors.ts";
import { codesOf, decisionOf, printDecision, printVerdict } from "../policy/decision.ts";
import { describe as described } from "../policy/described.ts";
import { type Described, explain as explained, type Explanation } from "../policy/explain.ts";
import type { PhaseReport } from "../policy/explain.ts";
import { parseSize } from "./address.ts";
import { type CommandSpec, type Given, UsageError } from "./command_line.ts";
import { namedPolicy, policyOptions } from "./policy_source.ts";

/** See the module. */
export const explain: CommandSpec = {
  name: "explain",
  operands: "",
  maxOperands: 0,
  summary: "Tells what a policy would do with a message, phase by phase.",
  options: {
    ...policyOptions,
    "client": { argument: "address", help: "IP address of the client. Default 127.0.0.1." },
    "client-name": { argument: "name", help: "Its host name. Default unknown." },
    "hello": { argument: "name", help: "Its name in EHLO. Default none." },
    "tls": { argument: "version", help: "1.2 or 1.3. Default: in the clear." },
    "login": { argument: "name", help: "The login. Default none." },
    "listener": { argument: "name", help: "Name of the listener. Default smtp." },
    "from": { argument: "address", help: "The sender; <> for the null reverse-path." },
    "to": { argument: "address", repeatable: true, help: "A recipient." },
    "size": { argument: "octets", help: "The declared size, as 1000, 64k or 50m." },
    "message": { argument: "file", help: "The message; without it the envelope alone is judged." },
    "help": { short: "h", help: "Show this." },
  },
  examples: [
    [
      "sluice explain --config sluice.toml --client 192.0.2.1 --from a@x.example --to b@y.example",
      "Prints each phase with the rules that had something to say, and the envelope in the end.",
    ],
  ],
  run,
};

async function run(given: Given): Promise<number> {
  const { policy, timeLimit, onFailure } = await namedPolicy(given, "explain");
  const described = await describe(given);
  const clock = systemClock;
  const explanation = await explained(policy, described, { clock, timeLimit, onFailure });
  console.log([...explanation.phases.flatMap(printPhase), printEnd(explanation)].join("\n"));
  return 0;
}

async function describe(given: Given): Promise<Described> {
  const from = given.value("from");
  const to = given.values("to");
  if (from === undefined || to.length === 0) {
    throw new UsageError("explain: needed are --from and at least one --to");
  }
  const size = given.value("size");
  const message = await readMessage(given.value("message"));
  try {
    return described({
      client: given.value("client") ?? "127.0.0.1",
      name: given.value("client-name"),
      hello: given.value("hello"),
      tls: given.value("tls"),
      login: given.value("login"),
      listener: given.value("listener"),
      from,
      to,
      size: size === undefined ? undefined : parseSize(size, "--size"),
      message,
    });
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    throw new OptionError(`--${error.option.replace(/^-*/, "")}`, error.found, error.allowed);
  }
}

async function readMessage(path: string | undefined): Promise<Uint8Array | undefined> {
  if (path === undefined) return undefined;
  try {
    return await Deno.readFile(path);
  } catch (error) {
    const why = messageOf(error);
    throw new OptionError("--message", path, `a file that can be read (${why})`);
  }
}

function printPhase({ phase, about, ruling, refusal, failures }: PhaseReport): string[] {
  const own = refusal === undefined || ruling.refusal !== undefined;
  const decision = own ? decisionOf(ruling) : { refusal: codesOf(refusal) };
  const words = refusal === undefined ? "" : ` (${refusal.text})`;
  return [
    `${phase}${about === "" ? "" : ` ${about}`}: ${printDecision(decision)}${words}`,
    ...ruling.steps.map(({ check, verdict }) => `  ${check}: ${printVerdict(verdict)}`),
    ...failures.map((failure) => `  failed: ${failure}`),
  ];
}

function printEnd(
  { outcome, envelope: { reversePath, recipients }, upstream }: Explanation,
): string {
  if (outcome !== "accepted") return outcome;
  return `accepted: from ${reversePath} to ${recipients.join(" ")} at "${upstream}"`;
}
