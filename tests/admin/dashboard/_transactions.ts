/**
 * Made-up mail transactions: many, and with hostile strangers in them.
 *
 * @module
 */

import type {
  DialogueLine,
  Outcome,
  PhaseView,
  TransactionDetail,
  TransactionView,
} from "../../../src/stats/views.ts";

/** What a name looks like that wants to be HTML, and one that wants to be read backwards. */
export const hostile = {
  markup: `<img src=x onerror="document.title='broken into'">`,
  reversed: "paypal.example\u202egro.live",
} as const;

/** Mail transactions. */
export const perSecond = 5_000;
/** How often transactions end so. */
export const shares: Readonly<Record<Outcome, number>> = {
  accepted: 0.71,
  discarded: 0.012,
  quarantined: 0.003,
  rejected: 0.225,
  deferred: 0.038,
  abandoned: 0.011,
  broken: 0.004,
};
/** All outcomes. */
export const kinds = Object.keys(shares) as Outcome[];
/** Address, host name and name in EHLO of those who connect. */
export const clients = [
  ["198.51.100.23", "mail-23.bulk.example", "mail-23.bulk.example"],
  ["203.0.113.9", undefined, hostile.markup],
  ["2001:db8:4::25", "mx4.partner.example", "mx4.partner.example"],
  ["192.0.2.77", "dsl-77.isp.example", hostile.reversed],
  ["198.51.100.40", "out.news.example", "out.news.example"],
] as const;
const senders = ["bounce+8841@bulk.example", "", "anna.berg@partner.example", "info@isp.example"];
const receivers = ["office@mx.example", "b.miller@mx.example", "sales@shop.mx.example"];
type Refusal = readonly [at: TransactionView["refusedAt"], rule: string | undefined, reply: string];
/** Phase, rule and reply. */
export const refusals: Readonly<Record<"rejected" | "deferred", readonly Refusal[]>> = {
  rejected: [
    ["rcpt", "blocklist", "554 5.7.1 Service unavailable; client listed in zen.block.example"],
    ["message", "no-executables", "550 5.7.1 Attachments that run are not taken here"],
    [
      "rcpt",
      undefined,
      "550 5.1.1 <b.miller@mx.example>: Recipient address rejected: User unknown",
    ],
    ["mail", "spf", "550 5.7.23 SPF validation failed"],
  ],
  deferred: [
    ["rcpt", "greylist", "451 4.7.1 Greylisted, please try again in 300 seconds"],
    ["message", undefined, "451 4.3.0 The upstream has not answered"],
  ],
};

/** The n-th transaction is what it is however often one asks. */
export function transaction(number: number, startedAt: number): TransactionDetail {
  const pick = <T>(list: readonly T[], salt: number): T => list[(number * 7 + salt) % list.length];
  const [client, name, hello] = pick(clients, number % 3);
  const place = number * 0.6180339887 % 1;
  let sum = 0;
  const outcome = kinds.find((kind) => place < (sum += shares[kind])) ?? "accepted";
  const refusal = outcome === "rejected" || outcome === "deferred"
    ? pick(refusals[outcome], 0)
    : undefined;
  const [refusedAt, rule, refused] = refusal ?? [];
  const taken = outcome === "accepted";
  const at = startedAt + number * 1000 / perSecond;
  const from = pick(senders, 1);
  const to = number % 11 === 0 ? receivers : [pick(receivers, 2)];
  const reply = refused ??
    (taken ? `250 2.0.0 Ok: queued as 4Xk${number.toString(36)}` : undefined);
  const octets = refusedAt === "rcpt" || refusedAt === "mail" ? 0 : 2_000 + number * 7919 % 90_000;
  const recipients = to.map((address) => ({
    address,
    reply: refusedAt === "rcpt" ? refused : "250 2.1.5 Ok",
  }));
  const lines: [DialogueLine["from"], string, number?][] = [
    ["client", `MAIL FROM:<${from}> SIZE=${octets || 4_000}`],
    ["server", "250 2.1.0 Ok", 0.4],
    ...to.flatMap((address) =>
      [
        ["client", `RCPT TO:<${address}>`],
        ["server", refusedAt === "rcpt" ? refused! : "250 2.1.5 Ok", 21.7],
      ] as [DialogueLine["from"], string, number?][]
    ),
    ...(octets > 0
      ? [
        ["client", "DATA"],
        ["server", "354 End data with <CR><LF>.<CR><LF>", 1.1],
        ["note", `mail data, ${octets} octets`],
        ["server", reply ?? "", 84.2],
      ] as [DialogueLine["from"], string, number?][]
      : []),
  ];
  const phases: PhaseView[] = [
    {
      kind: "policy",
      name: "connect",
      at: -12_400,
      took: 2.1,
      result: "proceeds",
      steps: [{ check: "networks", verdict: "proceeds", took: 0.02 }],
    },
    {
      kind: "policy",
      name: "mail",
      at: 0.2,
      took: 8.3,
      result: refusedAt === "mail" ? refused! : "proceeds",
      steps: [{
        check: "spf",
        verdict: refusedAt === "mail" ? "refused 550" : "pass",
        took: 8.1,
      }],
    },
    { kind: "upstream", name: "connect", at: 9, took: 14.5, result: "ready", steps: [] },
    {
      kind: "policy",
      name: "rcpt",
      at: 24,
      took: 19.6,
      result: refusedAt === "rcpt" ? refused! : "proceeds",
      steps: [
        {
          check: "blocklist",
          verdict: rule === "blocklist" ? "refused 554 5.7.1" : "proceeds",
          took: 17.4,
        },
        {
          check: "greylist",
          verdict: rule === "greylist" ? "deferred 451 4.7.1" : "proceeds",
          took: 1.9,
        },
      ],
    },
    { kind: "upstream", name: "RCPT", at: 44, took: 3.2, result: "250 2.1.5 Ok", steps: [] },
    ...(octets > 0
      ? [
        { kind: "upstream", name: "message", at: 61, took: 78.4, result: reply ?? "", steps: [] },
      ] as const
      : []),
  ];
  // Nothing is asked any more once a rule has refused.
  const asked = refusedAt === "mail" ? 2 : refusedAt === "rcpt" && rule !== undefined ? 4 : 6;
  return {
    number,
    id: `t${number.toString(36)}`,
    session: `s${(number >> 1).toString(36)}`,
    startedAt: at,
    took: 140 + number % 60,
    listener: "smtp",
    client,
    name,
    hello,
    tls: number % 4 === 0 ? undefined : "TLSv1.3",
    from,
    to: recipients,
    octets,
    outcome,
    refusedAt,
    reply,
    rule,
    upstream: taken || rule === undefined && refusal ? "default" : undefined,
    currentFrom: from,
    currentTo: taken ? recipients.map(({ address, reply }) => ({ address, reply })) : [],
    phases: phases.slice(0, asked),
    dialogue: lines.map(([from, text, took], place) => ({
      number: place + 6,
      at: at + place * 9,
      from,
      text,
      took,
    })),
  };
}
