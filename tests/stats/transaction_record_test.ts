import { assertEquals } from "@std/assert";
import { Path } from "../../src/rfc5321/path.ts";
import { Reply } from "../../src/rfc5321/reply.ts";
import type { TransactionEnd } from "../../src/session/observer.ts";
import type { Step } from "../../src/session/phases.ts";
import { pens } from "../../src/stats/pen.ts";
import {
  decisiveStep,
  detailOf,
  outcomeOf,
  TransactionDraft,
  viewOf,
} from "../../src/stats/transaction_record.ts";
import type { Outcome } from "../../src/stats/views.ts";
import { accepted, command, record, session, step, transaction } from "./_facts.ts";

const no = Reply.parse("550 5.7.1 No");
const later = Reply.parse("451 4.7.1 Later");
const refused = (reply: Reply): TransactionEnd => ({ kind: "refused", at: "rcpt", reply });

Deno.test("what became of it", () => {
  const rows: readonly [end: TransactionEnd, outcome: Outcome][] = [
    [accepted, "accepted"],
    [{ kind: "discarded", reply: Reply.parse("250 Ok") }, "discarded"],
    [{ kind: "quarantined", reply: Reply.parse("250 Ok"), as: "n" }, "quarantined"],
    [refused(no), "rejected"],
    [refused(later), "deferred"],
    [refused(Reply.parse("421 Bye")), "deferred"],
    [{ kind: "abandoned" }, "abandoned"],
    [{ kind: "broken" }, "broken"],
  ];
  for (const [end, outcome] of rows) assertEquals(outcomeOf(end), outcome);
});

Deno.test("who has decided it", () => {
  const routed = step("router", { kind: "route", upstream: "x" });
  const rejected = step("blocklist", { kind: "reject", reply: no });
  const deferred = step("greylist", { kind: "reject", reply: later });
  const closed = step("fail2ban", { kind: "disconnect", reply: no });
  const dropped = step("trap", { kind: "discard" });
  const nobody = step("aliases", { kind: "rewrite", paths: [] });
  const somebody = step("srs", { kind: "rewrite", paths: [Path.from("c@z.example")] });
  const discarded: TransactionEnd = { kind: "discarded", reply: Reply.parse("250 Ok") };
  const rows: readonly [steps: readonly Step[], end: TransactionEnd, who: string | undefined][] = [
    [[], accepted, undefined],
    [[routed, somebody], accepted, "router"],
    // Of two recipients one was refused.
    [[rejected], accepted, undefined],
    [[rejected, deferred], refused(later), "greylist"],
    [[deferred, rejected], refused(later), "greylist"],
    [[rejected, closed], refused(no), "fail2ban"],
    // The same codes in other words are the upstream's.
    [[rejected], refused(Reply.parse("550 5.7.1 Not you")), undefined],
    [[dropped], discarded, "trap"],
    [[nobody, somebody], discarded, "aliases"],
    [[somebody], discarded, undefined],
    [[routed, dropped], { kind: "abandoned" }, "router"],
    [[closed], { kind: "broken" }, "fail2ban"],
  ];
  for (const [steps, end, who] of rows) assertEquals(decisiveStep(steps, end)?.check, who);
});

Deno.test("the view has what is known, and nothing else", () => {
  const view = viewOf({ ...record(), number: 7, weight: 1 }, pens.plain);
  assertEquals(view, {
    number: 7,
    id: "s-1",
    session: "s",
    startedAt: 0,
    took: 1,
    listener: "smtp",
    client: "192.0.2.1",
    hello: "client.example",
    from: "a@x.example",
    to: [{ address: "b@y.example", reply: "250 2.1.5 Ok" }],
    octets: 0,
    outcome: "accepted",
    reply: "250 2.0.0 Queued",
  });
  const tls = { version: "TLSv1.3", cipher: "X", serverName: "" };
  const more = viewOf({
    ...record(
      { upstream: "archive", steps: [step("blocklist", { kind: "reject", reply: no })] },
      refused(no),
    ),
    session: session("s", { name: "mx.client.example", login: "alice", tls }),
    number: 8,
    weight: 1,
  }, pens.redacted);
  assertEquals(more, {
    ...view,
    number: 8,
    name: "mx.client.example",
    login: "…",
    tls: "TLSv1.3",
    from: "…@x.example",
    to: [{ address: "…@y.example", reply: "250 2.1.5" }],
    outcome: "rejected",
    refusedAt: "rcpt",
    reply: "550 5.7.1",
    rule: "blocklist",
    upstream: "archive",
  });
});

