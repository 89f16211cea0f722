import { assertEquals, assertThrows } from "@std/assert";
import { milter, type MilterOptions } from "../../../src/content/milter/milter.ts";
import { STEP } from "../../../src/content/milter/negotiation.ts";
import { packet } from "../../../src/content/milter/packet.ts";
import { OptionError } from "../../../src/errors.ts";
import {
  ACCEPT,
  all,
  CONTINUE,
  DISCARD,
  FakeMilter,
  PROGRESS,
  QUARANTINE,
  REJECT,
  replyCode,
  type Script,
  SKIP,
  TEMPFAIL,
} from "./_milter.ts";
import { contentOf, MESSAGE, sessionWith, TARGET, transaction } from "./_session.ts";

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

Deno.test("milter: what it is not told of does not pile up", async () => {
  const fake = new FakeMilter({ steps: STEP.noMail });
  {
    await using session = await sessionWith(fake);
    for (let times = 0; times < 20; times++) {
      await session.cmd("MAIL FROM:<a@x.example>", "250");
      await session.cmd("RSET", "250");
    }
    await session.cmd("QUIT", "221");
  }
  assertEquals(await fake.end(), [
    "connect [192.0.2.1] 4 50000 192.0.2.1",
    "helo client.example",
    "abort",
    "quit",
  ]);
});

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
