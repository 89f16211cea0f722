/**
 * The gate: filters read a message while it flows to the upstream, and only its end waits for their
 * verdict.
 */

import { assertEquals } from "@std/assert";
import {
  addHeader,
  compose,
  defer,
  definePolicy,
  discard,
  disconnect,
  Incomplete,
  type Policy,
  type PolicyDefinition,
  reject,
  score,
  TooMuch,
} from "../../src/policy/mod.ts";
import { onStage, type Peer, type Stage, type StageOptions } from "../_dialogue.ts";
import { Robots } from "../_robot.ts";

/** The window in octets, and the size of BDAT chunks. */
const WINDOW = 64;
const CHUNK = 100;
const LINE = "0123456789abcdef0123456789abcdef0123456789abcdef01\r\n";
const HEADER = "Subject: Hi\r\n\r\n";
const LARGE = HEADER + LINE.repeat(20);
const ENVELOPE = "MAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\n";
const NO = "550 5.7.1 No";

type Filter = NonNullable<PolicyDefinition["filter"]>;

/** A filter that reads all there is and then says this. */
const reading = (say: (text: string) => ReturnType<Filter>): Filter => async ({ message }) => {
  let text = "";
  for await (const piece of message.stream()) text += new TextDecoder().decode(piece);
  return say(text);
};

interface Play {
  readonly stage: Stage;
  readonly robots: Robots;
  readonly client: Peer;
  /** Says something; what the client is told then. */
  readonly say: (octets: string) => Promise<string[]>;
}

async function played(
  policy: Policy,
  play: (on: Play) => Promise<void>,
  { offers = ["PIPELINING", "CHUNKING"], proxy, ...others }: StageOptions = {},
): Promise<void> {
  const options = {
    offers,
    upstream: { chunkSize: CHUNK },
    proxy: { policy, window: WINDOW, ...proxy },
    ...others,
  };
  await onStage(options, async (stage) => {
    const robots = new Robots(stage);
    const client = stage.connect();
    const say = async (octets: string): Promise<string[]> => {
      await client.send(octets);
      await robots.rest();
      return client.take().split("\r\n").slice(0, -1);
    };
    await robots.rest();
    await say("EHLO client.example\r\n");
    await play({ stage, robots, client, say });
    if (!client.closed) client.close();
    await robots.rest();
  });
}

/** A whole message by DATA, and what its end is told. */
async function send({ say }: Play, content: string): Promise<string | undefined> {
  await say(`${ENVELOPE}DATA\r\n`);
  return (await say(`${content}.\r\n`)).at(-1);
}

const ways = { chunks: ["PIPELINING", "CHUNKING"], data: ["PIPELINING"] };

for (const [way, offers] of Object.entries(ways)) {
  Deno.test(`gate: what is accepted is what was sent, by ${way}`, async () => {
    const seen: string[] = [];
    const policy = definePolicy({ filter: reading((text) => void seen.push(text)) });
    await played(policy, async (play) => {
      for (const content of [LARGE, HEADER, "", `.dot\r\n..\r\n${LARGE}`]) {
        const stuffed = content.replace(/^\./gm, "..");
        assertEquals(await send(play, stuffed), "250 2.0.0 Queued");
        assertEquals(play.robots.messages.at(-1), content);
        assertEquals(seen.at(-1), content);
      }
    }, { offers });
  });

  Deno.test(`gate: what is refused has no end upstream, by ${way}`, async () => {
    const policy = definePolicy({ filter: reading(() => reject(NO)) });
    await played(policy, async (play) => {
      for (let nth = 0; nth < 30; nth++) assertEquals(await send(play, LARGE), NO);
      assertEquals(play.robots.messages, []);
      // RSET leaves the connection to the next message; behind DATA there is no other way than its end.
      assertEquals(play.stage.upstream.all.length - 1, way === "chunks" ? 1 : 30);
    }, { offers });
  });
}

Deno.test("gate: the message is on its way before the verdict, its end is not", async () => {
  const verdict = Promise.withResolvers<void>();
  const policy = definePolicy({
    filter: reading(() => verdict.promise.then(() => undefined)),
  });
  await played(policy, async (play) => {
    const { robots, say } = play;
    assertEquals(await send(play, LARGE), undefined);
    const sent = robots.commands.filter((line) => line.startsWith("BDAT"));
    assertEquals(sent.length > 0 && sent.every((line) => !line.endsWith("LAST")), true);
    assertEquals(robots.messages, []);
    verdict.resolve();
    assertEquals(await say(""), ["250 2.0.0 Queued"]);
    assertEquals(robots.messages, [LARGE]);
  });
});

