import { assert, assertEquals } from "@std/assert";
import { encode } from "../../src/bytes.ts";
import { type Command, type CommandFault, parseCommand, verbs } from "../../src/rfc5321/command.ts";
import { printMailParameters, printRcptParameters } from "../../src/rfc5321/parameter.ts";

/** Pseudo-random numbers below `n` (xorshift32): the same in every run. */
function generator(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % n;
  };
}

const lines = 25_000;
const faults: CommandFault["fault"][] = [
  "unknown-verb",
  "syntax",
  "octets",
  "unknown-parameter",
  "parameter-syntax",
  "duplicate-parameter",
  "http",
];

/** Prints a transaction's command again. */
function print(command: Command): string | undefined {
  if (command.verb === "MAIL") {
    return `MAIL FROM:${command.reversePath}${printMailParameters(command.parameters)}`;
  }
  if (command.verb === "RCPT") {
    return `RCPT TO:${command.forwardPath}${printRcptParameters(command.parameters)}`;
  }
  return undefined;
}

/** Asserts what holds for every line; says whether it was accepted and printed again. */
function check(line: Uint8Array): boolean {
  const result = parseCommand(line);
  if ("fault" in result) {
    assert(faults.includes(result.fault));
    return false;
  }
  assert(verbs.includes(result.verb));
  const printed = print(result);
  if (printed === undefined) return false;
  assert(!/[\r\n\0]/.test(printed));
  const again = parseCommand(encode(printed));
  assert(!("fault" in again), printed);
  assertEquals(print(again), printed);
  if (result.verb === "MAIL" && again.verb === "MAIL") {
    assert(again.reversePath.equals(result.reversePath));
    assertEquals(again.parameters, result.parameters);
  } else if (result.verb === "RCPT" && again.verb === "RCPT") {
    assert(again.forwardPath.equals(result.forwardPath));
    assertEquals(again.parameters, result.parameters);
  } else {
    assertEquals(again.verb, result.verb);
  }
  return true;
}

Deno.test("fuzz: random octets", () => {
  const below = generator(5321);
  for (let n = 0; n < lines; n++) {
    check(Uint8Array.from({ length: below(40) }, () => below(256)));
  }
});

Deno.test("fuzz: the characters that commands consist of, behind a verb", () => {
  const below = generator(821);
  const alphabet = encode('ABCDEFGHILMNOPRSTUVXYabcmr0159 :<>@."\\[]=-+;,_/\xfc\r\n\0');
  const starts = [...verbs.map((verb) => `${verb} `), "MAIL FROM:<", "RCPT TO:<", "MAIL FROM:<>"]
    .map(encode);
  for (let n = 0; n < lines; n++) {
    const start = starts[below(starts.length)];
    const rest = Uint8Array.from({ length: below(30) }, () => alphabet[below(alphabet.length)]);
    check(new Uint8Array([...start, ...rest]));
  }
});

Deno.test("fuzz: tokens of the grammar in any order", () => {
  const below = generator(6531);
  const tokens = [
    ...'<>@."\\ :;,=[]',
    "<a@b>",
    "<>",
    "a",
    "ü",
    "Postmaster",
    "@r:",
    '"a b"',
    "[IPv6:::1]",
    " SIZE=1",
    " SIZE=007",
    " BODY=7bit",
    " BODY=BINARYMIME",
    " SMTPUTF8",
    " AUTH=<>",
    " AUTH=a+40b",
    " RET=FULL",
    " ENVID=+41+20",
    " MT-PRIORITY=-1",
    " BY=+5;RT",
    " BY=-0;n",
    " HOLDFOR=9",
    " HOLDUNTIL=2007-06-12T00:00:00Z",
    " REQUIRETLS",
    " NOTIFY=Delay,SUCCESS",
    " NOTIFY=NEVER",
    " ORCPT=rfc822;a@b",
    " ORCPT=utf-8;ü@\\x{C4}",
    " RRVS=2014-04-03T23:01:00Z;c",
    "\r\n",
    "\u2028",
  ];
  const starts = ["MAIL FROM:", "RCPT TO:", "MAIL FROM:<a@b>", "RCPT TO:<a@b>"];
  let accepted = 0;
  for (let n = 0; n < lines; n++) {
    let text = starts[below(starts.length)];
    for (let left = below(5); left > 0; left--) text += tokens[below(tokens.length)];
    if (check(encode(text))) accepted++;
  }
  assert(accepted > lines / 20, `only ${accepted} lines were accepted`);
});
