/** What each verdict does to a session, phase by phase. */

import { assertEquals } from "@std/assert";
import {
  type Checks,
  compose,
  defer,
  definePolicy,
  discard,
  disconnect,
  Path,
  type Phase,
  type Policy,
  proceed,
  reject,
  rewrite,
  type Verdict,
} from "../../src/policy/mod.ts";
import { onStage } from "../_dialogue.ts";
import { type Play, withPolicy } from "./_play.ts";

const MAIL = "MAIL FROM:<a@client.example>";
const RCPT = "RCPT TO:<b@upstream.example>";
const MESSAGE = "Subject: x\r\n\r\nHello\r\n";

/** A policy that gives one verdict in one phase. */
function at(phase: Phase, verdict: Verdict): Policy {
  const checks: Checks = { [phase]: () => verdict };
  return definePolicy({ name: phase, ...checks });
}

/** The ways to send a message, with the answers expected at its beginning and at its end. */
const ways: Readonly<Record<string, (play: Play, opened: string, last: string) => Promise<void>>> =
  {
    DATA: async (play, opened, last) => {
      await play.say("DATA", opened);
      if (opened.startsWith("354")) await play.say(`${MESSAGE}.`, last);
    },
    BDAT: (play, _opened, last) => {
      const body = MESSAGE.slice(0, -2);
      return play.say(`BDAT ${MESSAGE.length} LAST\r\n${body}`, last);
    },
    // The header is in the first, but for the line that ends it.
    "two chunks": async (play, opened, last) => {
      const [first, second] = [MESSAGE.slice(0, 12), MESSAGE.slice(12)];
      const open = opened.startsWith("354");
      await play.say(
        `BDAT ${first.length}\r\n${first}BDAT ${second.length} LAST\r\n${second.slice(0, -2)}`,
        open ? "250 *" : last,
        open ? last : "503 *",
      );
    },
  };

for (const phase of ["mail", "rcpt", "data", "headers", "content"] as const) {
  for (const [way, send] of Object.entries(ways)) {
    Deno.test(`discard at ${phase}, by ${way}: accepted, and nothing reaches the upstream`, async () => {
      await withPolicy(at(phase, discard()), async (play) => {
        for (let nth = 0; nth < 2; nth++) {
          await play.say(MAIL, "250 *");
          await play.say(RCPT, "250 *");
          await send(play, "354 *", "250 2.0.0 Ok");
        }
        assertEquals(play.messages, []);
        if (phase === "mail") assertEquals(play.upstream, []);
        if (phase === "rcpt") assertEquals(play.upstream, [MAIL, "RSET", MAIL, "RSET"]);
        if (phase === "data") assertEquals(play.upstream, [MAIL, RCPT, "RSET", MAIL, RCPT, "RSET"]);
      });
    });
  }
}

for (const phase of ["data", "headers", "content"] as const) {
  for (const [way, send] of Object.entries(ways)) {
    Deno.test(`reject at ${phase}, by ${way}: the upstream never sees an end`, async () => {
      await withPolicy(at(phase, reject("550 5.7.1 Not this")), async (play) => {
        await play.say(MAIL, "250 *");
        await play.say(RCPT, "250 *");
        await send(play, phase === "data" ? "550 5.7.1 Not this" : "354 *", "550 5.7.1 Not this");
        assertEquals(play.messages, []);
        // The session goes on.
        await play.say("RSET", "250 *");
        await play.say(MAIL, "250 *");
      });
    });
  }
}

Deno.test("reject in every phase of a command: it is refused, and the session goes on", async () => {
  const commands: readonly (readonly [Phase, string, string])[] = [
    ["ehlo", "EHLO again.example", MAIL],
    ["starttls", "STARTTLS", MAIL],
    ["mail", MAIL, "NOOP"],
    ["rcpt", RCPT, "NOOP"],
  ];
  for (const [phase, command, next] of commands) {
    let asked = 0;
    const refused = reject("550 5.7.1 No");
    // EHLO comes once before the one that is refused.
    const checks: Checks = {
      [phase]: () => phase === "ehlo" && asked++ === 0 ? undefined : refused,
    };
    await withPolicy(definePolicy(checks), async (play) => {
      if (phase === "rcpt") await play.say(MAIL, "250 *");
      await play.say(command, "550 5.7.1 No");
      await play.say(next, "250 *");
    }, { tls: true });
  }
});

