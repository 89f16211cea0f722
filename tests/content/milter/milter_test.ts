import { assertEquals, assertThrows } from "@std/assert";
import { milter, type MilterOptions } from "../../../src/content/milter/milter.ts";
import { STEP } from "../../../src/content/milter/negotiation.ts";
import { packet } from "../../../src/content/milter/packet.ts";
import { OptionError } from "../../../src/errors.ts";
import type { HeaderEdit } from "../../../src/message/header_section.ts";
import { compose, definePolicy } from "../../../src/policy/policy.ts";
import { edit } from "../../../src/policy/verdicts.ts";
import { createProxy } from "../../../src/proxy.ts";
import { openSession, type TestSession } from "../../../src/testing/session.ts";
import { MemoryStore } from "../../../src/upstream/capture.ts";
import { settle } from "../../_clock.ts";
import {
  ACCEPT,
  addHeader,
  all,
  changeHeader,
  CONTINUE,
  DISCARD,
  FakeMilter,
  insertHeader,
  PROGRESS,
  QUARANTINE,
  REJECT,
  replyCode,
  type Script,
  SKIP,
  TEMPFAIL,
} from "./_milter.ts";

const MESSAGE =
  "From: <a@x.example>\r\nSubject: one\r\n two\r\nX-A: 1\r\nx-a: 2\r\n\r\nHi\r\n.dot\r\n";
const TARGET = { transport: "tcp", host: "192.0.2.8", port: 8891 } as const;

type Options = Partial<MilterOptions>;

/** A session with one milter in front of it. */
async function sessionWith(
  fake: FakeMilter,
  options: Options = {},
  test: Parameters<typeof openSession>[0] = {},
): Promise<TestSession> {
  return await openSession({
    policy: milter({ target: TARGET, dialer: fake, ...options }),
    policyFailure: "451 4.3.0 Failed",
    ...test,
  });
}

/** The first message that the upstream has taken. */
function contentOf(session: TestSession): string {
  return new TextDecoder().decode(session.captured[0].content);
}

/** What the client is told of MAIL, one RCPT and the message, up to the first refusal. */
async function transaction(session: TestSession, message: string = MESSAGE): Promise<string> {
  for (const command of ["MAIL FROM:<a@x.example> SIZE=100", "RCPT TO:<b@y.example>"]) {
    const reply = await session.cmd(command);
    if (!reply.positive) return `${command.slice(0, 4)} ${reply.code} ${reply.text}`;
  }
  const { code, text } = await session.message(message);
  return `${code} ${text}`;
}

Deno.test("milter: it is told of a session in its order", async () => {
  const fake = new FakeMilter();
  {
    await using session = await sessionWith(fake);
    assertEquals((await transaction(session)).slice(0, 3), "250");
    await session.cmd("MAIL FROM:<>", "250");
    await session.cmd("RSET", "250");
    await session.cmd("MAIL FROM:<c@x.example>", "250");
    await session.cmd("QUIT", "221");
  }
  assertEquals(await fake.end(), [
    "connect [192.0.2.1] 4 50000 192.0.2.1",
    "helo client.example",
    "mail <a@x.example>|SIZE=100",
    "rcpt <b@y.example>",
    "data",
    "header From|<a@x.example>",
    "header Subject|one\n two",
    "header X-A|1",
    "header x-a|2",
    "endOfHeaders",
    "body Hi\r\n.dot\r\n",
    "end",
    "mail <>",
    "abort",
    "mail <c@x.example>",
    "quit",
  ]);
  assertEquals([fake.connections, fake.open], [1, 0]);
});

Deno.test("milter: macros, the usual ones and those that it asks for", async () => {
  const usual = new FakeMilter();
  const asked = new FakeMilter({ macros: { 0: "j v", 3: "i {rcpt_addr} {unheard-of}", 9: "i" } });
  const client = { name: "mail.client.example", login: "alice" };
  for (const fake of [usual, asked]) {
    await using session = await sessionWith(fake, { macros: { j: "mx.example", v: "Sluice" } }, {
      client,
    });
    await transaction(session);
  }
  await Promise.all([usual.end(), asked.end()]);
  const of = ({ macros }: FakeMilter): string[] =>
    macros.map((line) => line.replace(/i=\S+/, "i=…"));
  // The first connection is that of whoever tells who the client is.
  assertEquals(of(usual).slice(1), [
    "C j=mx.example _=mail.client.example [192.0.2.1] {daemon_name}=smtp " +
    "{daemon_addr}=192.0.2.25 {daemon_port}=25 v=Sluice",
    "M {auth_type}=XCLIENT {auth_authen}=alice {mail_addr}=a@x.example {mail_host}=x.example " +
    "{mail_mailer}=smtp",
    "R i=… {rcpt_addr}=b@y.example {rcpt_host}=y.example {rcpt_mailer}=smtp",
    "T i=…",
    "N i=…",
    "E i=…",
  ]);
  assertEquals(of(asked).filter((line) => /^[CR]/.test(line)).slice(-2), [
    "C j=mx.example v=Sluice",
    "R i=… {rcpt_addr}=b@y.example",
  ]);
});

