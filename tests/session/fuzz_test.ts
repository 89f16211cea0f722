/**
 * Nonsense in every state. Numbers of runs: SLUICE_FUZZ_RUNS for each state; a failure names its
 * seed.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { random } from "../_chunking.ts";
import { type Peer, Stage, type StageOptions } from "../_dialogue.ts";
import { Robots } from "../_robot.ts";

const RUNS = Number(Deno.env.get("SLUICE_FUZZ_RUNS") ?? "200");
const PIECES = 12;

const tokens = [
  "EHLO ",
  "HELO x",
  "MAIL FROM:<",
  "MAIL FROM:<a@b.example>",
  "a@b.example>",
  "RCPT TO:<",
  "RCPT TO:<c@d.example>",
  "DATA",
  "BDAT ",
  "BDAT 3\r\n",
  "BDAT 5 LAST\r\n",
  " LAST",
  "RSET",
  "NOOP ",
  "QUIT",
  "VRFY x",
  "EXPN x",
  "HELP",
  "AUTH PLAIN ",
  "AUTH LOGIN",
  "XCLIENT ADDR=",
  "XFORWARD NAME=",
  "STARTTLS",
  " BODY=8BITMIME",
  " BODY=BINARYMIME",
  " SMTPUTF8",
  " SIZE=",
  " AUTH=<>",
  " ORCPT=rfc822;",
  "\r\n",
  "\r\n",
  "\r\n",
  "\r\n.\r\n",
  ".\r\n",
  "\n.\n",
  "\r\n.",
  "\xc3\xbc",
  "ABCD",
  "*",
  "=",
];
const alphabet = '\r\n\0\t .<>@:;=+"\\[]()*,-_/%!?01259AEILMOPRTXaeml\x7f\x80\xe2\xff';

/** A piece of octets out of one of three worlds. */
function piece(next: () => number): string {
  const pick = <T>(from: ArrayLike<T>): T => from[Math.floor(next() * from.length)];
  const many = (most: number, make: () => string): string =>
    Array.from({ length: 1 + Math.floor(next() * most) }, make).join("");
  const world = next();
  if (world < 0.6) return many(6, () => pick(tokens));
  if (world < 0.9) return many(40, () => pick([...alphabet]));
  return many(60, () => String.fromCharCode(Math.floor(next() * 256)));
}

const MAIL = "MAIL FROM:<a@b.example>\r\n";
const RCPT = "RCPT TO:<c@d.example>\r\n";

/** What brings a session into each state. */
const states: Readonly<Record<string, readonly string[]>> = {
  connected: [],
  ready: ["EHLO x\r\n"],
  sender: ["EHLO x\r\n", MAIL],
  recipients: ["EHLO x\r\n", MAIL, RCPT],
  chunks: ["EHLO x\r\n", MAIL, RCPT, "BDAT 3\r\nabc"],
  "mail data": ["EHLO x\r\n", MAIL, RCPT, "DATA\r\n"],
  authentication: ["EHLO x\r\n", "AUTH LOGIN\r\n"],
};

const OFFERS = ["PIPELINING", "8BITMIME", "SMTPUTF8", "AUTH PLAIN LOGIN", "DSN"];
const worlds: readonly StageOptions[] = [
  { offers: OFFERS, proxy: { authWithoutTls: true } },
  { offers: [...OFFERS, "CHUNKING"], pool: {}, proxy: { authWithoutTls: true } },
  { offers: [...OFFERS, "CHUNKING", "BINARYMIME"], proxy: { authWithoutTls: true, trace: true } },
  { offers: [], proxy: { bareNewline: "normalize", verify: "upstream" } },
  {
    offers: [...OFFERS, "XFORWARD NAME ADDR"],
    upstream: { chunking: "always", identify: "xforward", xforward: true },
    listener: { xclientFrom: ["192.0.2.1"], xforwardFrom: ["192.0.2.1"] },
    proxy: { limits: { messageSize: 100 } },
  },
];
// Many mistakes in a row: nonsense should get further than three lines.
const stages: readonly StageOptions[] = worlds.map((options) => ({
  ...options,
  proxy: { ...options.proxy, limits: { ...options.proxy?.limits, errors: 50 } },
}));

