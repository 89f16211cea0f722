import { assertEquals } from "@std/assert";
import { memoryPair } from "../../../src/adapters/memory.ts";
import { type Channel, ChannelError, type Dialer } from "../../../src/channel.ts";
import { milter, type MilterOptions } from "../../../src/content/milter/milter.ts";
import { ACTION, STEP } from "../../../src/content/milter/negotiation.ts";
import { LARGEST, number32, packet, string } from "../../../src/content/milter/packet.ts";
import { CheckError } from "../../../src/policy/asking.ts";
import { compose, definePolicy } from "../../../src/policy/policy.ts";
import { reject } from "../../../src/policy/verdicts.ts";
import { openSession, type TestSession } from "../../../src/testing/session.ts";
import { FakeClock, settle } from "../../_clock.ts";
import {
  addHeader,
  all,
  changeHeader,
  CONTINUE,
  FakeMilter,
  GARBAGE,
  insertHeader,
  PROGRESS,
  QUARANTINE,
  type Reaction,
  replyCode,
  type Script,
  SKIP,
} from "./_milter.ts";

const MESSAGE = "A: 1\r\n\r\nHi\r\n";
const TARGET = { transport: "unix", path: "/run/milter.sock" } as const;

/** A session with one milter, and what was told of its failures. */
async function sessionWith(
  dialer: Dialer,
  options: Partial<MilterOptions> = {},
  troubles: string[] = [],
): Promise<TestSession> {
  return await openSession({
    policy: milter({ target: TARGET, dialer, ...options }),
    policyFailure: "452 4.3.0 Failed",
    observers: [{
      trouble: (_session, error) =>
        void troubles.push(String(error instanceof CheckError ? error.cause : error)),
    }],
    hello: null,
  });
}

/** Everything up to the first refusal, and which command has got it. */
async function transaction(session: TestSession, message: string = MESSAGE): Promise<string> {
  const commands = ["EHLO client.example", "MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>"];
  for (const command of commands) {
    const reply = await session.cmd(command);
    if (!reply.positive) return `${command.slice(0, 4)} ${reply.code}`;
  }
  const { code } = await session.message(message);
  return String(code);
}

const insists = (actions: number): Script => ({ actions });
const answers = (code: string, reaction: Reaction): Script => ({ on: { [code]: reaction } });