Deno.test("reject at connect stands in the greeting's place and ends the session", async () => {
  const policy = at("connect", reject("554 5.7.1 Not welcome"));
  await onStage({ proxy: { policy } }, async (stage) => {
    const client = stage.connect();
    await client.expect("554 5.7.1 Not welcome");
    await client.expectClose();
  });
});

Deno.test("disconnect closes behind its reply, whatever the phase", async () => {
  const phases = ["connect", "ehlo", "starttls", "mail", "rcpt", "data", "headers", "content"];
  for (const phase of phases as Phase[]) {
    const policy = at(phase, disconnect("421 4.7.0 Go away"));
    await onStage({ offers: ["PIPELINING"], tls: true, proxy: { policy } }, async (stage) => {
      const client = stage.connect();
      const dialogue: readonly [Phase, string, string][] = [
        ["connect", "", "220 *"],
        ["ehlo", "EHLO c.example\r\n", ""],
        ...phase === "starttls"
          ? [["starttls", "STARTTLS\r\n", ""]] as [Phase, string, string][]
          : [],
        ["mail", `${MAIL}\r\n`, "250 *"],
        ["rcpt", `${RCPT}\r\n`, "250 *"],
        ["data", "DATA\r\n", "354 *"],
        ["headers", `${MESSAGE}`, ""],
        ["content", ".\r\n", ""],
      ];
      const replies = ["250 2.1.0 Ok", "250 2.1.5 Ok", "354 Go on"];
      let upstream;
      for (const [reached, octets, reply] of dialogue) {
        await client.send(octets);
        if (reached === phase) break;
        if (["mail", "rcpt", "data"].includes(reached)) {
          upstream ??= await stage.upstream.accept();
          await upstream.line();
          await upstream.send(`${replies.shift()}\r\n`);
        }
        if (reached === "ehlo") await client.reply();
        else if (reply !== "") await client.expect(reply);
      }
      await client.expect("421 4.7.0 Go away");
      await client.expectClose();
      // No end of mail data has been sent.
      const seen = upstream?.take() ?? "";
      assertEquals(seen.includes("\r\n.\r\n"), false);
      assertEquals(stage.proxy.sessions, 1);
      client.close();
    });
  }
});

Deno.test("disconnect in a pipelined group: what came before it is answered", async () => {
  const policy = definePolicy({
    rcpt: ({ forwardPath }) => forwardPath.localPart === "trap" ? disconnect() : undefined,
  });
  await withPolicy(policy, async (play) => {
    await play.say(
      [MAIL, RCPT, "RCPT TO:<trap@upstream.example>", RCPT].join("\r\n"),
      "250 2.0.0 Ok",
      "250 2.0.0 Ok",
      "421 4.7.0 Closing",
    );
    await play.client.expectClose();
  });
});

/** Policies that say who they are, and what was said then. */
function chain(...answers: readonly (Verdict<"rcpt"> | readonly Verdict<"rcpt">[] | undefined)[]) {
  const asked: string[] = [];
  const policy = compose(...answers.map((answer, nth) =>
    definePolicy({
      name: `p${nth}`,
      rcpt: ({ forwardPath, given }) => {
        asked.push(`p${nth} ${forwardPath.localPart} of ${given.localPart}`);
        return answer;
      },
    })
  ));
  return { policy, asked };
}

const path = (localPart: string): Path => Path.from(`${localPart}@upstream.example`);
const rcpt = (localPart: string): string => `RCPT TO:<${localPart}@upstream.example>`;

interface ComposeCase {
  readonly name: string;
  readonly answers: readonly (Verdict<"rcpt"> | readonly Verdict<"rcpt">[] | undefined)[];
  readonly asked: readonly string[];
  readonly reply: string;
  readonly upstream: readonly string[];
}