/** What the milter answers to what, and what the client is told. */
const decisions: Readonly<Record<string, readonly [on: Script["on"], outcome: string]>> = {
  "nothing": [{}, "250"],
  "MAIL rejected": [{ M: REJECT }, "MAIL 550 5.7.1 Rejected"],
  "MAIL deferred": [{ M: TEMPFAIL }, "MAIL 451 4.7.1 Try again later"],
  "MAIL with a reply": [{ M: replyCode("554 5.7.1 100%% no") }, "MAIL 554 5.7.1 100% no"],
  "RCPT rejected": [{ R: REJECT }, "RCPT 550 5.7.1 Rejected"],
  "DATA rejected": [{ T: REJECT }, "550 5.7.1 Rejected"],
  "a header field rejected": [{ L: REJECT }, "550 5.7.1 Rejected"],
  "the end of the headers deferred": [{ N: TEMPFAIL }, "451 4.7.1 Try again later"],
  "the body rejected": [{ B: REJECT }, "550 5.7.1 Rejected"],
  "the end rejected": [{ E: REJECT }, "550 5.7.1 Rejected"],
  "the end with a reply of two lines": [
    { E: replyCode("550-5.7.1 one\r\n550 5.7.1 two") },
    "550 5.7.1 one 5.7.1 two",
  ],
  "the end after some work": [{ E: all(PROGRESS, PROGRESS, REJECT) }, "550 5.7.1 Rejected"],
  "held": [{ E: all(QUARANTINE, CONTINUE) }, "550 5.7.1 Rejected"],
  "held and rejected": [{ E: all(QUARANTINE, TEMPFAIL) }, "451 4.7.1 Try again later"],
  "accepted at the connection": [{ C: ACCEPT, M: REJECT, E: REJECT }, "250"],
  "accepted at HELO": [{ H: ACCEPT, M: REJECT, E: REJECT }, "250"],
  "accepted at MAIL": [{ M: ACCEPT, R: REJECT, E: REJECT }, "250"],
  "accepted at RCPT": [{ R: ACCEPT, T: REJECT, E: REJECT }, "250"],
  "accepted at DATA": [{ T: ACCEPT, E: REJECT }, "250"],
  "accepted at a header field": [{ L: ACCEPT, E: REJECT }, "250"],
  "accepted at the body": [{ B: ACCEPT, E: REJECT }, "250"],
};

for (const [name, [on, outcome]] of Object.entries(decisions)) {
  Deno.test(`milter: decision: ${name}`, async () => {
    const fake = new FakeMilter({ on });
    {
      await using session = await sessionWith(fake);
      const found = await transaction(session);
      assertEquals(outcome === "250" ? found.slice(0, 3) : found, outcome);
      assertEquals(session.captured.length, outcome === "250" ? 1 : 0);
    }
    await fake.end();
    assertEquals([fake.connections, fake.open], [1, 0]);
  });
}

for (const code of ["M", "R", "T", "L", "N", "B", "E"]) {
  Deno.test(`milter: decision: discarded at ${code}`, async () => {
    const fake = new FakeMilter({ on: { [code]: DISCARD } });
    {
      await using session = await sessionWith(fake);
      assertEquals((await transaction(session)).slice(0, 3), "250");
      assertEquals(session.captured, []);
    }
    await fake.end();
  });
}

Deno.test("milter: a refused recipient is one of several", async () => {
  const fake = new FakeMilter({
    on: { R: (told) => told.includes("<no@") ? REJECT : CONTINUE },
  });
  {
    await using session = await sessionWith(fake);
    await session.cmd("MAIL FROM:<a@x.example>", "250");
    await session.cmd("RCPT TO:<no@y.example>", "550 5.7.1");
    await session.cmd("RCPT TO:<yes@y.example>", "250");
    await session.message(MESSAGE, "250");
  }
  assertEquals((await fake.end()).includes("end"), true);
});