/** What it does, where it is noticed, and what is told of it. */
const faults: Readonly<Record<string, readonly [script: Script, at: string, told: string]>> = {
  "it dies in the negotiation": [{ negotiation: "death" }, "greeting", "the end of the connection"],
  "it negotiates in another protocol": [{ negotiation: GARBAGE }, "greeting", "a packet of"],
  "it negotiates with another packet": [{ negotiation: CONTINUE }, "greeting", 'found "c"'],
  "it negotiates in part": [
    { negotiation: packet("O", number32(6)) },
    "greeting",
    "fewer than four octets",
  ],
  "it is too new": [{ version: 7 }, "greeting", "found version 7"],
  "it is too old": [{ version: 1 }, "greeting", "found version 1"],
  "it insists on the body": [insists(ACTION.changeBody), "greeting", "insists on changeBody"],
  "it insists on recipients": [
    insists(ACTION.addRecipients | ACTION.deleteRecipients | ACTION.addHeaders),
    "greeting",
    "insists on addRecipients, deleteRecipients,",
  ],
  "it insists on the sender": [insists(ACTION.changeSender), "greeting", "insists on changeSender"],
  "it insists on what nobody knows": [insists(0x4000), "greeting", "insists on 0x4000"],
  "it dies at the connection": [answers("C", "death"), "greeting", "the end of the connection"],
  "it discards a session": [answers("C", packet("d")), "greeting", "found discard"],
  "it dies at HELO": [answers("H", "death"), "EHLO", "its answer to HELO"],
  "it dies at MAIL": [answers("M", "death"), "MAIL", "its answer to MAIL"],
  "it answers nonsense to MAIL": [answers("M", GARBAGE), "MAIL", "a packet of"],
  "it answers what nobody knows": [answers("M", packet("?")), "MAIL", 'found "?"'],
  "it answers an empty packet": [answers("M", number32(0)), "MAIL", "a packet of 0 octets"],
  "it answers half a packet and dies": [
    answers("M", { last: number32(9) }),
    "MAIL",
    "its end within a packet",
  ],
  "it answers a packet without end": [
    answers("M", number32(LARGEST + 1)),
    "MAIL",
    "a packet of 65537 octets",
  ],
  "it answers twice": [answers("M", all(CONTINUE, CONTINUE)), "RCPT", "an answer to nothing"],
  "it says more than continue": [answers("R", packet("c", number32(1))), "RCPT", "4 octets"],
  "it replies with success": [answers("R", replyCode("250 2.0.0 Ok")), "RCPT", "found the reply"],
  "it replies with two codes": [
    answers("R", replyCode("550-5.7.1 one\r\n551 5.7.1 two")),
    "RCPT",
    "found the reply",
  ],
  "it replies with a line break": [
    answers("R", replyCode("550 5.7.1 one\n250 ok")),
    "RCPT",
    "cannot be sent",
  ],
  "it replies without an end": [answers("R", packet("y")), "RCPT", "a text without its end"],
  "it skips what it may not": [answers("B", SKIP), "message", "has not been agreed upon"],
  "it changes too early": [answers("L", addHeader("X", "1")), "message", "before its end"],
  "it holds too early": [answers("N", QUARANTINE), "message", "before its end"],
  "it dies at a header field": [answers("L", "death"), "message", "its answer to a header field"],
  "it dies at the body": [answers("B", "death"), "message", "its answer to the body"],
  "it dies at the end": [answers("E", "death"), "message", "its answer to the end of the message"],
  "it dies after a change": [
    answers("E", all(addHeader("X", "1"), GARBAGE)),
    "message",
    "a packet of",
  ],
  "it replaces the body": [answers("E", packet("b")), "message", 'found "b"'],
  "it adds a recipient": [answers("E", packet("+", string("<c@z>"))), "message", 'found "+"'],
  "it changes what it has not asked for": [
    { actions: 0, on: { E: changeHeader(1, "A", "") } },
    "message",
    "has not been agreed upon",
  ],
  "it inserts nowhere": [
    answers("E", all(insertHeader(-1, "X", "1"), CONTINUE)),
    "message",
    "the place -1",
  ],
  "it adds what is no header field": [
    answers("E", all(addHeader("X Y", "1"), CONTINUE)),
    "message",
    "cannot be written",
  ],
  "it adds a header field that ends": [
    answers("E", all(addHeader("X", "1\r\n\r\nbody"), CONTINUE)),
    "message",
    "cannot be written",
  ],
  "it changes without end": [
    answers("E", all(...Array.from({ length: 1_001 }, () => addHeader("X", "1")), CONTINUE)),
    "message",
    "found 1001 changes",
  ],
  "it changes without measure": [
    answers("E", all(...Array.from({ length: 18 }, () => addHeader("X", "1".repeat(60_000))))),
    "message",
    "changes of 1080000 octets",
  ],
};

for (const [name, [script, at, told]] of Object.entries(faults)) {
  Deno.test(`milter: failure: ${name}`, async () => {
    const fake = new FakeMilter(script);
    const troubles: string[] = [];
    {
      await using session = await sessionWith(fake, { quarantine: "accept" }, troubles);
      if (at === "greeting") await session.expect("452");
      else {
        await session.expect("220");
        const found = await transaction(session);
        assertEquals(found, at === "message" ? "452" : `${at} 452`);
      }
      assertEquals(session.captured, []);
    }
    await fake.end();
    assertEquals(troubles.length > 0 && troubles[0].includes(told), true, troubles.join("\n"));
    assertEquals(fake.open, 0);
  });
}

