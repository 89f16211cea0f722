import { assert, assertEquals, assertMatch } from "@std/assert";
import { run } from "../cli/_run.ts";
import { Client } from "../config/_client.ts";
import { rest } from "../_dialogue.ts";
import { guarded } from "../_peer.ts";
import { codeOf, idleListener, letGo, post, read, say, watched } from "./_admin.ts";
import { Fixture } from "./_service.ts";

Deno.test("readyz: what is wrong, one thing after another", async () => {
  await watched({ others: { spare: [] } }, async ({ stage, ask }) => {
    const ready = async (status: number) => {
      const response = await ask("/readyz");
      const { ready, checks } = await read(response, status);
      assertEquals(ready, status === 200);
      return checks;
    };
    const good = { good: true, found: `"default" answers; "spare" answers` };
    const accepting = { good: true, found: "taking sessions" };
    assertEquals(await ready(503), {
      listening: { good: false, found: "0 listeners" },
      accepting,
      upstream: good,
    });
    const served = stage.proxy.serve(idleListener());
    const listening = { good: true, found: "1 listeners" };
    assertEquals(await ready(200), { listening, accepting, upstream: good });
    assertEquals((await ask("/readyz", { method: "HEAD" })).status, 200);

    // An answer of ten seconds ago is good enough; then it is asked again.
    stage.upstream.refusals = stage.others.spare.refusals = 1;
    await stage.clock.advance(9_999);
    assertEquals((await ready(200)).upstream, good);
    await stage.clock.advance(1);
    const { upstream: down } = await ready(503);
    assertEquals(down.good, false);
    assertMatch(down.found, /^"default": .*refused.*; "spare": .*refused/);
    assertEquals((await ready(200)).upstream, good);

    // The one that mail takes has to answer; what is not reached in time is not reached.
    for (
      const [silent, status, found] of [
        [stage.upstream, 503, /^"default": Timed out .*; "spare" answers$/],
        [stage.others.spare, 200, /^"default" answers; "spare": Timed out /],
      ] as const
    ) {
      await stage.clock.advance(10_000);
      silent.stalls = 1;
      const asked = ready(status);
      await rest();
      await stage.clock.advance(5_000);
      assertMatch((await asked).upstream.found, found);
      await stage.clock.advance(600_000);
    }

    const client = await stage.ready();
    await say(client, ["MAIL FROM:<a@client.example>", "250 *"]);
    const closed = stage.proxy.close();
    assertEquals((await ready(503)).accepting, { good: false, found: "draining" });
    assertEquals((await read(await ask("/api/stats"))).draining, true);
    client.close();
    await letGo(stage);
    await closed;
    await served;
  });
});

Deno.test("upstreams: health is that of the newer, the last session or the last probe", async () => {
  await watched({}, async ({ stage, ask }) => {
    const health = async (): Promise<string> =>
      (await read(await ask("/api/upstreams"))).upstreams[0].health;
    assertEquals(await health(), "up");
    const client = await stage.ready();
    // A session finds that it is gone, and so does the probe that comes after it.
    stage.upstream.refusals = 2;
    await say(client, ["MAIL FROM:<a@client.example>", "451 *"]);
    await stage.clock.advance(1);
    assertEquals(await health(), "down");
    // It is back, without any session.
    assertEquals(await health(), "up");
    // It goes without any session.
    await stage.clock.advance(10_000);
    stage.upstream.refusals = 1;
    assertEquals(await health(), "down");
    assertEquals(await health(), "up");
    client.close();
    await letGo(stage);
  });
});

Deno.test("sessions: one is disconnected with 421, and no other", async () => {
  await watched({}, async ({ stage, ask }) => {
    const [one, other] = [await stage.ready(), await stage.ready()];
    const { sessions, total } = await read(await ask("/api/sessions"));
    assertEquals([total, sessions.length], [2, 2]);
    const init = { method: "DELETE", headers: { "content-type": "application/json" } };
    // The newest is the first.
    const path = `/api/sessions/${sessions[1].id}`;
    assertEquals(await read(await ask(path, init)), { disconnected: true });
    await one.expect("421 *");
    await one.expectClose();
    one.close();
    await rest();
    assertEquals(await codeOf(await ask(path, init)), "not-found");
    assertEquals((await read(await ask("/api/sessions"))).total, 1);
    await say(other, ["NOOP", "250 *"], ["QUIT", "221 *"]);
  });
});

Deno.test("without a configuration there is nothing to reload", async () => {
  await watched({}, async ({ ask }) => {
    assertEquals((await read(await ask("/api/policy"))).reloadable, false);
    const response = await ask("/api/reload", post({}));
    assertEquals([response.status, await codeOf(response)], [409, "not-reloadable"]);
  });
});

