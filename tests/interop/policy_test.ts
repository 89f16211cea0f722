/** Rules in front of a real Postfix: what it delivers, and what a real client is told. */

import { assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import { assertArrived, dotStuffed, SMALL } from "./_messages.ts";
import { startPostfix } from "./_postfix.ts";
import { type SluiceProcess, startSluice } from "./_sluice.ts";
import { type Finished, interop, run, shared } from "./_tools.ts";

const postfix = shared(startPostfix);

const RULES = `
[[rule]]
name = "strangers"
at   = "ehlo"
when = { hello = "stranger.example" }
then = { reject = "550 5.7.1 Not with that name" }

[[rule]]
name = "spam"
at   = "mail"
when = { sender = "*@spam.example" }
then = { reject = "550 5.7.1 Sender not welcome" }

[[rule]]
name = "masquerade"
at   = "mail"
when = { sender = "*@host.test.example" }
then = { rewrite = "*@test.example" }

[[rule]]
name = "no bounces"
at   = "mail"
when = { sender = "robot@test.example" }
then = { rewrite = "<>" }

[[rule]]
name = "old domain"
at   = "rcpt"
when = { recipient = "*@old.example" }
then = { rewrite = "*@test.example" }

[[rule]]
name = "team"
at   = "rcpt"
when = { recipient = "team@test.example" }
then = { rewrite = ["one@test.example", "two@test.example"] }

[[rule]]
name = "black hole"
at   = "rcpt"
when = { recipient = "void@test.example" }
then = { discard = true }

[[rule]]
name = "full"
at   = "rcpt"
when = { recipient = "full@test.example" }
then = { defer = "452 4.2.2 Mailbox full" }
`;

/** Runs Sluice with these rules in front of the Postfix. */
async function withRules(use: (sluice: SluiceProcess) => Promise<void>): Promise<void> {
  const config = await Deno.makeTempFile({ prefix: "sluice-rules-", suffix: ".toml" });
  try {
    await Deno.writeTextFile(config, RULES);
    await using sluice = await startSluice([
      ...["--config", config, "--listen", "127.0.0.1:0"],
      ...["--upstream", `smtp://127.0.0.1:${(await postfix()).port}?tls=none`],
    ]);
    await use(sluice);
  } finally {
    await Deno.remove(config);
  }
}

async function swaks(port: number, from: string, to: string, ...more: string[]): Promise<Finished> {
  const file = await Deno.makeTempFile({ prefix: "sluice-mail-" });
  try {
    await Deno.writeFile(file, new Uint8Array([...dotStuffed(SMALL.octets), 0x2e]));
    return await run("swaks", [
      ...["--server", "127.0.0.1", "--port", `${port}`, "--from", from, "--to", to],
      ...["--ehlo", "client.example", "--no-data-fixup", "--data", `@${file}`, ...more],
    ]);
  } finally {
    await Deno.remove(file);
  }
}

interface Taken {
  readonly from: string;
  readonly to: string;
  /** What Postfix delivers: the reverse-path, and the forward-paths in alphabetical order. */
  readonly reversePath: string;
  readonly forwardPaths: readonly string[];
}

const taken: readonly Taken[] = [
  {
    from: "a@client.example",
    to: "box@test.example",
    reversePath: "a@client.example",
    forwardPaths: ["box@test.example"],
  },
  {
    from: "a@client.example",
    to: "Box@Old.Example,x@test.example",
    reversePath: "a@client.example",
    forwardPaths: ["Box@test.example", "x@test.example"],
  },
  {
    from: "a@host.test.example",
    to: "team@test.example",
    reversePath: "a@test.example",
    forwardPaths: ["one@test.example", "two@test.example"],
  },
  {
    from: "robot@test.example",
    to: "void@test.example,box@test.example",
    reversePath: "",
    forwardPaths: ["box@test.example"],
  },
  {
    from: "a@client.example",
    to: "full@test.example,box@test.example",
    reversePath: "a@client.example",
    forwardPaths: ["box@test.example"],
  },
];

interop("rules: what Postfix delivers", ["postfix", "swaks"], async (t) => {
  const server = await postfix();
  await withRules(async (sluice) => {
    for (const { from, to, reversePath, forwardPaths } of taken) {
      await t.step(`from ${from} to ${to}`, async () => {
        const { output } = await swaks(sluice.ports[0], from, to);
        assertMatch(output, /^<- {2}250 2\.0\.0 Ok: .*queued as/m);
        const delivered = await server.delivered(forwardPaths.length);
        assertEquals(delivered.map((one) => one.forwardPath).sort(), forwardPaths);
        for (const one of delivered) {
          assertEquals(one.reversePath, reversePath);
          assertArrived(one.file, SMALL);
        }
      });
    }
  });
});

const refused: readonly (readonly [from: string, to: string, hello: string, told: RegExp])[] = [
  ["a@spam.example", "box@test.example", "c.example", /^<\*\* 550 5\.7\.1 Sender not welcome$/m],
  ["a@x.example", "full@test.example", "c.example", /^<\*\* 452 4\.2\.2 Mailbox full$/m],
  [
    "a@x.example",
    "box@test.example",
    "stranger.example",
    /^<\*\* 550 5\.7\.1 Not with that name$/m,
  ],
  // This one is Postfix's own, for an address that a rule has made.
  [
    "a@x.example",
    "refused@old.example",
    "c.example",
    /^<\*\* 550 5\.1\.1 <refused@test\.example>/m,
  ],
];

interop("rules: what swaks is told", ["postfix", "swaks"], async (t) => {
  const server = await postfix();
  await withRules(async (sluice) => {
    for (const [from, to, hello, told] of refused) {
      await t.step(`from ${from} to ${to}, as ${hello}`, async () => {
        const { code, output } = await swaks(sluice.ports[0], from, to, "--ehlo", hello);
        assertMatch(output, told);
        assertNotMatch(output, /queued/);
        assertEquals(code === 0, false);
      });
    }
    await t.step("a message for nobody is taken and goes nowhere", async () => {
      const { code, output } = await swaks(sluice.ports[0], "a@x.example", "void@test.example");
      assertMatch(output, /^<- {2}250 2\.0\.0 Ok$/m);
      assertEquals(code, 0);
    });
    await sluice.stop();
    await server.sessionsEnded();
    await server.delivered(0);
  });
});