/** What the client is told when the milter dies at MAIL, and how often that is reported. */
const stated = { accept: ["250", 1], defer: ["MAIL 452", 1], reject: ["MAIL 550", 1] } as const;

for (const onFailure of ["accept", "defer", "reject"] as const) {
  Deno.test(`milter: failure: ${onFailure}, and the next message is told again`, async () => {
    const fake = new FakeMilter(answers("M", "death"));
    const troubles: string[] = [];
    {
      await using session = await sessionWith(fake, { onFailure }, troubles);
      await session.expect("220");
      const [outcome, reports] = stated[onFailure];
      assertEquals(await transaction(session), outcome);
      assertEquals(troubles.length, reports);
      fake.script = {};
      assertEquals(await transaction(session), "250");
    }
    const again = ["connect", "helo", "mail", "rcpt", "data", "header", "endOfHeaders", "body"];
    const told = (await fake.end()).map((line) => line.split(" ")[0]);
    assertEquals(told.slice(-10), [...again, "end", "quit"]);
    assertEquals([fake.connections, fake.open], [2, 0]);
  });
}

Deno.test("milter: failure: at a recipient, and the others are not accepted by accident", async () => {
  const fake = new FakeMilter({ on: { R: (told) => told.includes("<no@") ? "death" : CONTINUE } });
  await using session = await sessionWith(fake);
  await session.expect("220");
  await session.cmd("EHLO client.example", "250");
  await session.cmd("MAIL FROM:<a@x.example>", "250");
  await session.cmd("RCPT TO:<yes@y.example>", "250");
  await session.cmd("RCPT TO:<no@y.example>", "452");
  await session.message(MESSAGE, "452");
  assertEquals(session.captured, []);
});

Deno.test("milter: failure: nobody is there", async () => {
  const dialer: Dialer = {
    connect: () => Promise.reject(new ChannelError("refused", "Nobody is there")),
  };
  const troubles: string[] = [];
  {
    await using session = await sessionWith(dialer, { onFailure: "accept" }, troubles);
    await session.expect("220");
    assertEquals(await transaction(session), "250");
    assertEquals(await transaction(session), "250");
  }
  // At the connection, and at each MAIL.
  assertEquals(troubles, Array(3).fill("ChannelError: Nobody is there"));
});

/** Lets the time of whoever waits pass, once nothing else happens. */
function late(clock: FakeClock, milliseconds: number): "silence" {
  void settle().then(() => clock.advance(milliseconds));
  return "silence";
}

for (const code of ["C", "M", "L", "B", "E"]) {
  Deno.test(`milter: failure: it says nothing to ${code}`, async () => {
    const clock = new FakeClock();
    const fake = new FakeMilter({ on: { [code]: () => late(clock, 30_000) } });
    const troubles: string[] = [];
    {
      await using session = await sessionWith(fake, { clock }, troubles);
      await session.expect(code === "C" ? "452" : "220");
      if (code !== "C") assertEquals((await transaction(session)).slice(-3), "452");
    }
    await fake.end();
    assertEquals(troubles[0].startsWith("TimeoutError: Timed out after 30000 ms"), true);
    assertEquals([fake.open, clock.timers], [0, 0]);
  });
}

