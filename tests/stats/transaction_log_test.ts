import { assertEquals, assertStrictEquals } from "@std/assert";
import { Path } from "../../src/rfc5321/path.ts";
import { Reply } from "../../src/rfc5321/reply.ts";
import type { Recipient, TransactionFacts } from "../../src/session/facts.ts";
import type { TransactionEnd } from "../../src/session/observer.ts";
import {
  type TransactionFilter,
  TransactionLog,
  viewsOf,
} from "../../src/stats/transaction_log.ts";
import { pens } from "../../src/stats/pen.ts";
import { TransactionDraft } from "../../src/stats/transaction_record.ts";
import { accepted, recipient, record, session, step, transaction } from "./_facts.ts";

const numbersOf = (records: readonly { readonly number: number }[]): number[] =>
  records.map(({ number }) => number);

function filled(count: number, room: number): TransactionLog {
  const log = new TransactionLog(room);
  for (let n = 1; n <= count; n++) log.add(record({ id: `t-${n}` }))!;
  return log;
}

/** A transaction of so many recipients. */
function large(recipients: number, reply?: string): Partial<TransactionFacts> {
  const { original } = transaction();
  const all = Array.from({ length: recipients }, () => recipient("b@y.example", reply));
  return { original: { ...original, recipients: all } };
}

Deno.test("the last ones are there, numbered from 1, the newest first", () => {
  assertEquals(filled(0, 3).last, 0);
  assertEquals(filled(0, 3).find({}, 10), []);
  const log = filled(5, 3);
  assertEquals(log.last, 5);
  assertEquals(numbersOf(log.find({}, 10)), [5, 4, 3]);
  assertEquals(numbersOf(log.find({}, 2)), [5, 4]);
  assertEquals(numbersOf(log.find({}, 0)), []);
  assertEquals([log.get("t-2"), log.get("t-3")?.number, log.get("x")], [undefined, 3, undefined]);
});

Deno.test("find goes on before a number", () => {
  const log = filled(10, 6);
  const rows: readonly [before: number, found: readonly number[]][] = [
    [Infinity, [10, 9]],
    [11, [10, 9]],
    [10, [9, 8]],
    [7, [6, 5]],
    [6, [5]],
    [5, []],
    [1, []],
    [-1, []],
  ];
  for (const [before, found] of rows) assertEquals(numbersOf(log.find({}, 2, { before })), found);
});

Deno.test("since: those after a number, and how many more there are or were", () => {
  const log = filled(10, 6);
  const rows: readonly [after: number, limit: number, found: readonly number[], skipped: number][] =
    [
      [10, 9, [], 0],
      [99, 9, [], 0],
      [9, 9, [10], 0],
      [7, 2, [10, 9], 1],
      [4, 9, [10, 9, 8, 7, 6, 5], 0],
      // Out of the ring: 1 to 4.
      [3, 9, [10, 9, 8, 7, 6, 5], 1],
      [0, 2, [10, 9], 8],
    ];
  for (const [after, limit, found, skipped] of rows) {
    const since = log.since(after, {}, limit);
    assertEquals([numbersOf(since.records), since.skipped], [found, skipped], `after ${after}`);
  }
  assertEquals(new TransactionLog(5).since(0, {}, 5), { records: [], skipped: 0 });
});

Deno.test("since counts as skipped only what the filter lets through, as far as that is known", () => {
  const log = new TransactionLog(4);
  for (let n = 1; n <= 6; n++) {
    log.add(record({ id: `t-${n}` }, n % 2 ? accepted : { kind: "broken" }))!;
  }
  const since = log.since(0, { outcome: "broken" }, 1);
  assertEquals([numbersOf(since.records), since.skipped], [[6], 1 + 2]);
});

Deno.test("large ones need the room of several; the last is always there", () => {
  // 10 records are worth 500.
  const log = filled(10, 10);
  const { weight } = log.add(record(large(400)))!;
  assertEquals(weight > 400 && weight < 410, true);
  assertEquals(log.find({}, 99).length < 11, true);
  log.add(record(large(400)))!;
  assertEquals(numbersOf(log.find({}, 99)), [12]);
  log.add(record(large(2_000)))!;
  assertEquals(numbersOf(log.find({}, 99)), [13]);
  for (let n = 0; n < 10; n++) log.add(record())!;
  assertEquals(numbersOf(log.find({}, 99)), [23, 22, 21, 20, 19, 18, 17, 16, 15, 14]);
});

