import { assertEquals } from "@std/assert";
import { Path } from "../../src/rfc5321/path.ts";
import type { Observer, TransactionEnd } from "../../src/session/observer.ts";
import type { Ruling } from "../../src/session/phases.ts";
import type { FakeClock } from "../_clock.ts";
import { lines, NOTHING, reply, session, transaction } from "./_log_lines.ts";

const mail = { ...session(), reversePath: Path.null, given: Path.null, parameters: {} };

Deno.test("what a transaction has cost", async () => {
  const asked = (...took: number[]): Ruling => ({
    steps: [],
    asked: took.map((took) => ({ check: "a", took })),
  });
  const costs = async (
    play: (observer: Required<Observer>, clock: FakeClock) => Promise<void>,
  ): Promise<string[]> => {
    const found = await lines({}, async ({ observer }, clock) => {
      observer.sessionOpened!(session());
      await play(observer as Required<Observer>, clock);
    });
    return found.map((line) => line.replace(/^.* octets=0 ?/, ""));
  };
  const command = { verb: "MAIL", reversePath: Path.null, parameters: {} } as const;
  const abandoned: TransactionEnd = { kind: "abandoned" };

  const pipelined = await costs(async (observer, clock) => {
    observer.upstreamReply(session(), "default", { verb: "NOOP", at: clock.monotonic(), took: 5 });
    observer.command(session(), command, clock.monotonic());
    await clock.advance(3);
    observer.ruling("mail", mail, asked(2, 0.26));
    await clock.advance(20);
    observer.upstreamOpened(session(), "default", {
      took: 20,
      reused: false,
      extensions: undefined!,
    });
    await clock.advance(10);
    // Two recipients that were sent at once are waited for at the same time.
    const rcptTo = { ...transaction(), forwardPath: Path.null, given: Path.null, parameters: {} };
    observer.ruling("rcpt", rcptTo, asked(1));
    observer.upstreamReply(session(), "default", {
      verb: "RCPT",
      at: clock.monotonic(),
      took: 10,
      reply: reply("250"),
    });
    await clock.advance(2);
    observer.upstreamReply(session(), "default", {
      verb: "RCPT",
      at: clock.monotonic(),
      took: 12,
      reply: reply("550 No"),
    });
    // The next MAIL is read before the end of this transaction is known.
    observer.command(session(), command, clock.monotonic());
    await clock.advance(5);
    observer.transaction(transaction(), abandoned);
    observer.ruling("mail", mail, NOTHING);
    await clock.advance(1);
    observer.upstreamReply(session(), "default", { verb: "MAIL", at: clock.monotonic(), took: 1 });
    observer.transaction(transaction(), { kind: "refused", at: "mail", reply: reply("451 4.4.2") });
  });
  assertEquals(pipelined, [
    'upstreamReply="550 No" took=40 policyTook=3.3 upstreamTook=32',
    'refusedAt=mail reply="451 4.4.2" took=6 upstreamTook=1',
  ]);

  const early = await costs(async (observer, clock) => {
    observer.command(session(), command, clock.monotonic());
    await clock.advance(1);
    observer.transaction(transaction(), { kind: "refused", at: "mail", reply: reply("530 TLS") });
  });
  assertEquals(early, ['refusedAt=mail reply="530 TLS" took=1']);

  const said = reply("250 Ok");
  const same = await costs((observer, clock) => {
    observer.ruling("mail", mail, NOTHING);
    observer.upstreamReply(session(), "default", {
      verb: "message",
      at: clock.monotonic(),
      took: 0,
      reply: said,
    });
    observer.transaction(transaction(), { kind: "accepted", reply: said });
    observer.sessionClosed(session(), "quit");
    // Nothing is kept of a session that is over.
    observer.ruling("mail", mail, asked(1));
    observer.transaction(transaction(), abandoned);
    return Promise.resolve();
  });
  assertEquals(same, ['reply="250 Ok" took=0 upstreamTook=0', ""]);
});