Deno.test("milter: a refused session", async (t) => {
  await t.step("at its greeting", async () => {
    const fake = new FakeMilter({ on: { C: replyCode("554 5.7.1 Not you") } });
    await using session = await sessionWith(fake, {}, { hello: null });
    await session.expect("554 5.7.1 Not you");
    await session.expectEnd();
    assertEquals(await fake.end(), ["connect [192.0.2.1] 4 50000 192.0.2.1", "quit"]);
  });
  await t.step("at HELO, and it stays so", async () => {
    const fake = new FakeMilter({ on: { H: REJECT } });
    await using session = await sessionWith(fake, {}, { hello: null });
    await session.expect("220");
    await session.cmd("EHLO client.example", "550 5.7.1");
    await session.cmd("HELO client.example", "550 5.7.1");
    assertEquals((await fake.end()).slice(-2), ["helo client.example", "quit"]);
  });
  await t.step("by 421, which ends it", async () => {
    const fake = new FakeMilter({ on: { M: replyCode("421 4.7.0 Enough") } });
    await using session = await sessionWith(fake);
    await session.cmd("MAIL FROM:<a@x.example>", "421 4.7.0 Enough");
    await session.expectEnd();
  });
});

/** What the milter does at the end of the message, and its header section then. */
const edits: Readonly<Record<string, readonly [answers: Uint8Array, header: string]>> = {
  "added": [
    addHeader("X-B", "3"),
    "From: <a@x.example>\r\nSubject: one\r\n two\r\nX-A: 1\r\nx-a: 2\r\nX-B: 3\r\n",
  ],
  "added, folded": [
    addHeader("X-B", "3\n\t4"),
    "From: <a@x.example>\r\nSubject: one\r\n two\r\nX-A: 1\r\nx-a: 2\r\nX-B: 3\r\n\t4\r\n",
  ],
  "inserted on top": [
    insertHeader(0, "X-B", "3"),
    "X-B: 3\r\nFrom: <a@x.example>\r\nSubject: one\r\n two\r\nX-A: 1\r\nx-a: 2\r\n",
  ],
  "inserted behind the trace header": [
    insertHeader(1, "X-B", "3"),
    "X-B: 3\r\nFrom: <a@x.example>\r\nSubject: one\r\n two\r\nX-A: 1\r\nx-a: 2\r\n",
  ],
  "inserted in the middle": [
    insertHeader(3, "X-B", "3"),
    "From: <a@x.example>\r\nSubject: one\r\n two\r\nX-B: 3\r\nX-A: 1\r\nx-a: 2\r\n",
  ],
  "changed": [
    changeHeader(2, "X-A", "new"),
    "From: <a@x.example>\r\nSubject: one\r\n two\r\nX-A: 1\r\nX-A: new\r\n",
  ],
  "changed by 0, which is the first": [
    changeHeader(0, "X-A", "new"),
    "From: <a@x.example>\r\nSubject: one\r\n two\r\nX-A: new\r\nx-a: 2\r\n",
  ],
  "removed, the second before the first": [
    all(changeHeader(2, "X-A", ""), changeHeader(1, "X-A", "")),
    "From: <a@x.example>\r\nSubject: one\r\n two\r\n",
  ],
};

for (const [name, [answers, header]] of Object.entries(edits)) {
  for (const last of [CONTINUE, ACCEPT]) {
    Deno.test(`milter: header section: ${name}, then ${last[4] === 0x63 ? "continue" : "accept"}`, async () => {
      const fake = new FakeMilter({ on: { E: all(answers, last) } });
      {
        await using session = await sessionWith(fake, { quarantine: "accept" });
        assertEquals((await transaction(session)).slice(0, 3), "250");
        assertEquals(contentOf(session), `${header}\r\nHi\r\n.dot\r\n`);
      }
      await fake.end();
    });
  }
}

Deno.test("milter: with the space behind the colon part of the value, both ways", async () => {
  const fake = new FakeMilter({
    steps: STEP.leadingSpace,
    on: { E: all(addHeader("X-B", " 3"), CONTINUE) },
  });
  {
    await using session = await sessionWith(fake);
    await transaction(session, "A: 1\r\nB:2\r\nC:  3\r\n\r\n");
    assertEquals(contentOf(session), "A: 1\r\nB:2\r\nC:  3\r\nX-B: 3\r\n\r\n");
  }
  assertEquals((await fake.end()).filter((line) => line.startsWith("header")), [
    "header A| 1",
    "header B|2",
    "header C|  3",
  ]);
});

