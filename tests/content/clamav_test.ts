/** ClamAV's filter with programs that do what clamd does, and what it never would. */

import { assertEquals, assertThrows } from "@std/assert";
import { clamav, type ClamavOptions } from "../../src/content/clamav.ts";
import type { Channel, Dialer } from "../../src/channel.ts";
import { OptionError } from "../../src/errors.ts";
import { MemoryStore } from "../../src/upstream/capture.ts";
import type { Policy } from "../../src/policy/policy.ts";
import {
  type Act,
  assertFails,
  delivered,
  HEADER,
  LARGE,
  LINE,
  nobody,
  nowhere,
  Program,
  readThrough,
  say,
  silent,
  TAKEN,
  target,
} from "./_program.ts";

const END = "\0\0\0\0";

/** clamd: reads a message and says this. */
function clamd(answer: string): Program {
  return new Program(async (channel) => {
    await readThrough(channel, END);
    await say(channel, answer);
  });
}

function asked(answer: string, options: Partial<ClamavOptions> = {}): Policy {
  return clamav({ target, dialer: clamd(answer).dialer, ...options });
}

const NO = "451 4.3.0 Temporary failure, try again later";
const FOUND = "stream: Win.Test.EICAR_HDB-1 FOUND\0";

Deno.test("clamd is told the message in pieces behind their length", async () => {
  for (const content of [HEADER, LARGE, "", ".\r\n..dot\r\n"]) {
    let heard = "";
    const program = new Program(async (channel) => {
      heard = await readThrough(channel, END);
      await say(channel, "stream: OK\0");
    });
    const outcome = await delivered(clamav({ target, dialer: program.dialer }), content);
    assertEquals(outcome, { reply: TAKEN, content });
    assertEquals(unframed(heard), content);
  }
});

/** @throws If it is no INSTREAM. */
function unframed(heard: string): string {
  const command = "zINSTREAM\0";
  assertEquals(heard.slice(0, command.length), command);
  let message = "";
  for (let at = command.length; at < heard.length;) {
    const length = [0, 1, 2, 3].reduce((sum, nth) => sum * 256 + heard.charCodeAt(at + nth), 0);
    message += heard.slice(at + 4, at + 4 + length);
    at += 4 + length;
    assertEquals(length === 0, at === heard.length, "a piece of no length is the last");
  }
  return message;
}

const answers: readonly [answer: string, reply: string][] = [
  ["stream: OK\0", TAKEN],
  ["stream: OK\0stream: x FOUND\0", TAKEN],
  [FOUND, "550 5.7.1 Message contains Win.Test.EICAR_HDB-1"],
  [
    "stream: Name with spaces(f00:68) FOUND\0",
    "550 5.7.1 Message contains Name with spaces(f00:68)",
  ],
  ["stream: a\r\nb\u00e9\u0001 FOUND\0", "550 5.7.1 Message contains a??b???"],
  [`stream: ${"n".repeat(900)} FOUND\0`, `550 5.7.1 Message contains ${"n".repeat(100)}`],
  ["stream: FOUND FOUND\0", "550 5.7.1 Message contains FOUND"],
  ["stream:  FOUND\0", NO],
  ["INSTREAM: Can't write to temporary file. ERROR\0", NO],
  ["COMMAND READ TIMED OUT\0", NO],
  ["stream: OK ERROR\0", NO],
  ["stream: ok\0", NO],
  ["OK\0", NO],
  ["\0", NO],
  ["stream: OK\n", NO],
];

Deno.test("each answer becomes what it says", async (t) => {
  for (const [answer, reply] of answers) {
    await t.step(JSON.stringify(answer).slice(0, 60), async () => {
      const policy = asked(answer, { onFailure: "defer" });
      assertEquals((await delivered(policy, HEADER)).reply, reply);
    });
  }
});

Deno.test("options say what else becomes of an infected message", async () => {
  const reply = "554 5.7.1 {name} {name}, {other}";
  const named = "Win.Test.EICAR_HDB-1";
  assertEquals(await delivered(asked(FOUND, { reply }), HEADER), {
    reply: `554 5.7.1 ${named} ${named}, {other}`,
  });
  assertEquals(await delivered(asked(FOUND, { infected: "discard" }), LARGE), {
    reply: "250 2.0.0 Ok",
  });
});

Deno.test("an infected message can be kept aside, whatever its size", async () => {
  for (const content of [HEADER, LARGE]) {
    const store = new MemoryStore();
    const policy = asked(FOUND, { infected: "quarantine" });
    const outcome = await delivered(policy, content, { quarantine: store });
    assertEquals([outcome.reply.slice(0, 3), outcome.content], ["250", undefined]);
    const kept = store.messages.map(({ content }) => new TextDecoder().decode(content));
    assertEquals(kept, [content]);
  }
});

Deno.test("a name is no pattern", async () => {
  assertEquals(await delivered(asked("stream: $& $1 {name} FOUND\0"), HEADER), {
    reply: "550 5.7.1 Message contains $& $1 {name}",
  });
});

Deno.test("with header every message is marked, and none by its sender", async () => {
  const forged = `X-VIRUS-Status: Clean\r\n${HEADER}`;
  const marked = (answer: string) => asked(answer, { infected: "header" });
  assertEquals(await delivered(marked("stream: OK\0"), forged), {
    reply: TAKEN,
    content: `X-Virus-Status: Clean\r\n${HEADER}`,
  });
  assertEquals(await delivered(marked(FOUND), forged), {
    reply: TAKEN,
    content: `X-Virus-Status: Infected (Win.Test.EICAR_HDB-1)\r\n${HEADER}`,
  });
});

