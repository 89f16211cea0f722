/** Real milters: OpenDKIM signs and verifies, OpenDMARC refuses what fails. */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { encode } from "../../src/bytes.ts";
import { denoDialer } from "../../src/adapters/deno/mod.ts";
import { milter, type MilterOptions } from "../../src/content/milter/milter.ts";
import { compose, definePolicy, type Policy } from "../../src/policy/policy.ts";
import { addHeader } from "../../src/policy/verdicts.ts";
import { openSession } from "../../src/testing/session.ts";
import { MemoryStore } from "../../src/upstream/capture.ts";
import { dkimResults } from "../auth/_mailauth.ts";
import { deliver } from "../content/_deliver.ts";
import {
  AUTHSERV_ID,
  DOMAIN,
  INSIDE,
  type Milter,
  OUTSIDE,
  startOpendkim,
  startOpendmarc,
} from "./_milters.ts";
import { interop, shared } from "./_tools.ts";

const inside = { client: { address: INSIDE } };
const outside = { client: { address: OUTSIDE } };

/** Folded oddly, with a NUL-free body that ends in empty lines. */
const MESSAGE = [
  `From: Somebody <a@${DOMAIN}>`,
  "To: <b@y.example>,",
  "\t <c@y.example>",
  "Subject:  two  spaces",
  " and a fold",
  "Date: Mon, 23 Nov 2026 07:00:00 +0000",
  `Message-ID: <1@${DOMAIN}>`,
  "",
  "Hi,",
  "",
  ".",
  "\ttabs  and spaces ",
  "",
  "",
  "",
].join("\r\n");

function of({ target }: Milter, options: Partial<MilterOptions> = {}): Policy {
  return milter({ target, dialer: denoDialer, ...options });
}

/** The value of a header field, unfolded. */
function field(message: string | undefined, name: string): string {
  const found = new RegExp(`^${name}:((?:[^\r]|\r\n[ \t])*)`, "m").exec(message ?? "");
  return found?.[1].replace(/\r\n/g, "").trim() ?? "none";
}

const ways = [
  { transport: "unix", canonicalization: "relaxed/simple" },
  { transport: "tcp", canonicalization: "simple/simple" },
] as const;

for (const way of ways) {
  const name = `opendkim over ${way.transport}, ${way.canonicalization}`;
  const opendkim = shared(() => startOpendkim(way));

  interop(`${name}: what it signs it verifies`, ["opendkim"], async () => {
    const policy = of(await opendkim());
    const signed = await deliver(policy, MESSAGE, inside);
    assertEquals(signed.content?.endsWith(MESSAGE), true);
    assertMatch(field(signed.content, "DKIM-Signature"), new RegExp(`d=${DOMAIN};`));

    const verified = await deliver(policy, signed.content!, outside);
    assertEquals(verified.content?.endsWith(signed.content!), true);
    const results = field(verified.content, "Authentication-Results");
    assertMatch(results, new RegExp(`^${AUTHSERV_ID};.*dkim=pass`));
  });

  interop(`${name}: header fields outside the signature may be added`, ["opendkim"], async () => {
    const adding = definePolicy({
      headers: () => addHeader("X-Filtered-By", "sluice"),
      content: () => addHeader("X-Score", "1.5", "bottom"),
    });
    const policy = of(await opendkim());
    const signed = await deliver(compose(adding, policy), MESSAGE, inside);
    assertMatch(signed.content!, /^DKIM-Signature:/m);
    const again = await deliver(compose(adding, policy), signed.content!, outside);
    assertMatch(field(again.content, "Authentication-Results"), /dkim=pass/);
    // To these two the milter protocol is nothing.
    const { verify, zone } = await opendkim();
    for (
      const [content, result] of [[again.content!, "pass"], [tampered(again.content!), "fail"]]
    ) {
      assertEquals((await dkimResults(encode(content), zone))[0], result);
      if (way.canonicalization === "simple/simple") continue;
      assertStringIncludes(await verify(content), `dkim=${result}`);
    }
  });

  interop(`${name}: what was changed does not pass`, ["opendkim"], async () => {
    const policy = of(await opendkim());
    const { content } = await deliver(policy, MESSAGE, inside);
    const found = await deliver(policy, tampered(content!), outside);
    assertMatch(field(found.content, "Authentication-Results"), /dkim=fail/);
  });

  interop(`${name}: results that claim to be ours are removed`, ["opendkim"], async () => {
    const forged = (by: string) =>
      `Authentication-Results: ${by}; dkim=pass header.d=bank.example\r\n`;
    const message = forged(AUTHSERV_ID) + forged("mx.elsewhere.example") +
      forged(AUTHSERV_ID) + MESSAGE;
    const { content } = await deliver(of(await opendkim()), message, outside);
    const results = content!.match(/^Authentication-Results:.*/gm) ?? [];
    assertEquals(results.filter((line) => line.includes("bank.example")), [
      forged("mx.elsewhere.example").trimEnd(),
    ]);
  });

  interop(`${name}: a large message, and one larger than the window`, ["opendkim"], async () => {
    const policy = of(await opendkim());
    const large = MESSAGE + `${"x".repeat(70)}\r\n`.repeat(600);
    const signed = await deliver(policy, large, inside);
    const verified = await deliver(policy, signed.content!, outside);
    assertMatch(field(verified.content, "Authentication-Results"), /dkim=pass/);
    // Larger than the window: it cannot be signed any more.
    const larger = large + `${"x".repeat(70)}\r\n`.repeat(600);
    assertEquals((await deliver(policy, larger, inside)).content, larger);
    const refusing = of(await opendkim(), { beyond: "reject" });
    assertEquals(await deliver(refusing, larger, inside), {
      reply: "552 5.3.4 Too large to be changed",
    });
  });
}

