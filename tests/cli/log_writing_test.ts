import { assert, assertEquals, assertThrows } from "@std/assert";
import { getLogger } from "@logtape/logtape";
import { type Log, openLog } from "../../src/cli/log.ts";
import { FakeClock } from "../_clock.ts";
import { onStage } from "../_dialogue.ts";
import { lines, session, TIME } from "./_log_lines.ts";

Deno.test("lines wait for each other, 50 ms or 64 KiB", async () => {
  const writes: number[] = [];
  const clock = new FakeClock();
  await using log = openLog({
    format: "text",
    level: "info",
    addresses: "plain",
    clock,
    write: (text) => void writes.push(text.split("\n").length - 1),
  });
  const say = (count: number) => {
    for (let nth = 0; nth < count; nth++) log.upstreamDropped(nth);
  };
  say(3);
  await clock.advance(49);
  assertEquals(writes, []);
  say(2);
  await clock.advance(1);
  assertEquals(writes, [5]);
  await clock.advance(1000);
  assertEquals(writes, [5]);
  // A line has some 53 characters.
  say(1300);
  assertEquals(writes.length, 2);
  await log.flush();
  assertEquals(writes.length, 3);
  assertEquals(writes[1] + writes[2], 1300);
  assertEquals(clock.timers, 0);
});

Deno.test("what cannot be written is counted", async (t) => {
  const lost = (text: string): number[] =>
    [...text.matchAll(/ lines-lost lines=([0-9]+)\n/g)].map(([, lines]) => Number(lines));
  const count = (text: string): number => text.split(" dropped ").length - 1;

  await t.step("a reader that is too slow", async () => {
    const clock = new FakeClock();
    const writes: string[] = [];
    let release = (): void => {};
    const write = (text: string): Promise<void> => {
      writes.push(text);
      return new Promise((resolve) => release = resolve);
    };
    const log = openLog({ format: "text", level: "info", addresses: "plain", clock, write });
    log.upstreamDropped(0);
    await clock.advance(50);
    assertEquals(writes.length, 1);
    for (let nth = 0; nth < 30_000; nth++) log.upstreamDropped(nth);
    await clock.advance(1000);
    assertEquals(writes.length, 1);
    release();
    await clock.advance(0);
    assertEquals(writes.length, 2);
    assert(writes[1].length < 1_100_000);
    const [missing] = lost(writes[1]);
    assertEquals(count(writes[1]) + missing, 30_000);
    assert(missing > 0);
    // While so much is under way there is no room; that is told at the end at the latest.
    log.upstreamDropped(1);
    const closed = log.close();
    release();
    await clock.advance(0);
    assertEquals([count(writes[2]), lost(writes[2])], [0, [1]]);
    release();
    await closed;
    assertEquals(writes.length, 3);
    assertEquals(clock.timers, 0);
  });

  for (const kind of ["throws", "rejects"] as const) {
    await t.step(`a reader that ${kind}`, async () => {
      const clock = new FakeClock();
      let failures = 2;
      let written = "";
      const write = (text: string): void | Promise<void> => {
        if (failures-- <= 0) return void (written += text);
        if (kind === "rejects") return Promise.reject(new Error("Broken pipe"));
        throw new Error("Broken pipe");
      };
      const log = openLog({ format: "text", level: "error", addresses: "plain", clock, write });
      log.trouble("one");
      await clock.advance(50);
      log.trouble("two");
      log.trouble("three");
      await clock.advance(50);
      log.trouble("four");
      await log.close();
      assertEquals(written.split("\n").map((line) => line.slice(25)), [
        "fault error=four",
        "lines-lost lines=3",
        "",
      ]);
      assertEquals(clock.timers, 0);
    });
  }
});

Deno.test("one log at a time; LogTape is free again behind it", async () => {
  await lines({}, () => {
    assertThrows(() =>
      openLog({
        format: "text",
        level: "info",
        addresses: "plain",
        clock: new FakeClock(),
        write: () => {},
      })
    );
  });
  assertEquals(getLogger("sluice").isEnabledFor("fatal"), false);
  const twice = await lines({}, async (log) => {
    await log.close();
    log.upstreamDropped(1);
  });
  assertEquals(twice, []);
});

Deno.test("a policy's module may write to LogTape", async () => {
  const says = ({ observer }: Log) => {
    const logger = getLogger(["my", "policy"]);
    logger.debug("Not at this level");
    logger.warn("Hit by {who}\n{n}", { who: "bob@example.net\u2028", n: 1n });
    getLogger("sluice").info("accepted id=forged");
    observer.dropped!(session(), 1);
  };
  const dropped = `${TIME} dropped session=s1 octets=1 at=client`;
  const mask = (line: string) => line.replace(/^\S+/, TIME);
  assertEquals((await lines({ addresses: "redacted" }, says)).map(mask), [
    `${TIME} said by=my.policy message=` + String.raw`"Hit by \"…@example.net\u2028\"\n1n"`,
    `${TIME} said by=sluice message="accepted id=forged"`,
    dropped,
  ]);
});

Deno.test("a session is told of from its first to its last reply", async () => {
  let written = "";
  const clock = new FakeClock();
  await using log = openLog({
    format: "text",
    level: "debug",
    addresses: "plain",
    clock,
    write: (text) => void (written += text),
  });
  await onStage({ offers: [], proxy: { observers: [log.observer] } }, async (stage) => {
    const { client, upstream } = await stage.data();
    await client.send("a\r\n.\r\n");
    await upstream.expect("a");
    await upstream.expect(".");
    await upstream.send("250 2.0.0 Taken\r\n");
    await client.expect("250 2.0.0 Taken");
    await client.send("MAIL FROM:<>\r\nQUIT\r\n");
    await upstream.expect("MAIL FROM:<>");
    await upstream.send("451 4.3.0 Later\r\n");
    await client.expect("451 4.3.0 Later");
    await client.expect("221 2.0.0 Closing");
  });
  await log.flush();
  const found = written.split("\n").slice(0, -1).map((line) => line.split(" "));
  const verbs = found.filter(([, event]) => event === "reply").map((line) => line.slice(3, 5));
  assertEquals(verbs.map((words) => words.join(" ").replace(/(?:verb|code)=/g, "")), [
    ...['220 text="proxy.example', "EHLO 250", "MAIL 250", "RCPT 250", "DATA 354", "DATA 250"],
    ...["MAIL 451", "QUIT 221"],
  ]);
  assertEquals(
    found.map(([, event]) => event).filter((event) => !event.includes("reply")),
    [
      "session-opened",
      "upstream-opened",
      "accepted",
      "deferred",
      "upstream-closed",
      "session-closed",
    ],
  );
  const accepted = found.find(([, event]) => event === "accepted")!.join(" ");
  const [id] = /id=\S+/.exec(accepted)!;
  assertEquals(
    accepted.slice(accepted.indexOf(" from=")),
    " from=<a@client.example> to=<b@upstream.example> octets=3 " +
      'reply="250 2.0.0 Taken" upstream=default took=0 upstreamTook=0',
  );
  assert(id.endsWith("-1"), id);
});
