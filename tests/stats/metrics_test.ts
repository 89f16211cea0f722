import { assertEquals } from "@std/assert";
import { Extensions } from "../../src/rfc5321/extension.ts";
import { Reply } from "../../src/rfc5321/reply.ts";
import { UpstreamFailure } from "../../src/session/upstream.ts";
import { expose } from "../../src/stats/exposition.ts";
import { metricNames, Metrics } from "../../src/stats/metrics.ts";
import { accepted, command, recipient, session, transaction } from "./_facts.ts";

const ok = Reply.parse("250 2.0.0 Ok");
const no = Reply.parse("550 5.7.1 No");

type Told = (metrics: Metrics) => void;

/** The samples that are there after some events, but for what was there before. */
function after(...told: readonly Told[]): readonly string[] {
  const samples = (metrics: Metrics): string[] =>
    expose(metrics.meters.collect(), "prometheus").split("\n")
      .filter((line) => line !== "" && !line.startsWith("#") && !line.includes("_bucket"));
  const before = new Set(samples(new Metrics(5_000)));
  const metrics = new Metrics(5_000);
  for (const tell of told) tell(metrics);
  return samples(metrics).filter((line) => !before.has(line));
}

const rows: Readonly<Record<string, readonly [told: readonly Told[], samples: readonly string[]]>> =
  {
    "a session ends": [
      [(m) => m.sessionClosed(session(), "vanished")],
      ['sluice_sessions_ended_total{end="vanished"} 1'],
    ],
    "TLS": [
      [(m) =>
        m.secured(session("s", { tls: { version: "TLSv1.2", cipher: "X", serverName: "" } }))],
      ['sluice_tls_sessions_total{version="TLSv1.2"} 1'],
    ],
    "a name": [
      [(m) => m.lookedUp(session(), 500), (m) => m.lookedUp(session("s", { name: "x" }), 500)],
      [
        'sluice_name_lookups_total{result="unknown"} 1',
        'sluice_name_lookups_total{result="found"} 1',
        "sluice_name_lookup_seconds_sum 1",
        "sluice_name_lookup_seconds_count 2",
      ],
    ],
    "commands, and what is none": [
      [
        (m) => m.command(session(), command("noop")),
        (m) => m.command(session(), command("SECRET")),
        (m) => m.command(session(), command("MAIL FROM:secret")),
      ],
      ['sluice_commands_total{verb="NOOP"} 1', 'sluice_commands_total{verb="invalid"} 2'],
    ],
    "replies of others": [
      [
        (m) => m.reply(session(), ok, { verb: "RCPT", at: 0, took: 2_000 }),
        (m) => m.reply(session(), Reply.parse("220 x ESMTP"), { verb: "", at: 0, took: 0 }),
      ],
      [
        'sluice_replies_total{phase="rcpt",code="250"} 1',
        'sluice_replies_total{phase="connect",code="220"} 1',
        'sluice_command_duration_seconds_sum{phase="rcpt"} 2',
        'sluice_command_duration_seconds_count{phase="rcpt"} 1',
        'sluice_command_duration_seconds_sum{phase="connect"} 0',
        'sluice_command_duration_seconds_count{phase="connect"} 1',
      ],
    ],
    "our own replies, and those to an attempt": [
      [
        (m) => m.reply(session(), ok, { verb: "NOOP", at: 0, took: 0, name: "ok" }),
        (m) => m.reply(session(), no, { verb: "DATA", at: 0, took: 0, name: "bareNewlineInData" }),
      ],
      [
        'sluice_replies_total{phase="noop",code="250"} 1',
        'sluice_replies_total{phase="data",code="550"} 1',
        'sluice_own_replies_total{reply="ok"} 1',
        'sluice_own_replies_total{reply="bareNewlineInData"} 1',
        'sluice_command_duration_seconds_sum{phase="noop"} 0',
        'sluice_command_duration_seconds_count{phase="noop"} 1',
        'sluice_command_duration_seconds_sum{phase="data"} 0',
        'sluice_command_duration_seconds_count{phase="data"} 1',
        'sluice_smuggling_attempts_total{kind="bareNewlineInData"} 1',
      ],
    ],
    "the policy": [
      [
        (m) => m.ruling("close", session(), { steps: [] }),
        (m) => m.ruling("close", session(), { steps: [], asked: [{ check: "own", took: 250 }] }),
        (m) => m.difference(session(), "rcpt"),
      ],
      [
        'sluice_policy_duration_seconds_sum{rule="own"} 0.25',
        'sluice_policy_duration_seconds_count{rule="own"} 1',
        'sluice_policy_differences_total{phase="rcpt"} 1',
      ],
    ],
    "rules": [
      [
        (m) => m.looked("block", true, 500),
        (m) => m.looked("block", false, 500),
        (m) => m.looked("tarpit", true, 0),
        (m) => m.looked("never", false, 0),
      ],
      [
        'sluice_rule_hits_total{rule="block"} 1',
        'sluice_rule_hits_total{rule="tarpit"} 1',
        'sluice_rule_seconds_total{rule="block"} 1',
      ],
    ],
    "a message is accepted": [
      [(m) => m.transaction(transaction({ octets: 2_000 }), accepted)],
      [
        'sluice_transactions_total{outcome="accepted"} 1',
        'sluice_recipients_total{result="accepted"} 1',
        "sluice_message_bytes_total 2000",
        "sluice_message_size_bytes_sum 2000",
        "sluice_message_size_bytes_count 1",
      ],
    ],
    "a message is refused, and had a refused recipient": [
      [(m) => {
        const { original } = transaction();
        const recipients = [recipient("b@y.example", "550 No"), recipient("c@y.example")];
        const facts = transaction({ octets: 2_000, original: { ...original, recipients } });
        m.transaction(facts, { kind: "refused", at: "message", reply: no });
      }],
      [
        'sluice_transactions_total{outcome="rejected"} 1',
        'sluice_recipients_total{result="refused"} 1',
        'sluice_recipients_total{result="accepted"} 1',
      ],
    ],
    "connections to upstreams": [
      [
        (m) =>
          m.upstreamOpened(session(), "mx", {
            took: 1_000,
            reused: false,
            extensions: Extensions.none,
          }),
        // It was open already.
        (m) =>
          m.upstreamOpened(session(), "mx", {
            took: 5,
            reused: true,
            extensions: Extensions.none,
          }),
        (m) => m.upstreamFailed(session(), "mx", new UpstreamFailure("timeout", "Slow")),
        (m) => m.upstreamFailed(session(), "mx", new UpstreamFailure("aborted", "Called off")),
      ],
      [
        'sluice_upstream_connects_total{upstream="mx",result="ok"} 1',
        'sluice_upstream_connects_total{upstream="mx",result="failed"} 1',
        'sluice_upstream_connects_total{upstream="mx",result="called-off"} 1',
        'sluice_upstream_connect_seconds_sum{upstream="mx"} 1',
        'sluice_upstream_connect_seconds_count{upstream="mx"} 1',
      ],
    ],
    "replies of upstreams, and none": [
      [
        (m) => m.upstreamReply(session(), "mx", { verb: "MAIL", at: 0, took: 1_000, reply: ok }),
        (m) => m.upstreamReply(session(), "mx", { verb: "message", at: 0, took: 1_000 }),
      ],
      [
        'sluice_upstream_reply_seconds_sum{upstream="mx",verb="MAIL"} 1',
        'sluice_upstream_reply_seconds_count{upstream="mx",verb="MAIL"} 1',
        'sluice_upstream_reply_seconds_sum{upstream="mx",verb="message"} 1',
        'sluice_upstream_reply_seconds_count{upstream="mx",verb="message"} 1',
        'sluice_upstream_replies_total{upstream="mx",verb="MAIL",code="250"} 1',
        'sluice_upstream_replies_total{upstream="mx",verb="message",code="none"} 1',
      ],
    ],
    "octets before TLS, and faults": [
      [
        (m) => m.dropped(session(), 5),
        (m) => m.upstreamDropped(7),
        (m) => m.trouble(undefined, new Error("x")),
      ],
      [
        'sluice_dropped_bytes_total{side="client"} 5',
        'sluice_dropped_bytes_total{side="upstream"} 7',
        "sluice_faults_total 1",
      ],
    ],
  };

for (const [name, [told, samples]] of Object.entries(rows)) {
  Deno.test(`metrics: ${name}`, () => assertEquals(after(...told), samples));
}

Deno.test("metrics: there from the beginning, so that a first one is seen as a change", () => {
  const text = expose(new Metrics(5_000).meters.collect(), "prometheus");
  for (
    const line of [
      "sluice_start_time_seconds 5",
      "sluice_sessions 0",
      "sluice_faults_total 0",
      'sluice_smuggling_attempts_total{kind="nulBeforeDot"} 0',
      'sluice_policy_differences_total{phase="content"} 0',
    ]
  ) assertEquals(text.includes(`\n${line}\n`), true, line);
});

Deno.test("metrics: the names of all are known", () => {
  const names = metricNames();
  assertEquals(new Set(names).size, names.length);
  assertEquals(names.every((name) => name.startsWith("sluice_")), true);
});
