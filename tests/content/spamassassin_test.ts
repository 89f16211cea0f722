/** SpamAssassin's filter with programs that do what spamd does, and what it never would. */

import { assertEquals, assertThrows } from "@std/assert";
import { spamassassin, type SpamassassinOptions } from "../../src/content/spamassassin.ts";
import type { SpamdResult } from "../../src/content/spamd_answer.ts";
import type { Dialer } from "../../src/channel.ts";
import { OptionError } from "../../src/errors.ts";
import { compose, definePolicy, type Policy } from "../../src/policy/policy.ts";
import { discard } from "../../src/policy/verdicts.ts";
import { FakeClock } from "../_clock.ts";
import type { DeliverOptions } from "./_deliver.ts";
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

/** spamd: reads to the end of a message and says this. */
function spamd(answer: string, heard: string[] = []): Program {
  return new Program(async (channel) => {
    heard.push(await readThrough(channel));
    await channel.write(new TextEncoder().encode(answer));
  });
}

/** What spamd answers, with a body. */
function answerOf(spam: string, body?: string): string {
  const length = body === undefined ? "" : `Content-length: ${body.length}\r\n`;
  return `SPAMD/1.1 0 EX_OK\r\n${length}Spam: ${spam}\r\n\r\n${body ?? ""}`;
}

const HAM = answerOf("False ; -1.5 / 5.0", "ALL_TRUSTED,TEST");
const SPAM = answerOf("True ; 1002.5 / 5.0", "GTUBE,TEST");
const LATER = "451 4.3.0 Temporary failure, try again later";

function asked(answer: string, options: Partial<SpamassassinOptions> = {}): Policy {
  return spamassassin({ target, dialer: spamd(answer).dialer, onFailure: "defer", ...options });
}

Deno.test("what is found stands in the header", async () => {
  assertEquals(await delivered(asked(HAM), HEADER), {
    reply: TAKEN,
    content: `X-Spam-Status: No, score=-1.5 required=5.0 tests=ALL_TRUSTED, TEST\r\n${HEADER}`,
  });
  assertEquals(await delivered(asked(SPAM), HEADER), {
    reply: TAKEN,
    content: "X-Spam-Flag: YES\r\n" +
      `X-Spam-Status: Yes, score=1002.5 required=5.0 tests=GTUBE, TEST\r\n${HEADER}`,
  });
  assertEquals(await delivered(asked(answerOf("False ; 0.0 / 5.0", "")), HEADER), {
    reply: TAKEN,
    content: `X-Spam-Status: No, score=0.0 required=5.0 tests=none\r\n${HEADER}`,
  });
  assertEquals(await delivered(asked(answerOf("True ; 7 / 5"), { mode: "check" }), HEADER), {
    reply: TAKEN,
    content: `X-Spam-Flag: YES\r\nX-Spam-Status: Yes, score=7.0 required=5.0\r\n${HEADER}`,
  });
});

Deno.test("many rules are named in a field that can be sent", async () => {
  const names = Array.from({ length: 900 }, (_, nth) => `RULE_${nth}`).join(",");
  const { content = "" } = await delivered(asked(answerOf("True ; 9 / 5", names)), HEADER);
  assertEquals(content.split("\r\n").filter((line) => line.length > 78), []);
  assertEquals(content.match(/RULE_/g)?.length, 200);
});

Deno.test("above so many points a message is refused, with other words where they are given", async () => {
  const refused = { reply: "550 5.7.1 Refused as spam" };
  assertEquals(await delivered(asked(SPAM, { rejectAbove: 1002 }), HEADER), refused);
  const marked = await delivered(asked(SPAM, { rejectAbove: 1002.5 }), HEADER);
  assertEquals(marked.reply, TAKEN);
  const reply = "554 5.7.1 No";
  assertEquals(await delivered(asked(SPAM, { rejectAbove: 5, reply }), HEADER), { reply });
});

Deno.test("points are given on, and more can be said about what was found", async () => {
  const sums: number[] = [];
  const results: SpamdResult[] = [];
  const policy = (answer: string) =>
    compose(
      asked(answer, {
        decide: (result) => {
          results.push(result);
          return result.symbols?.includes("GTUBE") ? discard() : undefined;
        },
      }),
      definePolicy({ content: ({ score }) => void sums.push(score) }),
    );
  assertEquals((await delivered(policy(HAM), HEADER)).reply, TAKEN);
  assertEquals(await delivered(policy(SPAM), HEADER), { reply: "250 2.0.0 Ok" });
  assertEquals(sums, [-1.5]);
  assertEquals(results, [
    { spam: false, score: -1.5, required: 5, symbols: ["ALL_TRUSTED", "TEST"] },
    { spam: true, score: 1002.5, required: 5, symbols: ["GTUBE", "TEST"] },
  ]);
});

const FORGED = "X-SPAM-status: No, score=-99\r\nX-Spam-Flag: NO\r\n" +
  "X-Spam-Checker-Version: me\r\nX-Spammer: no\r\n";