Deno.test("gate: an upstream that waits is told every 30 seconds that we are there", async () => {
  const verdict = Promise.withResolvers<void>();
  const filter = reading(() => verdict.promise.then(() => undefined));
  await played(definePolicy({ filter, timeLimit: 600_000 }), async (play) => {
    const { stage, robots, say } = play;
    await send(play, LARGE);
    for (let nth = 0; nth < 3; nth++) {
      await stage.clock.advance(30_000);
      await robots.rest();
    }
    assertEquals(robots.commands.filter((line) => line === "NOOP").length, 3);
    verdict.resolve();
    assertEquals(await say(""), ["250 2.0.0 Queued"]);
    assertEquals(robots.messages, [LARGE]);
  });
});

/** A filter that knows after 200 octets. */
const early: Filter = async ({ message }) => {
  let octets = 0;
  for await (const piece of message.stream()) {
    octets += piece.length;
    if (octets > 200) return reject(NO);
  }
};

Deno.test("gate: an early verdict ends the transfer upstream, DATA is read to its true end", async () => {
  await played(definePolicy({ filter: early }), async ({ robots, say }) => {
    await say(`${ENVELOPE}DATA\r\n`);
    await say(HEADER + LINE.repeat(5));
    assertEquals(await say(LINE), []);
    assertEquals(robots.commands.at(-1), "RSET");
    const commands = robots.commands.length;
    assertEquals(await say(LINE.repeat(100)), []);
    assertEquals(await say("QUIT\r\n.\r\n"), [NO]);
    assertEquals(robots.commands.length, commands);
    assertEquals(await say("NOOP\r\n"), ["250 2.0.0 Ok"]);
  });
});

Deno.test("gate: an early verdict is told at once to a client that sends chunks", async () => {
  await played(definePolicy({ filter: early }), async ({ robots, say }) => {
    const first = HEADER + LINE.repeat(5);
    await say(`${ENVELOPE}BDAT ${first.length}\r\n${first}`);
    assertEquals(await say(`BDAT ${LINE.length}\r\n${LINE}`), [NO]);
    assertEquals(robots.commands.at(-1), "RSET");
  });
});

Deno.test("gate: a client that vanishes: the filter learns that there is no whole message", async () => {
  const failures: unknown[] = [];
  const policy = definePolicy({
    filter: async ({ message }) => {
      try {
        for await (const _ of message.stream());
      } catch (error) {
        failures.push(error);
      }
    },
  });
  await played(policy, async ({ stage, robots, client, say }) => {
    await say(`${ENVELOPE}DATA\r\n`);
    await say(LARGE);
    client.close();
    await robots.rest();
    assertEquals(robots.messages, []);
    assertEquals(failures.map((error) => error instanceof Incomplete), [true]);
    assertEquals(stage.troubles, []);
  });
});

const never = new Promise<undefined>(() => {});

/** What goes wrong with a filter, and whether a message of any size shows it. */
const broken: Readonly<Record<string, { readonly filter: Filter; readonly always: boolean }>> = {
  "throws at once": { filter: () => Promise.reject(new Error("x")), always: true },
  "throws in the middle": { filter: reading(() => Promise.reject(new Error("x"))), always: true },
  "throws without a promise": {
    filter: () => {
      throw new Error("x");
    },
    always: true,
  },
  "reads all and hangs": { filter: reading(() => never), always: true },
  "reads nothing and hangs": { filter: () => never, always: true },
  "reads a bit and hangs": {
    filter: async ({ message }) => {
      await message.stream().getReader().read();
      return await never;
    },
    always: true,
  },
  "says what is no verdict": { filter: reading(() => "good" as never), always: true },
};

for (const [name, { filter }] of Object.entries(broken)) {
  Deno.test(`gate: a filter that ${name}: its stated answer, and nothing by accident`, async () => {
    const answers = {
      accept: "250 2.0.0 Queued",
      defer: "451 4.3.0 Temporary failure, try again later",
      reject: "550 5.7.0 Cannot be checked",
    } as const;
    for (const [onFailure, answer] of Object.entries(answers)) {
      const policy = definePolicy({
        filter,
        onFailure: onFailure as keyof typeof answers,
        timeLimit: 5_000,
      });
      for (const content of [HEADER, LARGE + LINE.repeat(3_000)]) {
        await played(policy, async ({ stage, robots, client, say }) => {
          await say(`${ENVELOPE}DATA\r\n`);
          // It may take its time: a filter that does not read keeps the client waiting.
          const sent = client.send(`${content}.\r\n`);
          await robots.rest();
          for (let second = 0; client.unread === "" && second < 70; second++) {
            await stage.clock.advance(1_000);
            await robots.rest();
          }
          await sent;
          assertEquals(client.take().split("\r\n").slice(0, -1), [answer], onFailure);
          assertEquals(robots.messages, onFailure === "accept" ? [content] : []);
        }, { proxy: { policy, window: WINDOW, policyTimeLimit: 5_000 } });
      }
    }
  });
}