interop("opendkim: several messages in one session", ["opendkim"], async () => {
  await using opendkim = await startOpendkim(ways[0]);
  await using session = await openSession({ policy: of(opendkim), ...inside });
  for (const to of ["b@y.example", "c@y.example"]) {
    await session.cmd("MAIL FROM:<>", "250");
    await session.cmd("RSET", "250");
    await session.cmd(`MAIL FROM:<a@${DOMAIN}> SIZE=1000`, "250");
    await session.cmd(`RCPT TO:<${to}>`, "250");
    await session.message(MESSAGE, "250");
  }
  assertEquals(session.captured.length, 2);
  for (const { content } of session.captured) {
    assertEquals(await dkimResults(content, opendkim.zone), ["pass"]);
  }
});

function tampered(message: string): string {
  return message.replace("Hi,", "Ho,");
}

const opendmarc = shared(() =>
  startOpendmarc({
    [DOMAIN]: "v=DMARC1; p=reject",
    "held.example": "v=DMARC1; p=quarantine",
    "lenient.example": "v=DMARC1; p=none",
  })
);

/** A message of a domain, with what DKIM has said of it. */
function judged(domain: string, dkim: string): string {
  return `Authentication-Results: ${AUTHSERV_ID}; ${dkim} header.d=${domain}\r\n` +
    MESSAGE.replace(DOMAIN, domain);
}

interop("opendmarc: what passes gets its result", ["opendmarc"], async () => {
  const policy = of(await opendmarc());
  const { content } = await deliver(policy, judged(DOMAIN, "dkim=pass"), outside);
  assertStringIncludes(content ?? "refused", `${AUTHSERV_ID}; dmarc=pass`);
});

interop("opendmarc: what fails is refused, or held", ["opendmarc"], async () => {
  const policy = of(await opendmarc());
  const { reply, content } = await deliver(policy, judged(DOMAIN, "dkim=fail"), outside);
  assertEquals([reply.slice(0, 9), content], ["550 5.7.1", undefined]);
  const held = judged("held.example", "dkim=fail");
  assertEquals((await deliver(policy, held, outside)).reply, "550 5.7.1 Rejected");
  const store = new MemoryStore();
  const keeping = of(await opendmarc(), { quarantine: "quarantine" });
  const kept = await deliver(keeping, held, { ...outside, quarantine: store });
  assertEquals([kept.reply.slice(0, 3), kept.content, store.messages.length], [
    "250",
    undefined,
    1,
  ]);
  const lenient = await deliver(policy, judged("lenient.example", "dkim=fail"), outside);
  assertMatch(lenient.content ?? "refused", /dmarc=fail/);
});

interop("opendkim, then opendmarc: a result that was forged before", ["opendmarc"], async () => {
  const believing = await deliver(of(await opendmarc()), judged(DOMAIN, "dkim=pass"), outside);
  assertEquals(believing.reply.slice(0, 3), "250");
  // What the policy takes away, no milter sees.
  const policy = compose(
    definePolicy({
      headers: () => ({
        kind: "edit",
        edits: [{ kind: "remove", name: "Authentication-Results" }],
      }),
    }),
    of(await opendmarc()),
  );
  const { reply } = await deliver(policy, judged(DOMAIN, "dkim=pass"), outside);
  assertEquals(reply.slice(0, 9), "550 5.7.1");
});