/** What becomes of a message that is held, and how many get it then. */
const held = {
  accept: ["250", 1, 0],
  defer: ["451 4.7.1", 0, 0],
  reject: ["550 5.7.1", 0, 0],
  quarantine: ["250", 0, 1],
} as const;

for (const quarantine of ["accept", "defer", "reject", "quarantine"] as const) {
  Deno.test(`milter: held: ${quarantine}`, async () => {
    const on = { E: all(addHeader("X-B", "3"), QUARANTINE, CONTINUE) };
    const fake = new FakeMilter({ on });
    const store = new MemoryStore();
    {
      await using session = await sessionWith(fake, { quarantine }, { quarantine: store });
      const found = await transaction(session);
      const [reply, delivered, kept] = held[quarantine];
      assertEquals(found.slice(0, reply.length), reply);
      const taken = [...session.captured, ...store.messages];
      assertEquals([session.captured.length, store.messages.length], [delivered, kept]);
      for (const { content } of taken) {
        assertEquals(new TextDecoder().decode(content).includes("X-B: 3\r\n"), true);
      }
    }
    await fake.end();
  });
}

Deno.test("milter: to be quarantined, a message needs somewhere to be kept", () => {
  const policy = milter({ target: TARGET, dialer: new FakeMilter(), quarantine: "quarantine" });
  assertThrows(() => createProxy({ policy }), OptionError, "quarantine");
});

/** What the policy does to a header section, and what the milter is told of it. */
const before: Readonly<Record<string, readonly [edits: readonly HeaderEdit[], told: string]>> = {
  "nothing": [[], "From|<a@x.example> Subject|one\n two X-A|1 x-a|2"],
  "what is not to be believed": [
    [{ kind: "remove", name: "X-A" }],
    "From|<a@x.example> Subject|one\n two",
  ],
  "something new": [
    [
      { kind: "add", name: "X-B", value: "top", at: "top" },
      { kind: "replace", name: "Subject", value: "new", nth: 1 },
      { kind: "add", name: "X-B", value: "bottom", at: "bottom" },
    ],
    "X-B|top From|<a@x.example> Subject|new X-A|1 x-a|2 X-B|bottom",
  ],
};

for (const [name, [made, told]] of Object.entries(before)) {
  Deno.test(`milter: it is told what others have changed before: ${name}`, async () => {
    const fake = new FakeMilter({ on: { E: all(changeHeader(1, "X-A", "seen"), CONTINUE) } });
    const policy = compose(
      milter({ target: TARGET, dialer: fake }),
      definePolicy({ headers: () => edit(made) }),
    );
    {
      await using session = await openSession({ policy });
      await transaction(session);
      assertEquals(contentOf(session).includes("X-A: seen\r\n"), true);
      assertEquals(contentOf(session).endsWith("\r\n\r\nHi\r\n.dot\r\n"), true);
    }
    const lines = await fake.end();
    const headers = lines.filter((line) => line.startsWith("header "));
    assertEquals(headers.map((line) => line.slice(7)).join(" "), told);
    assertEquals(lines.at(-3), "body Hi\r\n.dot\r\n");
  });
}

Deno.test("milter: a header section larger than the window, with changes in what is in it", async () => {
  const fake = new FakeMilter({ steps: STEP.noBody });
  const fields = Array.from({ length: 40 }, (_, nth) => `X-${nth}: ${"x".repeat(40)}`);
  const policy = compose(
    definePolicy({ headers: () => edit([{ kind: "remove", name: "X-1" }]) }),
    milter({ target: TARGET, dialer: fake }),
  );
  {
    await using session = await openSession({ policy, window: 256 });
    await session.cmd("MAIL FROM:<a@x.example>", "250");
    await session.cmd("RCPT TO:<b@y.example>", "250");
    await session.cmd("DATA", "354");
    // A window full, in the middle of a header field, and the rest.
    const message = `${fields.join("\r\n")}\r\n\r\nHi\r\n.\r\n`;
    await session.send(message.slice(0, 300));
    await settle();
    await session.send(message.slice(300));
    await session.expect("250");
    assertEquals(contentOf(session), `${fields.toSpliced(1, 1).join("\r\n")}\r\n\r\nHi\r\n`);
  }
  const told = (await fake.end()).filter((line) => line.startsWith("header "));
  assertEquals(told, fields.toSpliced(1, 1).map((field) => `header ${field.replace(": ", "|")}`));
});