Deno.test("drain: with a body, without, and with one that is none", async () => {
  for (const body of [undefined, "", "{}", `{"deadline":0}`]) {
    await watched({}, async ({ ask }) => {
      const headers = { "content-type": "application/json" };
      const drained = await read(await ask("/api/drain", { method: "POST", headers, body }));
      assertEquals(drained, { drained: true, took: 0 });
    });
  }
  const wrong: readonly (readonly [body: string, status: number, code: string])[] = [
    ["{", 400, "unreadable"],
    [" ", 400, "unreadable"],
    ["null", 422, "invalid"],
    ["[]", 422, "invalid"],
    ["7", 422, "invalid"],
    [`{"deadline":"1"}`, 422, "invalid"],
    [`{"deadline":1.5}`, 422, "invalid"],
    [`{"deadline":-1}`, 422, "invalid"],
    [`{"deadline":3600001}`, 422, "invalid"],
    [`{"dedline":1}`, 422, "invalid"],
  ];
  await watched({}, async ({ stage, ask }) => {
    const headers = { "content-type": "application/json" };
    for (const [body, status, code] of wrong) {
      const response = await ask("/api/drain", { method: "POST", headers, body });
      assertEquals([response.status, await codeOf(response)], [status, code], body);
    }
    assertEquals(stage.proxy.closing, false);
  });
});

Deno.test("a body of more than 2 MiB is not read, whether its length is declared or not", async () => {
  await watched({}, async ({ ask }) => {
    const MEBIBYTE = new Uint8Array(1024 * 1024).fill(0x20);
    let pulled = 0;
    const endless = new ReadableStream({
      pull: (controller) => (pulled++, controller.enqueue(MEBIBYTE)),
    }, { highWaterMark: 0 });
    const headers = { "content-type": "application/json" };
    for (const path of ["/api/policy/explain", "/api/drain"]) {
      for (const [size, status] of [[2 * 1024 * 1024 + 1, 413], [2 * 1024 * 1024, 400]] as const) {
        const whole = await ask(path, { method: "POST", headers, body: " ".repeat(size) });
        assertEquals(whole.status, status, path);
        assertEquals(await codeOf(whole), status === 413 ? "too-large" : "unreadable");
      }
    }
    const streamed = await ask("/api/drain", { method: "POST", headers, body: endless });
    assertEquals([streamed.status, await codeOf(streamed)], [413, "too-large"]);
    assertEquals(pulled, 3);
  });
});

Deno.test("a body that does not come is waited for, and not for longer than 30 seconds", async () => {
  await watched({}, async ({ stage, ask }) => {
    let cancelled = false;
    const body = new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode("{")),
      cancel: () => void (cancelled = true),
    });
    const headers = { "content-type": "application/json" };
    const answer = ask("/api/drain", { method: "POST", headers, body });
    await rest();
    await stage.clock.advance(29_999);
    assertEquals(cancelled, false);
    await stage.clock.advance(1);
    const response = await answer;
    assertEquals([response.status, await codeOf(response)], [408, "too-slow"]);
    assertEquals([cancelled, stage.proxy.closing], [true, false]);
  });
});

const PLACES = `
  [[listen]]
  address = "127.0.0.1:0"
  [admin]
  listen = "127.0.0.1:0"
`;

const rule = (name: string, rest: string) => `
  [[rule]]
  name = "${name}"
  at = "mail"
  ${rest}
`;

const RULES = rule(
  "too many",
  `when.rate = { of = "sender", per = "24h", above = 2 }\nthen.reject = "450 4.7.1 Slow down"`,
) +
  rule("banned", `when.sender = "banned@*"\nthen.reject = "550 5.7.1 Banned"`) +
  `
  [[rule]]
  name = "moved"
  at = "rcpt"
  when.recipient = "old@*"
  then.rewrite = "new@upstream.example"
`;