Deno.test("with header a message beyond the window is not believed, and never passes infected", async () => {
  const large = LINE.repeat(12_000);
  const forged = `X-Virus-Status: Clean\r\n${HEADER}${large}`;
  const marked = (answer: string) => asked(answer, { infected: "header" });
  assertEquals(await delivered(marked("stream: OK\0"), forged), {
    reply: TAKEN,
    content: HEADER + large,
  });
  assertEquals(await delivered(marked(FOUND), forged), {
    reply: "550 5.7.1 Message contains Win.Test.EICAR_HDB-1",
  });
});

Deno.test("with header a mark behind the window is not believed either", async () => {
  const forged = `${"X: y\r\n".repeat(12_000)}X-Virus-Status: Clean\r\n${HEADER}`;
  const policy = clamav({ target, dialer: nobody, infected: "header", onFailure: "accept" });
  assertEquals(await delivered(policy, forged), {
    reply: "552 5.3.4 Too large a header section to be marked",
  });
});

Deno.test("what clamd has said before it hung up counts", async () => {
  const program = new Program(async (channel) => {
    await channel.read(1);
    await channel.write(new TextEncoder().encode(FOUND));
    await channel.closeWrite();
  });
  const policy = clamav({ target, dialer: program.dialer });
  assertEquals(await delivered(policy, LARGE), {
    reply: "550 5.7.1 Message contains Win.Test.EICAR_HDB-1",
  });
});

/** Reads so much and then says this. */
const early = (answer: string): Act => async (channel) => {
  let octets = 0;
  while (octets < 100_000) octets += (await channel.read(65_536))?.length ?? Infinity;
  await say(channel, answer);
};

Deno.test("clamd may know before the end that something is wrong, but not that nothing is", async () => {
  const policy = (answer: string) =>
    clamav({ target, dialer: new Program(early(answer)).dialer, reading: { larger: "reject" } });
  assertEquals(await delivered(policy(FOUND), LARGE), {
    reply: "550 5.7.1 Message contains Win.Test.EICAR_HDB-1",
  });
  assertEquals(await delivered(policy("INSTREAM size limit exceeded. ERROR\0"), LARGE), {
    reply: "550 5.7.0 Cannot be checked",
  });
  assertEquals((await delivered(policy("stream: OK\0"), LARGE)).reply.slice(0, 3), "451");
});

Deno.test("what is larger than its limit clamd is not told to the end", async () => {
  let heard = "";
  const program = new Program(async (channel) => {
    heard = await readThrough(channel, END);
    await say(channel, "stream: OK\0");
  });
  for (const larger of ["accept", "reject"] as const) {
    const policy = clamav({
      target,
      dialer: program.dialer,
      reading: { octets: 300_000, larger },
    });
    const accepted = { reply: TAKEN, content: LARGE };
    const refused = { reply: "550 5.7.0 Cannot be checked" };
    assertEquals(await delivered(policy, LARGE), larger === "accept" ? accepted : refused);
    assertEquals(heard.endsWith(END), false);
    assertEquals(program.open, 0);
  }
});

/** What clamd never does. */
const useless: Readonly<Record<string, Act | Dialer>> = {
  "is not there": nobody,
  "does not say whether it is there": nowhere,
  "hangs up at once": () => Promise.resolve(),
  "reads nothing": silent,
  "reads all and hangs": (channel) => readThrough(channel),
  "reads a bit and hangs up": (channel) => channel.read(1),
  "reads a bit and ends its side only": async (channel) => {
    await channel.read(1);
    await channel.closeWrite();
    await readThrough(channel);
  },
  "reads all and hangs up": (channel) => readThrough(channel, END),
  "answers at once, before it has read": (channel) => say(channel, "stream: OK\0"),
  "answers garbage": async (channel) => {
    await readThrough(channel, END);
    await say(channel, "\u00ff\r\nHTTP/1.1 200 OK\0");
  },
  "breaks off": async (channel) => {
    await readThrough(channel, END);
    await channel.write(new TextEncoder().encode("stream: OK"));
  },
  "never ends": async (channel) => {
    await readThrough(channel, END);
    while (true) await channel.write(new TextEncoder().encode("stream: OK"));
  },
  "is a web server": (channel: Channel) => say(channel, "HTTP/1.1 400 Bad Request\r\n\r\n"),
};

for (const [name, program] of Object.entries(useless)) {
  Deno.test(`clamd ${name}: its stated answer, and nothing by accident`, async () => {
    await assertFails(
      program,
      (dialer, onFailure) => clamav({ target, dialer, onFailure, timeLimit: 5_000 }),
    );
  });
}

Deno.test("an option that cannot be used is found at the door", () => {
  const wrong: readonly [options: object, option: string][] = [
    [{ infected: "report" }, "clamav.infected"],
    [{ reply: "250 Fine" }, "clamav.reply"],
    [{ reply: `550 ${"{name}".repeat(6)}` }, "clamav.reply"],
    [{ reply: 550 }, "clamav.reply"],
    [{ onFailure: "retry" }, "clamav.onFailure"],
    [{ timeLimit: 0 }, "clamav.timeLimit"],
    [{ reading: { octets: 1.5 } }, "clamav.reading.octets"],
  ];
  for (const [options, option] of wrong) {
    const make = () => clamav({ target, dialer: nobody, ...options });
    assertEquals(assertThrows(make, OptionError).option, option);
  }
});