Deno.test("a reply weighs as much as it has lines, an upstream's long ones too", () => {
  const reply = new Reply(550, Array.from({ length: 100 }, () => "x"));
  const draft = new TransactionDraft(0, 0);
  draft.say({ number: 1, at: 0, reply, verb: "RCPT", took: 0 }, 10);
  draft.happen({ until: 0, took: 0, verb: "RCPT", result: reply });
  const log = new TransactionLog(10);
  const { original } = transaction();
  const refused: Recipient = { ...recipient("b@y.example"), reply };
  const one = record({ original: { ...original, recipients: [refused] } });
  assertEquals(log.add({ ...one, draft })!.weight, 302);
});

Deno.test("a record stays as it was at the end", () => {
  const recipients = [recipient("b@y.example")];
  const steps = [step("one", { kind: "proceed" })];
  const envelope = { ...transaction().original, recipients };
  const log = new TransactionLog(10);
  log.add(record({ original: envelope, current: envelope, steps }))!;
  recipients.push(recipient("c@y.example"));
  steps.push(step("two", { kind: "proceed" }));
  const [{ facts }] = log.find({}, 1);
  assertEquals(
    [facts.original.recipients.length, facts.current.recipients.length, facts.steps.length],
    [1, 1, 1],
  );
});

Deno.test("filters: each that is given has to be met", () => {
  const refused: TransactionEnd = {
    kind: "refused",
    at: "message",
    reply: Reply.parse("554 5.7.1 SPAM found"),
  };
  const current = {
    ...transaction().current,
    reversePath: Path.from("srs@relay.example"),
    recipients: [recipient("alias@z.example")],
  };
  const login = session("s", { name: "mx.client.example", login: "Alice" });
  const log = new TransactionLog(10);
  log.add({
    ...record({ current, steps: [step("greylist", { kind: "proceed" })] }, refused),
    session: login,
  });
  const empty = { ...transaction().original, recipients: [] };
  log.add(record({ original: empty, current: empty }, { kind: "broken" }))!;
  const rows: readonly [filter: TransactionFilter, found: readonly number[]][] = [
    [{}, [2, 1]],
    [{ address: "A@X.example" }, [2, 1]],
    [{ address: "B@y" }, [1]],
    [{ address: "srs@" }, [1]],
    [{ address: "alias" }, [1]],
    [{ address: "nobody" }, []],
    [{ client: "192.0.2" }, [2, 1]],
    [{ client: "CLIENT.example" }, [2, 1]],
    [{ client: "mx.client" }, [1]],
    [{ client: "alice" }, [1]],
    [{ outcome: "rejected" }, [1]],
    [{ outcome: "broken" }, [2]],
    [{ outcome: "accepted" }, []],
    [{ rule: "greylist" }, [1]],
    [{ rule: "grey" }, []],
    [{ reply: "554 5.7.1 spam" }, [1]],
    [{ reply: "2.1.5" }, [1]],
    [{ reply: "" }, [1]],
    [{ outcome: "rejected", address: "alias", client: "alice", rule: "greylist" }, [1]],
    [{ outcome: "broken", address: "alias" }, []],
  ];
  for (const [filter, found] of rows) {
    assertEquals(numbersOf(log.find(filter, 10)), found, JSON.stringify(filter));
    assertEquals(numbersOf(log.since(0, filter, 10).records), found, JSON.stringify(filter));
  }
});

Deno.test("filters find what is shown, and nothing else", () => {
  const { original } = transaction();
  const facts = { original: { ...original, recipients: [recipient("b@y.example", "550 No bob")] } };
  const end: TransactionEnd = {
    kind: "refused",
    at: "message",
    reply: Reply.parse("550 No alice"),
  };
  const log = new TransactionLog(10);
  log.add({ ...record(facts, end), session: session("s", { login: "carol" }) });
  const rows: readonly [filter: TransactionFilter, plain: number, redacted: number][] = [
    [{ address: "a@x" }, 1, 0],
    [{ address: "b@" }, 1, 0],
    [{ address: "…@x.example" }, 0, 1],
    [{ address: "y.example" }, 1, 1],
    [{ client: "carol" }, 1, 0],
    [{ client: "client.example" }, 1, 1],
    [{ reply: "alice" }, 1, 0],
    [{ reply: "bob" }, 1, 0],
    [{ reply: "550" }, 1, 1],
  ];
  for (const [filter, ...found] of rows) {
    for (const [nth, pen] of [pens.plain, pens.redacted].entries()) {
      const about = `${JSON.stringify(filter)} ${nth}`;
      assertEquals(log.find(filter, 9, { pen }).length, found[nth], about);
      assertEquals(log.since(0, filter, 9, { pen }).records.length, found[nth], about);
    }
  }
});

Deno.test("views come in the order of the records", () => {
  const log = filled(3, 3);
  const records = log.find({}, 2);
  assertEquals(viewsOf(records, pens.plain).map(({ number, id }) => [number, id]), [
    [3, "t-3"],
    [2, "t-2"],
  ]);
  assertStrictEquals(log.get("t-3"), records[0]);
});