Deno.test("milter: progress begins its time anew, up to a limit", async (t) => {
  const limits = { timeLimit: 30_000, progressLimit: 90_000 };
  /** Says that it is at work, after 20 s each time. */
  const working = (clock: FakeClock, times: number, channel: Channel): void => {
    void (async () => {
      for (let time = 0; time < times; time++) {
        await clock.advance(20_000);
        await channel.write(PROGRESS).catch(() => {});
      }
      await settle();
      await channel.write(CONTINUE).catch(() => {});
    })();
  };
  for (const [times, outcome] of [[3, "250"], [6, "452"]] as const) {
    await t.step(`${times} times`, async () => {
      const clock = new FakeClock();
      const fake = new FakeMilter();
      let far!: Channel;
      const dialer: Dialer = {
        connect: () => {
          const [near, end] = memoryPair();
          far = end;
          fake.serve(end, {
            on: { E: () => (working(clock, times, far), "silence") },
          });
          return Promise.resolve(near);
        },
      };
      {
        await using session = await sessionWith(dialer, { clock, ...limits });
        await session.expect("220");
        assertEquals(await transaction(session), outcome);
      }
      await fake.end();
    });
  }
});

Deno.test("milter: failure: it reads nothing", async () => {
  const clock = new FakeClock();
  const [near, far] = memoryPair({ buffer: 256 });
  const fake = new FakeMilter();
  const dialer: Dialer = { connect: () => Promise.resolve(near) };
  const steps = STEP.unansweredBody | STEP.unansweredHeaders | STEP.unansweredEndOfHeaders;
  fake.serve(far, {
    steps,
    on: { T: () => (void settle().then(() => clock.advance(30_000)), "deafness") },
  });
  {
    await using session = await sessionWith(dialer, { clock });
    await session.expect("220");
    assertEquals(await transaction(session, `A: 1\r\n\r\n${"x\r\n".repeat(50_000)}`), "452");
    assertEquals(session.captured, []);
  }
  far.close();
  await fake.end();
});

Deno.test("milter: a message that others decide upon is told no further", async () => {
  const fake = new FakeMilter();
  const refusing = definePolicy({ name: "refusing", filter: () => reject("550 5.7.1 No") });
  {
    await using session = await openSession({
      policy: compose(milter({ target: TARGET, dialer: fake }), refusing),
    });
    for (const _ of [1, 2]) {
      await session.cmd("MAIL FROM:<a@x.example>", "250");
      await session.cmd("RCPT TO:<b@y.example>", "250");
      await session.cmd("DATA", "354");
      await session.send("A: 1\r\n\r\n");
      await settle();
      await session.send("Hi\r\n.\r\n");
      await session.expect("550");
    }
  }
  const order = (await fake.end()).map((line) => line.split(" ")[0]).slice(2);
  const begun = ["mail", "rcpt", "data", "header", "endOfHeaders"];
  assertEquals(order, [...begun, "abort", ...begun, "quit"]);
  assertEquals([fake.connections, fake.open], [1, 0]);
});

Deno.test("milter: a message that is not completed is told no further", async () => {
  const fake = new FakeMilter();
  {
    await using session = await sessionWith(fake);
    await session.expect("220");
    await session.cmd("EHLO client.example", "250");
    await session.cmd("MAIL FROM:<a@x.example>", "250");
    await session.cmd("RCPT TO:<b@y.example>", "250");
    await session.cmd("DATA", "354");
    await session.send("A: 1\r\n\r\nHalf of");
  }
  const told = await fake.end();
  assertEquals([told.includes("end"), told.at(-1)], [false, "quit"]);
});

/** A message with a header field that no packet can hold, and what becomes of it. */
const larger = { accept: "250", defer: "452", reject: "550" } as const;

for (const answer of ["accept", "defer", "reject"] as const) {
  Deno.test(`milter: a header field that no packet can hold: ${answer}`, async () => {
    const fake = new FakeMilter();
    const message = `A: 1\r\nB: ${`${"x".repeat(90)}\r\n `.repeat(1_000)}\r\n\r\nHi\r\n`;
    {
      await using session = await sessionWith(fake, { reading: { larger: answer } });
      await session.expect("220");
      assertEquals(await transaction(session, message), larger[answer]);
      assertEquals(await transaction(session), "250");
    }
    assertEquals((await fake.end()).includes("abort"), true);
    assertEquals(fake.connections, 1);
  });
}