Deno.test("nobody marks his own message", async () => {
  const status = "X-Spam-Status: No, score=-1.5 required=5.0 tests=ALL_TRUSTED, TEST\r\n";
  assertEquals(await delivered(asked(HAM), FORGED + HEADER), {
    reply: TAKEN,
    content: `${status}X-Spammer: no\r\n${HEADER}`,
  });
  const large = LINE.repeat(3_000);
  assertEquals(await delivered(asked(HAM), FORGED + HEADER + large), {
    reply: TAKEN,
    content: `X-Spammer: no\r\n${HEADER}${large}`,
  });
  const gone = { reply: TAKEN, content: `X-Spammer: no\r\n${HEADER}` };
  const failing = asked("", { onFailure: "accept" });
  assertEquals(await delivered(failing, FORGED + HEADER), gone);
  assertEquals(await delivered(asked(HAM, { headers: false }), FORGED + HEADER), {
    reply: TAKEN,
    content: FORGED + HEADER,
  });
});

Deno.test("a header that cannot be changed any more: the stated answer", async () => {
  const large = HEADER + LINE.repeat(3_000);
  assertEquals(await delivered(asked(SPAM, { beyond: "defer" }), large), {
    reply: "451 4.3.0 Too large to be changed, try again later",
  });
  assertEquals(await delivered(asked(SPAM), large), { reply: TAKEN, content: large });
});

Deno.test("a mark behind the window is answered as it is said", async () => {
  const forged = `${"X: y\r\n".repeat(12_000)}X-Spam-Status: No\r\n${HEADER}`;
  const policy = asked(SPAM, { beyond: "reject", reading: { octets: 1_000, larger: "accept" } });
  assertEquals(await delivered(policy, forged), { reply: "552 5.3.4 Too large to be changed" });
});

Deno.test("with headers spamd says what is put on top, and what the subject becomes", async () => {
  const body = "Received: from localhost by spamd\r\n" +
    "From: a@x.example\r\nSubject: [SPAM] Hi\r\nTo: (spam) b@y.example\r\n" +
    "X-Spam-Checker-Version: SpamAssassin 4.0.1\r\nX-Spam-Bayes: 0.99\r\n" +
    "X-Spam-Report: \r\n\t*  1000 GTUBE\r\n\t*   2.5 TEST it is \u00e9\r\nMIME-Version: 1.0\r\n\r\n";
  const octets = new TextEncoder().encode(body).length;
  const answer = `SPAMD/1.1 0 EX_OK\r\nContent-length: ${octets}\r\n` +
    `Spam: True ; 1002.5 / 5.0\r\n\r\n${body}`;
  const message = `${FORGED}X-Spam-Bayes: 0\r\nFrom: a@x.example\r\n` +
    "Subject: Hi\r\nTo: b@y.example\r\n\r\nHi\r\n";
  assertEquals(await delivered(asked(answer, { mode: "headers" }), message), {
    reply: TAKEN,
    content: "X-Spam-Checker-Version: SpamAssassin 4.0.1\r\nX-Spam-Bayes: 0.99\r\n" +
      "X-Spam-Report: *  1000 GTUBE\r\n\t*   2.5 TEST it is \u00e9\r\nX-Spammer: no\r\n" +
      "From: a@x.example\r\nSubject: [SPAM] Hi\r\nTo: (spam) b@y.example\r\n\r\nHi\r\n",
  });
  const ham = answer.replace("True ; 1002.5", "False ; 0.1");
  const { content } = await delivered(asked(ham, { mode: "headers" }), message);
  assertEquals(content?.includes("Subject: Hi\r\n"), true);
});

const AT = Date.UTC(2026, 10, 23, 6, 30, 0);

async function toldTo(
  options: Partial<SpamassassinOptions>,
  delivery: DeliverOptions = {},
): Promise<string[]> {
  const heard: string[] = [];
  const { dialer } = spamd(HAM, heard);
  const clock = new FakeClock(AT);
  await delivered(spamassassin({ target, dialer, clock, ...options }), HEADER, delivery);
  return heard[0].split("\r\n");
}

Deno.test("spamd is shown who the client is, and whose preferences hold", async () => {
  const received = [
    "Received: from client.example ([192.0.2.1])",
    "\tby [192.0.2.25] with ESMTP id *",
    "\t(envelope-from <a@x.example>);",
    "\tMon, 23 Nov 2026 06:30:00 +0000",
    ...HEADER.split("\r\n"),
  ];
  const ids = (lines: string[]) => lines.map((line) => line.replace(/ id [^;]+/, " id *"));
  assertEquals(ids(await toldTo({})), ["SYMBOLS SPAMC/1.5", "", ...received]);
  assertEquals(ids(await toldTo({ mode: "check", user: "mail" })), [
    ...["CHECK SPAMC/1.5", "User: mail", ""],
    ...received,
  ]);
  const client = {
    login: "j\u00f6rg@y.example",
    name: "mx.client.example",
    address: "2001:db8::1",
  };
  const known = await toldTo({ mode: "headers", user: "mail" }, {
    client,
    from: '"a)b"@x.example',
  });
  assertEquals(ids(known), [
    ...["HEADERS SPAMC/1.5", "User: j\u00c3\u00b6rg@y.example", ""],
    "Received: from client.example (mx.client.example [IPv6:2001:db8::1])",
    "\tby [192.0.2.25] with ESMTPA id *;",
    "\tMon, 23 Nov 2026 06:30:00 +0000",
    ...HEADER.split("\r\n"),
  ]);
});

