import { assert, assertEquals } from "@std/assert";
import { chaos, greetDelay, tarpit } from "../../../src/policy/checks/mod.ts";
import { Reply } from "../../../src/rfc5321/reply.ts";
import { FakeClock, settle } from "../../_clock.ts";
import { onStage } from "../../_dialogue.ts";
import { Asker, path } from "./_ask.ts";

/** Milliseconds of the clock that a question takes. */
async function delayOf(clock: FakeClock, ask: () => Promise<string>): Promise<number> {
  const began = clock.now();
  let ended: number | undefined;
  void ask().then(() => ended = clock.now());
  await settle();
  for (let second = 0; ended === undefined && second < 100; second++) await clock.advance(1000);
  return ended! - began;
}

Deno.test("greet-delay in a session: the greeting comes when the time is up", () =>
  onStage({ proxy: { policy: greetDelay({ delay: "4s" }) } }, async (stage) => {
    const client = stage.connect();
    await stage.clock.advance(3_999);
    await client.expectNothing();
    await stage.clock.advance(1);
    await client.expect("220 proxy.example ESMTP");
    await client.send("NOOP\r\n");
    await client.expect("250 2.0.0 Ok");

    // Whoever has waited need not wait again.
    const again = stage.connect();
    await again.expect("220 proxy.example ESMTP");
  }));

Deno.test("greet-delay in a session: early talkers are refused, and remembered", () =>
  onStage({ proxy: { policy: greetDelay({ reply: "554 5.5.0 Too early" }) } }, async (stage) => {
    const client = stage.connect();
    await client.send("EHLO early.example\r\n");
    await client.expect("554 5.5.0 Too early");
    await client.expectClose();
    const again = stage.connect();
    await again.expect("554 5.5.0 Too early");
  }));

Deno.test("silence: what came early is obeyed where the policy lets it pass", () =>
  onStage({
    proxy: {
      policy: {
        definitions: [{
          async connect({ silence }) {
            assertEquals([await silence(10), await silence(10)], [false, false]);
          },
        }],
      },
    },
  }, async (stage) => {
    const client = stage.connect();
    await client.send("NOOP\r\nRS");
    await client.expect("220 proxy.example ESMTP", "250 2.0.0 Ok");
    await client.send("ET\r\n");
    await client.expect("250 2.0.0 Reset");
  }));

Deno.test("silence: an octet behind the wait is not lost, and neither is the client's end", () => {
  const waits: boolean[] = [];
  const policy = {
    definitions: [{
      async connect({ silence }: { silence: (milliseconds: number) => Promise<boolean> }) {
        waits.push(await silence(10), await silence(20));
      },
    }],
  };
  return onStage({ proxy: { policy } }, async (stage) => {
    const client = stage.connect();
    await stage.clock.advance(30);
    await client.expect("220 proxy.example ESMTP");
    await client.send("NOOP\r\n");
    await client.expect("250 2.0.0 Ok");
    assertEquals(waits.splice(0), [true, true]);

    const gone = stage.connect();
    await settle();
    gone.reset();
    await settle();
    await stage.clock.advance(30);
    assertEquals(waits, [true, true]);
  });
});

Deno.test("silence: what came behind a PROXY header came early", () => {
  const listener = { proxyFrom: ["192.0.2.1"] };
  return onStage({ proxy: { policy: greetDelay() }, listener }, async (stage) => {
    const client = stage.connect();
    await client.send("PROXY TCP4 198.51.100.1 192.0.2.25 50000 25\r\nEHLO early.example\r\n");
    await client.expect("554 5.5.0 Spoke before the greeting");
    const patient = stage.connect();
    await patient.send("PROXY TCP4 198.51.100.2 192.0.2.25 50000 25\r\n");
    await stage.clock.advance(5_000);
    await patient.expect("220 proxy.example ESMTP");
  });
});