Deno.test("the timeline counts from MAIL, whatever the wall clock does", () => {
  const draft = new TransactionDraft(1_000_000, 500);
  const asked = [{ check: "blocklist", took: 2 }];
  const steps = [step("blocklist", { kind: "reject", reply: no }, 2)];
  draft.happen({ until: 499, took: 3, verb: "connect", result: "default in the clear" });
  draft.happen({ until: 503, took: 2, phase: "rcpt", ruling: { refusal: no, steps, asked } });
  draft.happen({ until: 510, took: 4, verb: "RCPT", result: Reply.parse("550 5.1.1 bob?") });
  draft.happen({ until: 512, took: 1, verb: "DATA", result: "default: bob@y.example is lost" });
  const one = { ...record(), draft, number: 1, weight: 1 };
  const { phases } = detailOf(one, pens.plain);
  assertEquals(phases, [
    {
      kind: "upstream",
      name: "connect",
      at: -4,
      took: 3,
      result: "default in the clear",
      steps: [],
    },
    {
      kind: "policy",
      name: "rcpt",
      at: 1,
      took: 2,
      result: "refused 550 5.7.1",
      steps: [{ check: "blocklist", verdict: "refused 550 5.7.1", took: 2 }],
    },
    { kind: "upstream", name: "RCPT", at: 6, took: 4, result: "550 5.1.1 bob?", steps: [] },
    {
      kind: "upstream",
      name: "DATA",
      at: 11,
      took: 1,
      result: "default: bob@y.example is lost",
      steps: [],
    },
  ]);
  const hidden = JSON.stringify(detailOf(one, pens.redacted));
  assertEquals(hidden.includes("bob"), false, hidden);
});

Deno.test("verdicts in words, with domains only where that is wanted", () => {
  const rows: readonly [verdict: Step["verdict"], words: string, redacted?: string][] = [
    [{ kind: "reject", reply: later }, "refused 451 4.7.1"],
    [{ kind: "disconnect", reply: later }, "refused 451 4.7.1, connection closed"],
    [
      { kind: "rewrite", paths: [Path.from("c@z.example")] },
      "becomes <c@z.example>",
      "becomes <…@z.example>",
    ],
    [{ kind: "rewrite", paths: [] }, "becomes nobody"],
    [{ kind: "route", upstream: "archive" }, 'goes to "archive"'],
    [{ kind: "discard" }, "discarded"],
    [{ kind: "quarantine" }, "quarantined"],
    [{ kind: "proceed" }, "proceeds, and nobody else is asked"],
  ];
  for (const [verdict, words, redacted = words] of rows) {
    const draft = new TransactionDraft(0, 0);
    const ruling = { steps: [step("one", verdict)], asked: [{ check: "one", took: 1 }] };
    draft.happen({ until: 1, took: 1, phase: "rcpt", ruling });
    for (const [pen, expected] of [[pens.plain, words], [pens.redacted, redacted]] as const) {
      const { phases: [{ steps }] } = detailOf({ ...record(), draft, number: 1, weight: 1 }, pen);
      assertEquals(steps, [{ check: "one", verdict: expected, took: 1 }]);
    }
  }
});

Deno.test("a thousand recipients: MAIL, the first ones, and the end are there", () => {
  const draft = new TransactionDraft(0, 0);
  const ok = Reply.parse("250 2.1.5 Ok");
  let number = 0;
  const say = (line: string): void => {
    draft.say({ number: ++number, at: 0, command: command(line) }, 50);
    draft.say({ number: ++number, at: 0, reply: ok, verb: "", took: 0 }, 50);
    draft.happen({ until: number, took: 0, verb: line.slice(0, 4), result: ok });
  };
  say("MAIL FROM:<a@x.example>");
  for (let n = 0; n < 1_000; n++) say(`RCPT TO:<b${n}@y.example>`);
  say("DATA");
  draft.say({ number: ++number, at: 0, note: "mail data: 5 octets" }, 50);
  const { dialogue, phases } = detailOf({ ...record(), draft, number: 1, weight: 1 }, pens.plain);
  assertEquals(dialogue.length <= 200 && phases.length <= 500, true);
  assertEquals(dialogue.slice(0, 3).map(({ text }) => text), [
    "MAIL FROM:<a@x.example>",
    "250 2.1.5 Ok",
    "RCPT TO:<b0@y.example>",
  ]);
  assertEquals(dialogue.slice(-3).map(({ text }) => text), [
    "DATA",
    "250 2.1.5 Ok",
    "mail data: 5 octets",
  ]);
  assertEquals([phases[0].name, phases.at(-1)!.name], ["MAIL", "DATA"]);
  const notes = dialogue.filter(({ from, text }) => from === "note" && text.endsWith("left out"));
  const shown = dialogue.length - 1;
  assertEquals(notes.map(({ text }) => text), [`${number - shown} lines left out`]);
  const numbers = dialogue.map(({ number }) => number);
  assertEquals(numbers, numbers.toSorted((a, b) => a - b));
});

Deno.test("as the client gave it, and as the upstream was told it", () => {
  const current = { ...transaction().current, reversePath: Path.null, recipients: [] };
  const detail = detailOf({ ...record({ current }), number: 1, weight: 1 }, pens.plain);
  assertEquals([detail.from, detail.currentFrom], ["a@x.example", ""]);
  assertEquals([detail.to.length, detail.currentTo], [1, []]);
});
