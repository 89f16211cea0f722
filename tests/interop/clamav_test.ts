/** A real clamd asked about messages, and behind it all a real Postfix that gets none of the infected. */

import { assertEquals, assertMatch } from "@std/assert";
import { denoDialer } from "../../src/adapters/deno/mod.ts";
import { clamav, type ClamavOptions } from "../../src/content/clamav.ts";
import { deliver } from "../content/_deliver.ts";
import { assertPassesOddMessages } from "../content/_program.ts";
import { Client } from "./_client.ts";
import { INFECTION, INFECTION_NAME, startClamd, STREAM_MAX_LENGTH } from "./_clamd.ts";
import { startPostfix } from "./_postfix.ts";
import { startSluice } from "./_sluice.ts";
import { interop, shared } from "./_tools.ts";

const clamd = shared(startClamd);

const TAKEN = "250 2.0.0 Ok: kept as memory";
const REFUSED = `550 5.7.1 Message contains ${INFECTION_NAME}`;
const HEADER = "From: <a@test.example>\r\nSubject: Hi\r\n\r\n";
/** 64 KiB. */
const LINES = `${"x".repeat(62)}\r\n`.repeat(1024);
const CLEAN = `${HEADER}Nothing.\r\n`;
const INFECTED = `${HEADER}${INFECTION}\r\n`;
/** Behind the window, so that it is on its way when it is found. */
const LARGE_INFECTED = `${HEADER}${LINES.repeat(3)}${INFECTION}\r\n${LINES}`;
const ATTACHED = [
  ...["From: <a@test.example>", "MIME-Version: 1.0", 'Content-Type: multipart/mixed; boundary="b"'],
  ...["", "--b", "Content-Type: text/plain", "", "See there.", "--b"],
  ...['Content-Type: application/octet-stream; name="a.bin"', "Content-Transfer-Encoding: base64"],
  ...["", btoa(`some ${INFECTION} more`), "--b--", ""],
].join("\r\n");

for (const transport of ["tcp", "unix"] as const) {
  interop(`clamd over ${transport}: what it finds is refused`, ["clamd"], async () => {
    const target = (await clamd())[transport];
    const policy = (options: Partial<ClamavOptions> = {}) =>
      clamav({ target, dialer: denoDialer, ...options });
    for (const message of [INFECTED, ATTACHED, LARGE_INFECTED]) {
      assertEquals(await deliver(policy(), message), { reply: REFUSED });
      assertEquals(await deliver(policy({ infected: "discard" }), message), {
        reply: "250 2.0.0 Ok",
      });
    }
    for (const message of [CLEAN, "", HEADER, HEADER + LINES.repeat(3)]) {
      assertEquals(await deliver(policy(), message), { reply: TAKEN, content: message });
    }
    const marked = policy({ infected: "header" });
    assertEquals(await deliver(marked, `X-Virus-Status: Clean\r\n${INFECTED}`), {
      reply: TAKEN,
      content: `X-Virus-Status: Infected (${INFECTION_NAME})\r\n${INFECTED}`,
    });
  });

  interop(`clamd over ${transport}: large messages`, ["clamd"], async () => {
    const target = (await clamd())[transport];
    const policy = (options: Partial<ClamavOptions> = {}) =>
      clamav({ target, dialer: denoDialer, ...options });
    const large = HEADER + LINES.repeat(320);
    assertEquals(await deliver(policy(), large), { reply: TAKEN, content: large });
    assertEquals(await deliver(policy(), `${large}${INFECTION}\r\n`), { reply: REFUSED });
    // It is clamd's own limit that this one meets, in the middle of the message.
    const tooLarge = HEADER + LINES.repeat(440);
    const octets = 2 * STREAM_MAX_LENGTH;
    const refused = { reply: "550 5.7.0 Cannot be checked" };
    const passed = { reply: TAKEN, content: tooLarge };
    const reading = (larger: "accept" | "reject") => policy({ reading: { octets, larger } });
    assertEquals(await deliver(reading("reject"), tooLarge), refused);
    assertEquals(await deliver(reading("accept"), tooLarge), passed);
  });
}

interop("clamd is given odd messages", ["clamd"], async (t) => {
  const { unix: target } = await clamd();
  await assertPassesOddMessages(t, clamav({ target, dialer: denoDialer, onFailure: "reject" }));
});

interop(
  "clamd in front of Postfix: 30 refusals, one connection",
  ["clamd", "postfix"],
  async () => {
    const { unix } = await clamd();
    await using postfix = await startPostfix();
    const config = await Deno.makeTempFile({ prefix: "sluice-clamav-", suffix: ".toml" });
    try {
      await Deno.writeTextFile(
        config,
        [
          "[[listen]]",
          'address = "127.0.0.1:0"',
          "[upstream]",
          `url = "smtp://127.0.0.1:${postfix.port}?tls=none"`,
          "pool = { connections = 1, refusals = 100 }",
          "[[filter]]",
          'use = "clamav"',
          `address = "unix:${unix.path}"`,
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
      assertMatch(await send(CLEAN), /^250 /);
      await postfix.delivered(1);
      const connections = async () => (await postfix.log()).match(/\]: connect from /g)?.length;
      const before = await connections();
      for (let nth = 0; nth < 30; nth++) {
        assertEquals(await send(nth % 2 === 0 ? LARGE_INFECTED : INFECTED), REFUSED);
      }
      const last = HEADER + LINES.repeat(2) + "The last.\r\n";
      assertMatch(await send(last), /^250 /);
      const [{ file }] = await postfix.delivered(1);
      assertEquals(new TextDecoder().decode(file).includes("\nThe last.\n"), true);
      assertEquals(await connections(), before);
      await client.commands("QUIT");
    } finally {
      await Deno.remove(config);
    }
    await postfix.sessionsEnded();
    assertEquals(await postfix.queueEmpty(), true);
  },
);