Deno.test("greet-delay: who need not wait", async () => {
  const policy = greetDelay({ except: ["198.51.100.0/24", "friend.example"], remember: 0 });
  const rows = [
    [{ trusted: true }, "-"],
    [{ address: "198.51.100.7" }, "-"],
    [{ name: "Friend.example" }, "-"],
    [{}, "554 5.5.0 Spoke before the greeting"],
    // Nothing was remembered of the one before.
    [{}, "-"],
  ] as const;
  for (const [nth, [client, expected]] of rows.entries()) {
    const asker = new Asker(policy, client);
    asker.silent = nth === rows.length - 1;
    assertEquals(await asker.connect(), expected, JSON.stringify(client));
  }
});

Deno.test("greet-delay: what is remembered is forgotten in time", async () => {
  const clock = new FakeClock();
  const policy = greetDelay({ remember: "10m" }, { clock });
  const ask = async (silent: boolean) => {
    const asker = new Asker(policy, {}, clock);
    asker.silent = silent;
    return (await asker.connect()).slice(0, 3);
  };
  const answers = [await ask(false), await ask(true)];
  await clock.advance(599_999);
  answers.push(await ask(true));
  await clock.advance(1);
  answers.push(await ask(true), await ask(false));
  assertEquals(answers, ["554", "554", "554", "-", "-"]);
});

Deno.test("greet-delay: ten thousand addresses are remembered, and no more", async () => {
  const policy = greetDelay();
  const ask = async (nth: number, silent: boolean) => {
    const asker = new Asker(policy, { address: `2001:db8::${nth.toString(16)}` });
    asker.silent = silent;
    return (await asker.connect()).slice(0, 3);
  };
  for (let nth = 0; nth <= 10_000; nth++) await ask(nth, false);
  assertEquals([await ask(1, true), await ask(0, true), await ask(1, true)], ["554", "-", "-"]);
});

Deno.test("tarpit: refused recipients, by the policy and by the upstream", async () => {
  const clock = new FakeClock();
  const refusing = new Set(["no@x.example"]);
  const policy = {
    definitions: [
      ...tarpit({ after: 2, step: "1s", longest: "3s" }, { clock }).definitions,
      {
        rcpt: ({ forwardPath }: { forwardPath: { address: string } }) =>
          refusing.has(forwardPath.address)
            ? { kind: "reject" as const, reply: Reply.parse("550 5.1.1 No") }
            : undefined,
      },
    ],
  };
  const asker = new Asker(policy, {}, clock);
  const delays = [await delayOf(clock, () => asker.mail("s@x.example"))];
  for (let nth = 0; nth < 4; nth++) {
    delays.push(await delayOf(clock, () => asker.rcpt("no@x.example")));
  }
  // A recipient learns of those before it.
  assertEquals(delays, [0, 0, 0, 0, 1000]);
  asker.recipients = [
    ...asker.recipients,
    { forwardPath: path("u@x.example"), parameters: {}, reply: Reply.parse("550 5.1.1 No") },
    { forwardPath: path("v@x.example"), parameters: {}, reply: Reply.parse("250 2.1.5 Ok") },
    { forwardPath: path("w@x.example"), parameters: {} },
  ];
  assertEquals(await delayOf(clock, () => asker.rcpt("yes@x.example")), 3000);
  assertEquals(await delayOf(clock, () => asker.data()), 0);
  assertEquals(await delayOf(clock, () => asker.mail("s@x.example")), 3000);
  asker.client = { trusted: true };
  assertEquals(await delayOf(clock, () => asker.mail("s@x.example")), 0);
});