Deno.test("gate: a filter that answers without reading keeps nothing waiting", async () => {
  const policy = definePolicy({ filter: () => Promise.resolve(undefined) });
  await played(policy, async (play) => {
    const content = LARGE + LINE.repeat(5_000);
    assertEquals(await send(play, content), "250 2.0.0 Queued");
    assertEquals(play.robots.messages, [content]);
  });
});

Deno.test("gate: several filters: all see it, the first refusal decides", async () => {
  const seen: number[] = [];
  const slow = Promise.withResolvers<undefined>();
  let aborted = false;
  const policy = compose(
    definePolicy({ name: "one", filter: reading((text) => void seen.push(text.length)) }),
    definePolicy({
      name: "slow",
      filter: ({ message }) => {
        message.signal.addEventListener("abort", () => aborted = true);
        return slow.promise;
      },
    }),
    definePolicy({ name: "no", filter: reading(() => reject(NO)) }),
  );
  await played(policy, async (play) => {
    assertEquals(await send(play, HEADER), NO);
    assertEquals([seen, aborted], [[HEADER.length], true]);
    slow.resolve(undefined);
  });
});

Deno.test("gate: points add up, and whoever is asked last sees the sum", async () => {
  const sums: number[] = [];
  const policy = compose(
    definePolicy({ headers: () => score(1) }),
    definePolicy({ filter: () => score(2.5) }),
    definePolicy({ filter: reading(() => score(-0.5)) }),
    definePolicy({
      content: ({ score }) => {
        sums.push(score);
        return score > 2 ? defer("451 4.7.1 Doubtful") : undefined;
      },
    }),
  );
  await played(policy, async (play) => {
    assertEquals(await send(play, LARGE), "451 4.7.1 Doubtful");
    assertEquals([sums, play.robots.messages], [[3], []]);
  });
});

Deno.test("gate: discard and disconnect", async () => {
  const saying = (say: ReturnType<Filter>) => definePolicy({ filter: reading(() => say) });
  await played(saying(discard()), async (play) => {
    assertEquals(await send(play, LARGE), "250 2.0.0 Ok");
    assertEquals(play.robots.messages, []);
  });
  await played(saying(disconnect("421 4.7.0 Enough")), async (play) => {
    assertEquals(await send(play, LARGE), "421 4.7.0 Enough");
    assertEquals(play.robots.messages, []);
  });
});

Deno.test("gate: a message too large for a filter", async () => {
  const failures: unknown[] = [];
  const filter: Filter = async ({ message }) => {
    try {
      for await (const _ of message.stream());
    } catch (error) {
      failures.push(error);
      throw error;
    }
    return reject(NO);
  };
  for (const larger of ["accept", "defer"] as const) {
    const policy = definePolicy({ filter, reading: { octets: 500, larger } });
    await played(policy, async (play) => {
      assertEquals(await send(play, HEADER), NO);
      const answer = larger === "accept"
        ? "250 2.0.0 Queued"
        : "451 4.3.0 Temporary failure, try again later";
      assertEquals(await send(play, LARGE), answer);
      assertEquals(failures.every((error) => error instanceof TooMuch), true);
    });
  }
});

Deno.test("gate: one message at a time, the others wait with theirs", async () => {
  const turns: PromiseWithResolvers<void>[] = [];
  let most = 0;
  let now = 0;
  const filter: Filter = async ({ message }) => {
    most = Math.max(most, ++now);
    for await (const _ of message.stream());
    const turn = Promise.withResolvers<void>();
    turns.push(turn);
    await turn.promise;
    now--;
  };
  await played(definePolicy({ filter, reading: { concurrency: 1 } }), async ({ stage, robots }) => {
    const clients = [stage.connect(), stage.connect(), stage.connect()];
    for (const client of clients) {
      await client.send(`EHLO x.example\r\n${ENVELOPE}BDAT ${HEADER.length} LAST\r\n${HEADER}`);
    }
    for (let nth = 0; nth < clients.length; nth++) {
      await robots.rest();
      assertEquals([turns.length, robots.messages.length], [nth + 1, nth]);
      turns[nth].resolve();
    }
    await robots.rest();
    assertEquals([most, robots.messages.length], [1, 3]);
    for (const client of clients) {
      client.take();
      client.close();
    }
  });
});