Deno.test("what is larger than half a mebibyte is not looked at, unless it is to be", async () => {
  assertEquals(await delivered(asked(SPAM), LARGE), { reply: TAKEN, content: LARGE });
  const refused = { reply: "550 5.7.0 Cannot be checked" };
  assertEquals(await delivered(asked(SPAM, { reading: { larger: "reject" } }), LARGE), refused);
  const spam = { reply: "550 5.7.1 Refused as spam" };
  const all = { reading: { octets: 1_000_000 }, rejectAbove: 5 };
  assertEquals(await delivered(asked(SPAM, all), LARGE), spam);
});

const garbage: readonly string[] = [
  "",
  "\r\n\r\n",
  "SPAMD/1.0 76 Bad header line: (EOF during headers)\r\n",
  "SPAMD/1.1 79 EX_TIMEOUT\r\n\r\n",
  "SPAMD/1.1 0 EX_OK\r\n\r\n",
  "HTTP/1.1 200 OK\r\nContent-length: 0\r\nSpam: False ; 0 / 5\r\n\r\n",
  // No length, a wrong one, too many digits.
  answerOf("False ; 0 / 5"),
  HAM.slice(0, -1),
  `${HAM}x`,
  HAM.replace("16", "00000000016"),
  answerOf("Maybe ; 0 / 5", ""),
  answerOf("True ; NaN / 5", ""),
  answerOf("True ; 1e9 / 5", ""),
  answerOf("True ; 9999999999 / 5", ""),
  answerOf("True ; 0x10 / 5", ""),
  answerOf("False", ""),
  HAM.replaceAll("\r\n", "\n"),
];

Deno.test("an answer that is none: the stated answer", async (t) => {
  for (const answer of garbage) {
    await t.step(JSON.stringify(answer).slice(0, 60), async () => {
      assertEquals(await delivered(asked(answer), HEADER), { reply: LATER });
    });
  }
  await t.step("without its end", async () => {
    const policy = asked(answerOf("False ; 0 / 5").slice(0, -2), { mode: "check" });
    assertEquals(await delivered(policy, HEADER), { reply: LATER });
  });
  const fields = "X-Spam-A: 1\r\n".repeat(101);
  const odd = ["X-Spam-A: a\0b\r\n", "X-Spam-A: a\rb\r\n", `X-Spam-A: ${"a".repeat(999)}\r\n`];
  for (const body of [fields, ...odd]) {
    await t.step(JSON.stringify(body).slice(0, 40), async () => {
      const policy = asked(answerOf("True ; 6 / 5", body), { mode: "headers" });
      assertEquals(await delivered(policy, HEADER), { reply: LATER });
    });
  }
});

/** What spamd never does. */
const useless: Readonly<Record<string, Act | Dialer>> = {
  "is not there": nobody,
  "does not say whether it is there": nowhere,
  "hangs up at once": () => Promise.resolve(),
  "reads nothing": silent,
  "reads all and hangs": async (channel) => {
    await readThrough(channel);
    await channel.write(new Uint8Array(1_000_000));
  },
  "reads a bit and hangs up": (channel) => channel.read(1),
  "reads all and hangs up": (channel) => readThrough(channel),
  "answers at once, before it has read": (channel) => say(channel, HAM).then(() => {}),
  "answers at once and hangs up": (channel) => channel.write(new TextEncoder().encode(HAM)),
  "never ends": async (channel) => {
    await readThrough(channel);
    while (true) await channel.write(new TextEncoder().encode(HAM));
  },
};

for (const [name, program] of Object.entries(useless)) {
  Deno.test(`spamd ${name}: its stated answer, and nothing by accident`, async () => {
    await assertFails(
      program,
      (dialer, onFailure) =>
        spamassassin({
          target,
          dialer,
          onFailure,
          timeLimit: 5_000,
          reading: { octets: 1_000_000 },
        }),
    );
  });
}

Deno.test("an option that cannot be used is found at the door", () => {
  const wrong: readonly [options: object, option: string][] = [
    [{ mode: "report" }, "spamassassin.mode"],
    [{ rejectAbove: NaN }, "spamassassin.rejectAbove"],
    [{ rejectAbove: "5" }, "spamassassin.rejectAbove"],
    [{ reply: "250 Fine" }, "spamassassin.reply"],
    [{ beyond: "never" }, "spamassassin.beyond"],
    [{ user: "" }, "spamassassin.user"],
    [{ user: "a\r\nb" }, "spamassassin.user"],
    [{ reading: { larger: "cut" } }, "spamassassin.reading.larger"],
  ];
  for (const [options, option] of wrong) {
    const make = () => spamassassin({ target, dialer: nobody, ...options });
    assertEquals(assertThrows(make, OptionError).option, option);
  }
});