Deno.test("milter: changes that come too late", async (t) => {
  const large = `${MESSAGE}${`${"x".repeat(70)}\r\n`.repeat(40)}`;
  const replies = { accept: "250", defer: "451 4.3.0", reject: "552 5.3.4" } as const;
  for (const beyond of ["accept", "defer", "reject"] as const) {
    await t.step(beyond, async () => {
      const fake = new FakeMilter({ on: { E: all(addHeader("X-B", "3"), CONTINUE) } });
      await using session = await sessionWith(fake, { beyond }, { window: 256 });
      const found = await transaction(session, large);
      assertEquals(found.slice(0, replies[beyond].length), replies[beyond]);
      if (beyond === "accept") assertEquals(contentOf(session), large);
    });
  }
  await t.step("a window of its own", async () => {
    const fake = new FakeMilter({ on: { E: all(addHeader("X-B", "3"), CONTINUE) } });
    await using session = await sessionWith(fake, { window: 4_096 }, { window: 256 });
    await transaction(session, large);
    assertEquals(contentOf(session).includes("X-B: 3\r\n"), true);
  });
});

/** What it does not want, and what it is told then. */
const steps: Readonly<Record<string, readonly [steps: number, told: readonly string[]]>> = {
  "only the end": [
    STEP.noConnect | STEP.noHelo | STEP.noMail | STEP.noRcpt | STEP.noData | STEP.noHeaders |
    STEP.noEndOfHeaders | STEP.noBody,
    ["end", "quit"],
  ],
  "only the envelope": [
    STEP.noConnect | STEP.noHelo | STEP.noHeaders | STEP.noEndOfHeaders | STEP.noBody,
    ["mail <a@x.example>|SIZE=100", "rcpt <b@y.example>", "data", "end", "quit"],
  ],
  "no header fields": [
    STEP.noConnect | STEP.noHelo | STEP.noMail | STEP.noRcpt | STEP.noData | STEP.noHeaders,
    ["endOfHeaders", "body Hi\r\n.dot\r\n", "end", "quit"],
  ],
  "no body": [
    STEP.noConnect | STEP.noHelo | STEP.noMail | STEP.noRcpt | STEP.noData | STEP.noBody,
    [
      "header From|<a@x.example>",
      "header Subject|one\n two",
      "header X-A|1",
      "header x-a|2",
      "endOfHeaders",
      "end",
      "quit",
    ],
  ],
};

for (const [name, [unwanted, told]] of Object.entries(steps)) {
  Deno.test(`milter: it wants ${name}`, async () => {
    const fake = new FakeMilter({ steps: unwanted });
    {
      await using session = await sessionWith(fake);
      assertEquals((await transaction(session)).slice(0, 3), "250");
    }
    assertEquals(await fake.end(), told);
  });
}

Deno.test("milter: what it does not answer is not waited for", async () => {
  const { unansweredConnect, unansweredHelo, unansweredMail, unansweredRcpt } = STEP;
  const { unansweredData, unansweredHeaders, unansweredEndOfHeaders, unansweredBody } = STEP;
  const silent = "silence";
  const fake = new FakeMilter({
    steps: unansweredConnect | unansweredHelo | unansweredMail | unansweredRcpt | unansweredData |
      unansweredHeaders | unansweredEndOfHeaders | unansweredBody,
    on: {
      ...{ C: silent, H: silent, M: silent, R: silent },
      ...{ T: silent, L: silent, N: silent, B: silent, E: REJECT },
    },
  });
  {
    await using session = await sessionWith(fake);
    assertEquals(await transaction(session), "550 5.7.1 Rejected");
    assertEquals(await transaction(session), "550 5.7.1 Rejected");
  }
  const told = await fake.end();
  assertEquals(told.length, 23);
  assertEquals(told.slice(-3), ["body Hi\r\n.dot\r\n", "end", "quit"]);
});

Deno.test("milter: a milter of version 2 is not told of DATA", async () => {
  const fake = new FakeMilter({ version: 2 });
  {
    await using session = await sessionWith(fake);
    await transaction(session);
  }
  assertEquals((await fake.end()).includes("data"), false);
});