Deno.test("window: a message that fits is changed by what is found in it", async () => {
  const policy = compose(
    definePolicy({
      headers: ({ headers }) => addHeader("X-Subject", headers.get("subject") ?? ""),
    }),
    definePolicy({ filter: reading((text) => addHeader("X-Length", String(text.length))) }),
    definePolicy({
      content: ({ editable }) => addHeader("X-Editable", String(editable), "bottom"),
    }),
  );
  await played(policy, async (play) => {
    assertEquals(await send(play, `${HEADER}Hi\r\n`), "250 2.0.0 Queued");
    assertEquals(play.robots.messages, [
      "X-Length: 19\r\nX-Subject: Hi\r\nSubject: Hi\r\nX-Editable: true\r\n\r\nHi\r\n",
    ]);
    assertEquals(await send(play, LARGE), "250 2.0.0 Queued");
    assertEquals(play.robots.messages.at(-1), `X-Subject: Hi\r\n${LARGE}`);
  });
});

Deno.test("window: what a policy keeps of a message stays what it was", async () => {
  const kept: (() => string)[] = [];
  const text = (octets: readonly Uint8Array[]): string =>
    octets.map((piece) => new TextDecoder().decode(piece)).join("");
  const policy = definePolicy({
    headers: ({ headers }) => void kept.push(() => text(headers.octets)),
    filter: async ({ message }) => {
      for await (const piece of message.stream()) kept.push(() => text([piece]));
    },
    seal: ({ body }) => void kept.push(() => body === undefined ? "" : text([body])),
  });
  await played(policy, async (play) => {
    const contents = ["one", "two", "six"].map((word) => `Subject: ${word}\r\n\r\n${word}\r\n`);
    for (const content of contents) await send(play, content);
    assertEquals(play.robots.messages, contents);
    const expected = contents.flatMap((content) => {
      const [header, body] = content.split("\r\n\r\n");
      return [`${header}\r\n`, content, body];
    });
    assertEquals(kept.map((look) => look()), expected);
  });
});

Deno.test("window: what comes too late can be the reason of a refusal", async () => {
  const beyond = reject("452 4.3.1 Too large to be marked").reply;
  const policy = definePolicy({
    filter: reading(() => ({ ...addHeader("X-Spam", "yes"), beyond })),
  });
  await played(policy, async (play) => {
    assertEquals(await send(play, LARGE), "452 4.3.1 Too large to be marked");
    assertEquals(await send(play, HEADER), "250 2.0.0 Queued");
    assertEquals(play.robots.messages, [`X-Spam: yes\r\n${HEADER}`]);
  });
});

Deno.test("window: a policy may want more of it", async () => {
  const policy = definePolicy({
    window: 10_000,
    filter: reading(() => addHeader("X-Spam", "yes")),
  });
  await played(policy, async (play) => {
    await send(play, LARGE);
    assertEquals(play.robots.messages, [`X-Spam: yes\r\n${LARGE}`]);
  });
});

Deno.test("window: a header section that is larger is asked about in part, and changed on top", async () => {
  const asked: boolean[] = [];
  const header = `Subject: Hi\r\n${"X-Long: 0123456789\r\n".repeat(10)}`;
  const policy = definePolicy({
    headers: ({ complete, headers }) => {
      asked.push(complete && headers.has("subject"));
      return [addHeader("X-Top", "1"), addHeader("X-Below", "2", "bottom")];
    },
  });
  await played(policy, async (play) => {
    const { say } = play;
    await say(`${ENVELOPE}DATA\r\n`);
    await say(header.slice(0, WINDOW + 4));
    assertEquals(await say(`${header.slice(WINDOW + 4)}\r\nHi\r\n.\r\n`), ["250 2.0.0 Queued"]);
    const [message] = play.robots.messages;
    assertEquals(
      message.replace("X-Top: 1\r\n", "").replace("X-Below: 2\r\n", ""),
      `${header}\r\nHi\r\n`,
    );
    assertEquals(message.startsWith("X-Top: 1\r\nSubject: Hi\r\n"), true);
    assertEquals(message.indexOf("X-Below") < message.indexOf("\r\n\r\n"), true);
    assertEquals(asked, [false]);
  });
});
