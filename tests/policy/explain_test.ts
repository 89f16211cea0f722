import { assertEquals } from "@std/assert";
import {
  compose,
  definePolicy,
  discard,
  disconnect,
  explain,
  Path,
  type Phase,
  type Policy,
  proceed,
  reject,
  removeHeader,
  rewrite,
  route,
} from "../../src/policy/mod.ts";
import { decisionOf, printDecision } from "../../src/policy/decision.ts";
import { FakeClock } from "../_clock.ts";
import { withPolicy } from "./_play.ts";

const to = (...addresses: string[]): Path[] => addresses.map((address) => Path.from(address));

async function told(policy: Policy, recipients: readonly Path[], message?: string) {
  const explanation = await explain(policy, {
    client: "192.0.2.1",
    hello: "client.example",
    from: Path.from("a@client.example"),
    to: recipients,
    message: message === undefined ? undefined : new TextEncoder().encode(message),
  }, { clock: new FakeClock() });
  const { phases, outcome, envelope: { reversePath, recipients: left }, upstream } = explanation;
  return {
    phases: phases.map(({ phase, about, ruling, refusal }) =>
      `${phase} ${about}: ${refusal?.text ?? printDecision(decisionOf(ruling))}`
    ),
    by: phases.flatMap(({ ruling }) => ruling.steps.map(({ check }) => check)),
    end: `${outcome} ${[reversePath, ...left].join(" ")} ${upstream}`,
  };
}

const policy = compose(
  definePolicy({
    name: "first",
    ehlo: ({ name }) => name === "client.example" ? proceed() : reject("550 5.7.1 Who"),
    mail: () => rewrite(Path.from("z@sender.example")),
    rcpt: ({ forwardPath: { domain, localPart } }) =>
      domain === "blue.example"
        ? route("blue")
        : localPart === "all"
        ? rewrite(to("b@new.example", "c@new.example"))
        : localPart === "none"
        ? discard()
        : undefined,
  }),
  definePolicy({
    name: "second",
    rcpt: ({ forwardPath }) =>
      forwardPath.localPart === "bad" ? reject("550 5.1.1 Not here") : undefined,
    data: ({ current, original }) =>
      current.recipients.length > 2 ? reject(`554 5.7.1 ${original.recipients.length}`) : undefined,
    content: ({ octets }) => octets > 20 ? reject("552 5.3.4 Long") : undefined,
  }),
);

const head = ["connect 192.0.2.1: proceeds", "ehlo client.example: proceeds"];
const mail = "mail <a@client.example>: becomes <z@sender.example>";

Deno.test("explain: phase by phase, to the envelope in the end", async () => {
  assertEquals(await told(policy, to("all@x.example", "bad@x.example"), "Hello\r\n"), {
    phases: [
      ...head,
      mail,
      "rcpt <all@x.example>: becomes <b@new.example> <c@new.example>",
      "rcpt <bad@x.example>: 5.1.1 Not here",
      "data : proceeds",
      "headers : proceeds",
      "content : proceeds",
    ],
    by: ["first", "first", "first", "second"],
    end: "accepted <z@sender.example> <b@new.example> <c@new.example> default",
  });
});

Deno.test("explain: where it ends", async () => {
  const ends: readonly (readonly [string[], string, string])[] = [
    [["bad@x.example"], "rcpt", "refused <z@sender.example> undefined"],
    [["none@x.example"], "data", "discarded <z@sender.example> undefined"],
    [["all@x.example", "b@x.example"], "data", "refused <z@sender.example>"],
    [["b@x.example"], "content", "refused <z@sender.example> <b@x.example> default"],
  ];
  for (const [recipients, last, end] of ends) {
    const found = await told(policy, to(...recipients), "Subject: a long one\r\n\r\n");
    assertEquals(found.phases.at(-1)!.split(" ")[0], last);
    assertEquals(found.end.startsWith(end), true, found.end);
  }
  for (const phase of ["connect", "ehlo", "mail", "rcpt"] as Phase[]) {
    const closing = definePolicy({ [phase]: () => disconnect() });
    const { phases, end } = await told(closing, to("b@x.example", "c@x.example"));
    assertEquals(phases.at(-1), phases.find((line) => line.startsWith(phase)));
    assertEquals(end, "refused <a@client.example> undefined");
  }
});

Deno.test("explain: a recipient of another upstream, and an address that cannot be carried", async () => {
  const { phases, end } = await told(policy, to("b@x.example", "c@blue.example"));
  assertEquals(
    phases.at(-2),
    "rcpt <c@blue.example>: 4.5.3 Not together with the recipients before",
  );
  assertEquals(end, "accepted <z@sender.example> <b@x.example> default");
  const utf8 = definePolicy({ rcpt: () => rewrite(to("blå@x.example")) });
  const refused = await told(utf8, to("b@x.example"));
  assertEquals(refused.phases.at(-1), "rcpt <b@x.example>: 5.6.7 Address needs SMTPUTF8");
});

Deno.test("explain: a check that fails is told of, and answered as it would be", async () => {
  const broken = definePolicy({
    name: "weak",
    rcpt: () => {
      throw new Error("broken");
    },
  });
  const { phases } = await explain(broken, {
    client: "192.0.2.1",
    from: Path.null,
    to: to("b@x.example"),
  }, { clock: new FakeClock() });
  assertEquals(phases.at(-1)!.failures, ["weak: broken"]);
  assertEquals(phases.at(-1)!.refusal?.code, 451);
});

Deno.test("explain: says what a session does", async () => {
  const recipients = ["all@x.example", "bad@x.example", "c@blue.example", "none@x.example"];
  const { phases, envelope } = await explain(policy, {
    client: "192.0.2.1",
    hello: "client.example",
    from: Path.from("a@client.example"),
    to: to(...recipients),
  }, { clock: new FakeClock() });
  await withPolicy(policy, async (play) => {
    await play.say("MAIL FROM:<a@client.example>", "250 *");
    for (const recipient of recipients) {
      const report = phases.find(({ about }) => about === `<${recipient}>`)!;
      const line = report.refusal === undefined ? "250 *" : `${report.refusal.code} *`;
      await play.say(`RCPT TO:<${recipient}>`, line);
    }
    assertEquals(play.upstream, [
      `MAIL FROM:${envelope.reversePath}`,
      ...envelope.recipients.map((path) => `RCPT TO:${path}`),
    ]);
  }, { others: { blue: ["PIPELINING", "CHUNKING", "SMTPUTF8", "8BITMIME"] } });
});

Deno.test("explain: filters see the whole message, and the header section as it has been changed", async () => {
  const seen: unknown[] = [];
  const policy = definePolicy({
    headers: () => removeHeader("X-Spam"),
    filter: async ({ headers, message }) => {
      const octets = await new Response(message.stream()).bytes();
      seen.push([headers.has("X-Spam"), octets.length]);
    },
    content: ({ headers }) => void seen.push(headers.has("X-Spam")),
  });
  const message = "X-Spam: no\r\n\r\n" + "x".repeat(100_000);
  assertEquals((await told(policy, to("b@x.example"), message)).end.split(" ")[0], "accepted");
  assertEquals(seen, [[false, message.length], false]);
});