Deno.test("tarpit: transactions that come to nothing, and logins", async () => {
  const clock = new FakeClock();
  const policy = tarpit({ after: 1 }, { clock });
  const asker = new Asker(policy, {}, clock);
  const mail = () => delayOf(clock, () => asker.mail("s@x.example"));
  assertEquals([await mail(), await mail(), await mail()], [0, 0, 0]);
  for (const delay of [0, 1000, 2000]) {
    assertEquals(await delayOf(clock, () => asker.rcpt("r@x.example")), Math.max(0, delay - 1000));
    assertEquals(await mail(), delay);
  }
  await delayOf(clock, () => asker.rcpt("r@x.example"));
  await asker.data();
  assertEquals(await mail(), 2000);

  // A rule asks in one phase only: there is no data to be seen, and nothing is held against it.
  const { data: _, rcpt: __, ...mailOnly } = tarpit({ after: 0 }, { clock }).definitions[0];
  const innocent = new Asker({ definitions: [mailOnly] }, {}, clock);
  for (let nth = 0; nth < 3; nth++) {
    assertEquals(await delayOf(clock, () => innocent.mail("s@x.example")), 0);
  }

  const login = new Asker(policy, {}, clock);
  const delays = [];
  for (let nth = 0; nth < 4; nth++) delays.push(await delayOf(clock, () => login.auth()));
  assertEquals(delays, [0, 0, 1000, 2000]);
});

Deno.test("tarpit in a session: the recipient behind a refused one waits", async () => {
  const clock = new FakeClock();
  const policy = tarpit({ after: 0, step: "5s" }, { clock });
  await onStage({ offers: [], proxy: { policy } }, async (stage) => {
    const { client, upstream } = await stage.recipients();
    await client.send("RCPT TO:<no@x.example>\r\n");
    await upstream.expect("RCPT TO:<no@x.example>");
    await upstream.send("550 5.1.1 No\r\n");
    await client.expect("550 5.1.1 No");
    await client.send("RCPT TO:<yes@x.example>\r\n");
    await clock.advance(4_999);
    await upstream.expectNothing();
    await clock.advance(1);
    await upstream.expect("RCPT TO:<yes@x.example>");
    await upstream.send("250 2.1.5 Yes\r\n");
    await client.expect("250 2.1.5 Yes");
  });
});

Deno.test("chaos: each chance has its share, and a seed repeats itself", async () => {
  const options = { reject: 0.2, defer: 0.3, disconnect: 0.1, seed: 7, at: "rcpt" } as const;
  const play = async () => {
    const asker = new Asker(chaos(options));
    await asker.mail("a@x.example");
    const answers: string[] = [];
    for (let nth = 0; nth < 2000; nth++) answers.push(await asker.rcpt("b@x.example"));
    return answers;
  };
  const answers = await play();
  assertEquals(await play(), answers);
  const share = (start: string) => answers.filter((one) => one.startsWith(start)).length / 2000;
  const rows = [["554", 0.2], ["451", 0.3], ["close 421", 0.1], ["-", 0.4]] as const;
  for (const [start, expected] of rows) {
    assert(Math.abs(share(start) - expected) < 0.04, `${start}: ${share(start)}`);
  }
});

Deno.test("chaos: chances that are given, phase by phase", async () => {
  const chance = (value: number) => () => value;
  const rows = [
    [chance(0), "mail", "554 5.3.0 Failure on purpose"],
    [chance(0.5), "mail", "451 4.3.0 Failure on purpose"],
    [chance(0.75), "mail", "close 421 4.3.0 Failure on purpose"],
    [chance(0.9), "mail", "-"],
    [chance(0), "auth", "-"],
    [chance(0), "data", "554 5.3.0 Failure on purpose"],
  ] as const;
  for (const [random, phase, expected] of rows) {
    const policy = chaos({ reject: 0.5, defer: 0.25, disconnect: 0.125, random });
    assertEquals(await new Asker(policy)[phase]("a@x.example"), expected, phase);
  }
});

Deno.test("chaos: delays", async () => {
  const clock = new FakeClock();
  const policy = chaos({ delay: "40s", random: () => 0.9, at: ["ehlo"] }, { clock });
  const asker = new Asker(policy, {}, clock);
  assertEquals(await delayOf(clock, () => asker.ehlo("x")), 36_000);
  assertEquals(await delayOf(clock, () => asker.mail("a@x.example")), 0);
  assertEquals([clock.timers, asker.troubles], [0, []]);
});
