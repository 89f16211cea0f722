import { assertEquals, assertThrows } from "@std/assert";
import { milter } from "../../../src/content/milter/milter.ts";
import { STEP } from "../../../src/content/milter/negotiation.ts";
import { OptionError } from "../../../src/errors.ts";
import type { HeaderEdit } from "../../../src/message/header_section.ts";
import { compose, definePolicy } from "../../../src/policy/policy.ts";
import { edit } from "../../../src/policy/verdicts.ts";
import { createProxy } from "../../../src/proxy.ts";
import { openSession } from "../../../src/testing/session.ts";
import { MemoryStore } from "../../../src/upstream/capture.ts";
import { settle } from "../../_clock.ts";
import {
  ACCEPT,
  addHeader,
  all,
  changeHeader,
  CONTINUE,
  FakeMilter,
  insertHeader,
  QUARANTINE,
} from "./_milter.ts";
import { contentOf, MESSAGE, sessionWith, TARGET, transaction } from "./_session.ts";

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