/** Printable, with octets beyond ASCII (SMTPUTF8), and a verb that was offered or is always there. */
const COMMAND =
  /^(?:EHLO|MAIL FROM:<|RCPT TO:<|DATA$|BDAT [0-9]+( LAST)?$|RSET$|QUIT$|AUTH (?:PLAIN|LOGIN)|\*$|[A-Za-z0-9+/]*={0,2}$|VRFY |EXPN |HELP|XFORWARD )[ -~\x80-\xff]*$/;

async function fuzz(start: readonly string[], seed: number): Promise<void> {
  const next = random(seed);
  const options = stages[seed % stages.length];
  const stage = new Stage(options);
  const robots = new Robots(stage);
  const client = stage.connect();
  let sent = "";
  const send = async (octets: string): Promise<void> => {
    sent += octets;
    if (!client.ended) await client.send(octets).catch(() => {});
    await robots.rest();
  };
  for (const line of start) await send(line);
  for (let n = 0; n < PIECES && !client.ended; n++) await send(piece(next));
  const said = check(client, sent);
  const queued = said.filter((reply) => /^250 (?:2\.0\.0 )?(?:2\.0\.0 )?Queued/.test(reply)).length;
  assertEquals(robots.messages.length, queued, "messages taken and messages acknowledged");
  const before = robots.messages.length;
  client.close();
  await robots.rest();
  await stage.clock.advance(3_600_000);
  await robots.rest();
  assertEquals(robots.messages.length, before, "a message ended when the client had gone");
  assertEquals(stage.proxy.sessions, 0);
  for (const command of robots.commands) {
    assertMatch(command, COMMAND);
    const offered = (word: string): boolean => options.offers!.some((one) => one.startsWith(word));
    if (command.startsWith("BDAT")) assert(offered("CHUNKING"), command);
    if (command.startsWith("AUTH")) assert(offered("AUTH"), command);
    for (
      const [, keyword] of command.matchAll(/^MAIL FROM:<[^>]*>.* (?:BODY=(8BITMIME)|(SMTPUTF8))/g)
    ) {
      assert(offered(keyword ?? "SMTPUTF8"), command);
    }
    // deno-lint-ignore no-control-regex
    if (!/^[\x00-\x7f]*$/.test(command)) assert(offered("SMTPUTF8"), command);
  }
  const mishaps = stage.troubles.filter((trouble) => !trouble.startsWith("UpstreamFailure"));
  assertEquals(mishaps, []);
  client.take();
  await stage.end();
}

/** Every reply is well formed, and there are no more than lines, the greeting and a last word. */
function check(client: Peer, sent: string): string[] {
  const said = client.take();
  const reply =
    /(?:([2-5][0-5][0-9])-[^\r\n]*\r\n(?:\1-[^\r\n]*\r\n)*\1|[2-5][0-5][0-9])(?: [^\r\n]*)?\r\n/gy;
  const replies: string[] = [];
  let end = 0;
  for (const match of said.matchAll(reply)) {
    replies.push(match[0]);
    end = match.index + match[0].length;
  }
  assertEquals(said.slice(end), "", "what is no reply");
  const lines = sent.split("\r\n").length;
  assert(replies.length <= lines + 1, `${replies.length} replies to ${lines} lines`);
  return replies;
}

for (const [state, start] of Object.entries(states)) {
  Deno.test(`fuzz: ${state}`, async () => {
    for (let seed = 1; seed <= RUNS; seed++) {
      try {
        await fuzz(start, seed);
      } catch (error) {
        throw new Error(`Seed ${seed}`, { cause: error });
      }
    }
  });
}