Deno.test("milter: the body in chunks, and no more of them than it wants", async (t) => {
  const line = `${"x".repeat(62)}\r\n`;
  const body = line.repeat(4_096);
  const bodies = (told: readonly string[]): number[] =>
    told.filter((one) => one.startsWith("body ")).map((one) => one.slice(5).length);
  await t.step("all of it", async () => {
    const fake = new FakeMilter();
    {
      await using session = await sessionWith(fake);
      await transaction(session, `A: 1\r\n\r\n${body}`);
      assertEquals(contentOf(session).length, 8 + body.length);
    }
    assertEquals(bodies(await fake.end()), [65_535, 65_535, 65_535, 65_535, 4]);
  });
  await t.step("one of them", async () => {
    const fake = new FakeMilter({ steps: STEP.skip, on: { B: SKIP, E: REJECT } });
    {
      await using session = await sessionWith(fake);
      assertEquals(await transaction(session, `A: 1\r\n\r\n${body}`), "550 5.7.1 Rejected");
    }
    const told = await fake.end();
    assertEquals(bodies(told), [65_535]);
    assertEquals(told.slice(-2), ["end", "quit"]);
  });
});

Deno.test("milter: a line that is no header field is the first of the body", async () => {
  const fake = new FakeMilter();
  {
    await using session = await sessionWith(fake);
    await transaction(session, "A: 1\r\nno field\r\nB: 2\r\n\r\nbody\r\n");
    await transaction(session, "A: 1\r\n");
    await transaction(session, "\r\nbody\r\n");
  }
  const content = (await fake.end()).filter((line) => /^(header|endOf|body)/.test(line));
  assertEquals(content, [
    ...["header A|1", "endOfHeaders", "body no field\r\nB: 2\r\n\r\nbody\r\n"],
    ...["header A|1", "endOfHeaders"],
    ...["endOfHeaders", "body body\r\n"],
  ]);
});

Deno.test("milter: the next message after each way to end one", async () => {
  const fake = new FakeMilter({
    on: { E: REJECT, L: (told) => told.includes("No") ? REJECT : CONTINUE },
  });
  {
    await using session = await sessionWith(fake);
    await transaction(session, "A: No\r\n\r\n");
    await transaction(session, "A: 1\r\n\r\n");
    await transaction(session, "A: 2\r\n\r\n");
  }
  const order = (await fake.end()).map((line) => line.split(" ")[0]).slice(2);
  const whole = ["mail", "rcpt", "data", "header", "endOfHeaders", "end"];
  assertEquals(order, ["mail", "rcpt", "data", "header", "abort", ...whole, ...whole, "quit"]);
});

Deno.test("milter: somebody else's word of the client begins a session anew", async () => {
  const fake = new FakeMilter();
  {
    await using _session = await sessionWith(fake, {}, { client: { name: "far.example" } });
  }
  assertEquals(await fake.end(), [
    "connect [192.0.2.1] 4 50000 192.0.2.1",
    "quit",
    "connect far.example 4 50000 192.0.2.1",
    "helo client.example",
    "quit",
  ]);
});

Deno.test("milter: options that cannot be used", () => {
  const dialer = new FakeMilter();
  const wrong: readonly (readonly [options: object, option: string])[] = [
    [{ target: "inet:8891" }, "milter.target"],
    [{ target: { transport: "memory", name: "x" } }, "milter.target"],
    [{ dialer: undefined }, "milter.dialer"],
    [{ timeLimit: 0 }, "milter.timeLimit"],
    [{ progressLimit: 1.5 }, "milter.progressLimit"],
    [{ macros: { daemon_name: "x" } }, "milter.macros.daemon_name"],
    [{ macros: { "{daemon_name}": 3 } }, "milter.macros.{daemon_name}"],
    [{ quarantine: "hold" }, "milter.quarantine"],
    [{ beyond: "skip" }, "milter.beyond"],
    [{ onFailure: "tempfail" }, "milter.onFailure"],
  ];
  for (const [options, option] of wrong) {
    const error = assertThrows(
      () => milter({ target: TARGET, dialer, ...options } as MilterOptions),
      OptionError,
    );
    assertEquals(error.option, option);
  }
});

Deno.test("milter: answers that it may give at any time end a session too", async () => {
  for (const code of ["4", "f"]) {
    const fake = new FakeMilter({ on: { E: packet(code) } });
    await using session = await sessionWith(fake);
    assertEquals(await transaction(session), "421 4.7.0 Closing");
    await session.expectEnd();
  }
});