const composed: readonly ComposeCase[] = [
  {
    name: "nobody objects: all are asked in order",
    answers: [undefined, undefined, undefined],
    asked: ["p0 b of b", "p1 b of b", "p2 b of b"],
    reply: "250 2.0.0 Ok",
    upstream: [rcpt("b")],
  },
  {
    name: "the first refusal decides",
    answers: [undefined, reject("550 5.1.1 One"), reject("550 5.1.1 Two")],
    asked: ["p0 b of b", "p1 b of b"],
    reply: "550 5.1.1 One",
    upstream: [],
  },
  {
    name: "a deferral decides as well",
    answers: [defer("450 4.2.1 Later"), reject("550 5.1.1 Two")],
    asked: ["p0 b of b"],
    reply: "450 4.2.1 Later",
    upstream: [],
  },
  {
    name: "proceed asks nobody else",
    answers: [proceed(), reject("550 5.1.1 Two")],
    asked: ["p0 b of b"],
    reply: "250 2.0.0 Ok",
    upstream: [rcpt("b")],
  },
  {
    name: "discard asks nobody else",
    answers: [discard(), reject("550 5.1.1 Two")],
    asked: ["p0 b of b"],
    reply: "250 2.1.5 Ok",
    upstream: [],
  },
  {
    name: "a rewritten address is what the following see",
    answers: [rewrite(path("c")), rewrite(path("d")), undefined],
    asked: ["p0 b of b", "p1 c of b", "p2 d of b"],
    reply: "250 2.0.0 Ok",
    upstream: [rcpt("d")],
  },
  {
    name: "several verdicts in one answer, in order",
    answers: [[rewrite(path("c")), proceed()], reject("550 5.1.1 Two")],
    asked: ["p0 b of b"],
    reply: "250 2.0.0 Ok",
    upstream: [rcpt("c")],
  },
  {
    name: "several addresses are asked about one by one",
    answers: [rewrite([path("c"), path("d")]), undefined],
    asked: ["p0 b of b", "p1 c of b", "p1 d of b"],
    reply: "250 2.0.0 Ok",
    upstream: [rcpt("c"), rcpt("d")],
  },
  {
    name: "several of several",
    answers: [rewrite([path("c"), path("d")]), rewrite([path("e"), path("f")])],
    asked: ["p0 b of b", "p1 c of b", "p1 d of b"],
    reply: "250 2.0.0 Ok",
    upstream: [rcpt("e"), rcpt("f"), rcpt("e"), rcpt("f")],
  },
  {
    name: "several addresses, and what was said with them holds for each",
    answers: [[rewrite([path("c"), path("d")]), reject("550 5.1.1 Neither")]],
    asked: ["p0 b of b"],
    reply: "550 5.1.1 Neither",
    upstream: [],
  },
  {
    name: "none is left: the following are not asked",
    answers: [rewrite([]), reject("550 5.1.1 Two")],
    asked: ["p0 b of b"],
    reply: "250 2.1.5 Ok",
    upstream: [],
  },
];

for (const { name, answers, asked: expected, reply, upstream } of composed) {
  Deno.test(`compose: ${name}`, async () => {
    const { policy, asked } = chain(...answers);
    await withPolicy(policy, async (play) => {
      await play.say(MAIL, "250 *");
      await play.say(rcpt("b"), reply);
      assertEquals(asked, expected);
      assertEquals(play.upstream, [MAIL, ...upstream]);
    });
  });
}

Deno.test("compose: one address of several refused leaves the others, all refused the first refusal", async () => {
  const policy = compose(
    definePolicy({
      rcpt: ({ forwardPath: { localPart } }) => rewrite(localPart.split("+").map(path)),
    }),
    definePolicy({
      rcpt: ({ forwardPath: { localPart } }) =>
        localPart.startsWith("bad")
          ? reject(`550 5.1.1 ${localPart}`)
          : localPart === "void"
          ? discard()
          : localPart === "out"
          ? disconnect()
          : undefined,
    }),
  );
  await withPolicy(policy, async (play) => {
    await play.say(MAIL, "250 *");
    await play.say(rcpt("bad1+c+bad2+d"), "250 *");
    await play.say(rcpt("bad1+bad2"), "550 5.1.1 bad1");
    await play.say(rcpt("bad1+void"), "550 5.1.1 bad1");
    await play.say(rcpt("void+void"), "250 2.1.5 Ok");
    assertEquals(play.upstream, [MAIL, rcpt("c"), rcpt("d")]);
    await play.say(rcpt("e+out"), "421 4.7.0 Closing");
    await play.client.expectClose();
  });
});
