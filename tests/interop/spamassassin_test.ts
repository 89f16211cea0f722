/** A real spamd asked about messages. */

import { assertEquals, assertMatch } from "@std/assert";
import { denoDialer } from "../../src/adapters/deno/mod.ts";
import { spamassassin, type SpamassassinOptions } from "../../src/content/spamassassin.ts";
import { compose, definePolicy } from "../../src/policy/mod.ts";
import { deliver } from "../content/_deliver.ts";
import { assertPassesOddMessages } from "../content/_program.ts";
import { Client } from "./_client.ts";
import { startPostfix } from "./_postfix.ts";
import { startSluice } from "./_sluice.ts";
import { GTUBE, startSpamd } from "./_spamd.ts";
import { interop, shared } from "./_tools.ts";

const spamd = shared(startSpamd);

const TAKEN = "250 2.0.0 Ok: kept as memory";
const HAM = "From: a@x.example\r\nSubject: Hi\r\n\r\nHi\r\n";
const SPAM = `From: a@x.example\r\nSubject: Lottery\r\n\r\n${GTUBE}\r\n`;
const FORGED = "X-Spam-Status: No, score=-99\r\nX-Spam-Test: me\r\n";
/** 64 KiB. */
const LINES = `${"x".repeat(62)}\r\n`.repeat(1024);

for (const transport of ["tcp", "unix"] as const) {
  interop(`spamd over ${transport}: what it finds`, ["spamd"], async () => {
    const target = (await spamd())[transport];
    const policy = (options: Partial<SpamassassinOptions> = {}) =>
      spamassassin({ target, dialer: denoDialer, ...options });
    const status = "X-Spam-Status: No, score=-0.5 required=5.0 tests=SLUICE_CLIENT\r\n";
    assertEquals(await deliver(policy(), HAM), { reply: TAKEN, content: status + HAM });
    // The client, the reverse-path and what stands in the message.
    const tests = "GTUBE, SLUICE_CLIENT,\r\n SLUICE_SENDER, SLUICE_SUBJECT";
    assertEquals(await deliver(policy(), SPAM, { from: "known@x.example" }), {
      reply: TAKEN,
      content: "X-Spam-Flag: YES\r\n" +
        `X-Spam-Status: Yes, score=1001.0 required=5.0 tests=${tests}\r\n${SPAM}`,
    });
    const refused = { reply: "550 5.7.1 Refused as spam" };
    const sums: number[] = [];
    const summing = definePolicy({ content: ({ score }) => void sums.push(score) });
    assertEquals(await deliver(compose(policy({ rejectAbove: 15 }), summing), SPAM), refused);
    assertEquals((await deliver(compose(policy({ rejectAbove: 15 }), summing), HAM)).reply, TAKEN);
    assertEquals(sums, [-0.5]);
    assertEquals(await deliver(policy({ mode: "check" }), HAM), {
      reply: TAKEN,
      content: `X-Spam-Status: No, score=-0.5 required=5.0\r\n${HAM}`,
    });
  });
}

interop("spamd writes the header fields itself", ["spamd"], async () => {
  const { tcp: target } = await spamd();
  const policy = spamassassin({ target, dialer: denoDialer, mode: "headers" });
  const { content = "" } = await deliver(policy, FORGED + SPAM);
  assertMatch(content, /^X-Spam-Checker-Version: SpamAssassin /);
  assertMatch(content, /\r\nX-Spam-Flag: YES\r\n/);
  assertMatch(content, /\r\nX-Spam-Report: \* .+\r\n\t\* .+\r\n\t\* 1000 GTUBE .+\r\n/);
  assertEquals(content.match(/X-Spam-Test: .*/g), [
    "X-Spam-Test: value GTUBE,SLUICE_CLIENT,SLUICE_SUBJECT",
  ]);
  const end = SPAM.replace("Lottery", "[SPAM] Lottery");
  assertEquals(content.slice(-end.length), end);
  assertEquals(content.slice(0, -end.length).match(/^(?!X-Spam-|\t).+$/m), null);
});

interop("spamd: who has logged in, and what is larger than it likes", ["spamd"], async () => {
  const { tcp: target, log } = await spamd();
  const policy = (options: Partial<SpamassassinOptions> = {}) =>
    spamassassin({ target, dialer: denoDialer, ...options });
  await deliver(policy(), HAM, { client: { login: "jane" } });
  assertMatch(await log(), /checking message \S+ for jane:/);
  const large = SPAM + LINES.repeat(20);
  assertEquals(await deliver(policy({ rejectAbove: 15 }), large), { reply: TAKEN, content: large });
  const all = policy({ rejectAbove: 15, reading: { octets: 2_000_000 } });
  assertEquals(await deliver(all, large), { reply: "550 5.7.1 Refused as spam" });
});

for (const mode of ["symbols", "headers"] as const) {
  interop(`spamd is given odd messages and asked for ${mode}`, ["spamd"], async (t) => {
    const { unix: target } = await spamd();
    const reading = { larger: "reject", octets: 10_000_000 } as const;
    const options = { target, dialer: denoDialer, mode, reading, onFailure: "reject" } as const;
    await assertPassesOddMessages(t, spamassassin(options));
  });
}

interop("spamd in front of Postfix", ["spamd", "postfix"], async () => {
  const { unix } = await spamd();
  await using postfix = await startPostfix();
  const config = await Deno.makeTempFile({ prefix: "sluice-spamassassin-", suffix: ".toml" });
  try {
    await Deno.writeTextFile(
      config,
      [
        "[upstream]",
        `url = "smtp://127.0.0.1:${postfix.port}?tls=none"`,
        "[[filter]]",
        'use = "spamassassin"',
        `address = "unix:${unix.path}"`,
        "reject-above = 15",
        "",
      ].join("\n"),
    );
    await using sluice = await startSluice(["--config", config, "--listen", "127.0.0.1:0"]);
    using client = await Client.connect(sluice.ports[0]);
    const send = async (message: string) => {
      await client.commands("MAIL FROM:<a@test.example>", "RCPT TO:<box@test.example>", "DATA");
      await client.send(message);
      return await client.command(".");
    };
    await client.commands("EHLO client.example.net");
    assertEquals(await send(SPAM), "550 5.7.1 Refused as spam");
    assertEquals(await send(SPAM + LINES.repeat(4)), "550 5.7.1 Refused as spam");
    assertMatch(await send(HAM.replace("Hi", "Lottery")), /^250 /);
    const [{ file }] = await postfix.delivered(1);
    assertMatch(new TextDecoder().decode(file), /^X-Spam-Status: No, score=2\.5 /m);
    await client.commands("QUIT");
  } finally {
    await Deno.remove(config);
  }
  await postfix.sessionsEnded();
  assertEquals(await postfix.queueEmpty(), true);
});