Deno.test("explain: says what `sluice explain` says, and changes nothing", async () => {
  await using fixture = await new Fixture(PLACES + RULES).start();
  const directory = await Deno.makeTempDir({ prefix: "sluice-explain-" });
  await Deno.writeTextFile(`${directory}/a.toml`, RULES);
  const rows: readonly { readonly from: string; readonly to: string[] }[] = [
    { from: "a@client.example", to: ["b@upstream.example"] },
    { from: "banned@client.example", to: ["b@upstream.example"] },
    { from: "<>", to: ["old@upstream.example", "b@upstream.example"] },
  ];
  for (const row of rows) {
    for (let nth = 0; nth < 3; nth++) {
      const answer = await fixture.ask("api/policy/explain", post({ client: "192.0.2.1", ...row }));
      const { phases, outcome, envelope, upstream } = await read(answer);
      const printed = [
        // deno-lint-ignore no-explicit-any
        ...phases.flatMap(({ phase, about, result, reply, steps }: any) => [
          `${phase}${about === "" ? "" : ` ${about}`}: ${result}` +
          (reply === undefined ? "" : ` (${reply.slice(4)})`),
          ...steps.map(({ check, verdict }: { check: string; verdict: string }) =>
            `  ${check}: ${verdict}`
          ),
        ]),
        outcome === "accepted"
          ? `accepted: from <${envelope.from}> to ` +
            `${envelope.to.map((to: string) => `<${to}>`).join(" ")} at "${upstream}"`
          : outcome,
      ];
      const { status, out } = await run(
        ...["explain", "--config", `${directory}/a.toml`, "--client", "192.0.2.1"],
        ...["--from", row.from, ...row.to.flatMap((to) => ["--to", to])],
      );
      assertEquals([status, out], [0, printed]);
    }
  }
  const { rules } = await read(await fixture.ask("api/policy"));
  assertEquals(
    rules.map((
      { name, asked, hits }: { name: string; asked: number; hits: number },
    ) => [name, asked, hits]),
    [["too many", 0, 0], ["banned", 0, 0], ["moved", 0, 0]],
  );
  assertMatch(await fixture.mail("a@client.example"), /^250 /);
  assertMatch(await fixture.mail("a@client.example"), /^250 /);
  assertMatch(await fixture.mail("a@client.example"), /^450 /);
  await Deno.remove(directory, { recursive: true });
});

Deno.test("reload: all of it, or the mistakes and nothing", async () => {
  await using fixture = await new Fixture(PLACES).start();
  const reload = () => fixture.ask("api/reload", post({}));
  assertEquals((await read(await fixture.ask("api/policy"))).reloadable, true);
  fixture.text = PLACES + RULES;
  assertEquals(await read(await reload()), { reloaded: true });
  assertMatch(await fixture.mail("banned@client.example"), /^550 /);

  fixture.text = `hostname = 7\n${PLACES}[limits]\nrecipients = 0\n`;
  const { error } = await read(await reload(), 422);
  assertEquals([error.code, error.mistakes.length], ["configuration", 2]);
  assertMatch(error.mistakes.join("\n"), /^a\.toml:1:1: hostname: .*\n.* limits\.recipients: /);
  assertMatch(await fixture.mail("banned@client.example"), /^550 /);
  assertEquals((await read(await fixture.ask("api/policy"))).rules.length, 3);

  // The request comes over the admin that the reload takes away.
  const old = fixture.admin;
  fixture.text = PLACES.replace('[admin]\n  listen = "127.0.0.1:0"', "");
  assertEquals(await read(await reload()), { reloaded: true });
  assertEquals(fixture.said.at(-1), `closed admin ${old}`);
});

Deno.test("drain: answers when the last session has ended, and then the service does", async () => {
  await using fixture = await new Fixture(PLACES).start();
  const client = await Client.connect(fixture.service.addresses[0]);
  await client.reply();
  for (const line of ["HELO client.example", "MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>"]) {
    assertMatch(await client.say(line), /^250 /);
  }
  assertMatch(await client.say("DATA"), /^354 /);
  let done = false;
  const drained = fixture.ask("api/drain", post({})).then((answer) => (done = true, answer));
  while (!(await read(await fixture.ask("api/stats"))).draining);
  assertEquals(done, false);
  assertEquals((await read(await fixture.ask("readyz"), 503)).checks.accepting.good, false);
  const reload = await fixture.ask("api/reload", post({}));
  assertEquals([reload.status, await codeOf(reload)], [409, "draining"]);
  assertMatch(await client.say("Hello\r\n."), /^250 /);
  await client.close();
  const { drained: all, took } = await read(await drained);
  assert(all && took > 0);
  await guarded(fixture.service.drained, () => "the service to be told");
});

Deno.test("drain: cuts off what is left after the deadline", async () => {
  await using fixture = await new Fixture(PLACES).start();
  const client = await Client.connect(fixture.service.addresses[0]);
  await client.reply();
  await client.say("HELO client.example");
  await client.say("MAIL FROM:<a@x.example>");
  await read(await fixture.ask("api/drain", post({ deadline: 1 })));
  assertEquals(fixture.service.sessions, 0);
  await client.close();
});
