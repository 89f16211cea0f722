import { assert, assertEquals, assertMatch } from "@std/assert";
import { Client } from "./_client.ts";
import { assertArrived, dotStuffed, LARGE, SMALL } from "./_messages.ts";
import { startPostfix } from "./_postfix.ts";
import { startSluice } from "./_sluice.ts";
import { eventually, freePort, interop, shared } from "./_tools.ts";

const postfix = shared(startPostfix);

/** How the mail data go to Postfix. */
const forms = [
  { form: "BDAT", chunking: "always" },
  { form: "DATA", chunking: "never" },
];

const ENVELOPE = [
  "EHLO client.example.net",
  "MAIL FROM:<sender@test.example>",
  "RCPT TO:<box@test.example>",
];

const half = LARGE.octets.subarray(0, LARGE.octets.length / 2);

/** Ways to vanish in mid-data: none of them is an end of mail data (RFC 5321 §4.1.1.4). */
const cuts: { name: string; send(client: Client): Promise<void> }[] = [
  {
    name: "within a line",
    async send(client) {
      await client.commands("DATA");
      await client.send(dotStuffed(half));
    },
  },
  {
    name: "behind a whole message",
    async send(client) {
      await client.commands("DATA");
      await client.send(dotStuffed(LARGE.octets));
    },
  },
  {
    name: "behind the full stop",
    async send(client) {
      await client.commands("DATA");
      await client.send(dotStuffed(LARGE.octets));
      await client.send(".");
    },
  },
  {
    name: "before the last LF",
    async send(client) {
      await client.commands("DATA");
      await client.send(dotStuffed(LARGE.octets));
      await client.send(".\r");
    },
  },
  {
    name: "within a chunk",
    async send(client) {
      await client.send(`BDAT ${LARGE.octets.length} LAST\r\n`);
      await client.send(half);
    },
  },
  {
    name: "between two chunks",
    async send(client) {
      await client.send(`BDAT ${half.length}\r\n`);
      await client.send(half);
      await client.expect(/^250 /);
    },
  },
];

for (const { form, chunking } of forms) {
  interop(`a client that vanishes in mid-data, by ${form}`, ["postfix"], async (t) => {
    const server = await postfix();
    for (const { name, send } of cuts) {
      for (const end of ["close", "closeWrite"] as const) {
        await t.step(`${name}, ${end}`, async () => {
          await using sluice = await startSluice([
            ...["--listen", "127.0.0.1:0"],
            ...["--upstream", `smtp://127.0.0.1:${server.port}?tls=none&chunking=${chunking}`],
          ]);
          using client = await Client.connect(sluice.ports[0]);
          await client.commands(...ENVELOPE);
          await send(client);
          await client[end]();
          await sluice.stop();
          await server.sessionsEnded();
          await server.delivered(0);
        });
      }
    }
  });

  interop(`SIGTERM in mid-transaction, by ${form}`, ["postfix"], async () => {
    const server = await postfix();
    await using sluice = await startSluice([
      ...["--listen", "127.0.0.1:0"],
      ...["--upstream", `smtp://127.0.0.1:${server.port}?tls=none&chunking=${chunking}`],
    ]);
    const port = sluice.ports[0];
    using idle = await Client.connect(port);
    using client = await Client.connect(port);
    await client.commands(...ENVELOPE, "DATA");
    await client.send(dotStuffed(half));
    const stopped = sluice.stop();

    // RFC 5321 §3.8: 421 before closing.
    assertMatch(await idle.reply(), /^421 4\.3\.2 /);
    idle.close();
    await eventually("new clients to be turned away", async () => {
      try {
        using late = await Client.open(port);
        return !/^220 /.test(await late.reply()) || undefined;
      } catch (error) {
        assert(error instanceof Deno.errors.ConnectionRefused);
        return true;
      }
    });

    await client.send(dotStuffed(LARGE.octets.subarray(half.length)));
    assertMatch(await client.command("."), /^250 /);
    assertMatch(await client.reply(), /^421 4\.3\.2 /);
    assertEquals(await client.reply(), "");
    client.close();
    await stopped;
    const [{ file }] = await server.delivered(1);
    assertArrived(file, LARGE);
  });
}

interop("Postfix goes away and comes back", ["postfix"], async (t) => {
  await using server = await startPostfix();
  await using sluice = await startSluice([
    ...["--listen", "127.0.0.1:0", "--upstream", `smtp://127.0.0.1:${server.port}?tls=none`],
  ]);
  const port = sluice.ports[0];
  const succeeds = async () => {
    using client = await Client.connect(port);
    assertMatch(await client.attempt(SMALL), /^250 /);
    const [{ file }] = await server.delivered(1);
    assertArrived(file, SMALL);
  };

  await t.step("it is there", succeeds);

  await t.step("it dies in mid-data", async () => {
    using client = await Client.connect(port);
    await client.commands(...ENVELOPE, "DATA");
    await client.send(dotStuffed(half));
    await server.stop();
    await client.send(dotStuffed(LARGE.octets.subarray(half.length)));
    assertMatch(await client.command("."), /^451 /);
  });

  await t.step("it is away", async () => {
    using client = await Client.connect(port);
    assertMatch(await client.attempt(SMALL), /^4(?:21|51) /);
  });

  await t.step("it is back", async () => {
    await server.start();
    await succeeds();
  });
});

interop("Postfix was never there", ["postfix"], async () => {
  await using sluice = await startSluice([
    ...["--listen", "127.0.0.1:0", "--upstream", `smtp://127.0.0.1:${freePort()}?tls=none`],
  ]);
  using client = await Client.connect(sluice.ports[0]);
  assertMatch(await client.attempt(SMALL), /^4(?:21|51) /);
});
