/** `sluice explain` and `sluice replay`, within the test's own process. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { recorder } from "../../src/policy/mod.ts";
import { openSession } from "../../src/testing/mod.ts";
import { run } from "./_run.ts";

const POLICY = new URL("../../examples/policies/block_list.ts", import.meta.url).pathname;
const ENVELOPE = ["--from", "a@ham.example", "--to", "b@y.example"];

const CONFIG = `
[tables.friends]
file = "friends"

[[rule]]
name = "old domain"
at = "rcpt"
when = { recipient = "*@old.example" }
then = { rewrite = "*@new.example" }

[[rule]]
name = "members only"
at = "mail"
when = { not = { sender = "@friends" } }
then = { reject = "550 5.7.1 Members only" }
`;

async function withFiles(
  files: Readonly<Record<string, string>>,
  use: (directory: string) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "sluice-explain-" });
  try {
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${directory}/${name}`, text);
    }
    await use(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("explain: a policy module, phase by phase", async () => {
  const { status, out, err } = await run(
    ...[
      "explain",
      "--policy",
      POLICY,
      "--client",
      "192.0.2.1",
      "--hello",
      "c.example",
      ...ENVELOPE,
    ],
  );
  assertEquals([status, err], [0, []]);
  assertEquals(out, [
    "connect 192.0.2.1: proceeds",
    "ehlo c.example: proceeds",
    "mail <a@ham.example>: proceeds",
    "rcpt <b@y.example>: proceeds",
    "data: proceeds",
    'accepted: from <a@ham.example> to <b@y.example> at "default"',
  ]);
});

Deno.test("explain: who refuses", async () => {
  const { status, out } = await run(
    ...["explain", "--policy", POLICY, "--client", "2001:db8::66", ...ENVELOPE],
  );
  assertEquals(status, 0);
  assertEquals(out, [
    "connect 2001:db8::66: refused 554 5.7.1 (5.7.1 Not welcome)",
    "  block list: refused 554 5.7.1",
    "refused",
  ]);
});

Deno.test("explain: rules of a configuration, by their names", async () => {
  await withFiles(
    { "sluice.toml": CONFIG, friends: "ham.example\n", mail: "Hello\r\n" },
    async (at) => {
      const { status, out, err } = await run(
        ...["explain", "--config", `${at}/sluice.toml`, "--from", "a@ham.example"],
        ...[
          "--to",
          "b@old.example",
          "--to",
          "c@y.example",
          "--message",
          `${at}/mail`,
          "--tls",
          "1.3",
        ],
      );
      assertEquals([status, err], [0, []]);
      assertEquals(out.slice(3), [
        "rcpt <b@old.example>: becomes <b@new.example>",
        "  old domain: becomes <b@new.example>",
        "rcpt <c@y.example>: proceeds",
        "data: proceeds",
        "headers: proceeds",
        "content: proceeds",
        'accepted: from <a@ham.example> to <b@new.example> <c@y.example> at "default"',
      ]);
      const refused = await run(
        ...["explain", "--config", `${at}/sluice.toml`, "--from", "<>", "--to", "b@old.example"],
      );
      assertEquals(refused.out.slice(2), [
        "mail <>: refused 550 5.7.1 (5.7.1 Members only)",
        "  members only: refused 550 5.7.1",
        "refused",
      ]);
    },
  );
});

Deno.test("explain and replay: a command line that cannot be obeyed", async () => {
  const cases: readonly (readonly [string[], string])[] = [
    [["explain", ...ENVELOPE], "found none of --config and --policy"],
    [["explain", ...ENVELOPE, "--config", "a", "--policy", "b"], "found both"],
    [["explain", "--policy", POLICY, "--from", "a@x.example"], "at least one --to"],
    [["explain", "--policy", POLICY, "--from", "a", "--to", "b@x.example"], "local-part@domain"],
    [["explain", "--policy", POLICY, "--from", "<>", "--to", "<>"], "local-part@domain"],
    [["explain", "--policy", POLICY, ...ENVELOPE, "--client", "localhost"], "an IP address"],
    [["explain", "--policy", POLICY, ...ENVELOPE, "--tls", "1.1"], "1.2, 1.3"],
    [["explain", "--policy", POLICY, ...ENVELOPE, "--message", "/none"], "a file that can be read"],
    [["explain", "--policy", "/none.ts", ...ENVELOPE], "a module whose default export is a policy"],
    [["explain", "--policy", import.meta.url.slice(7), ...ENVELOPE], "default export is a policy"],
    [["replay", "--policy", POLICY], "needed is a recording"],
    [["replay", "--policy", POLICY, "/none"], "a file that can be read"],
    [["replay", "--policy", POLICY, "/"], "it is a directory"],
  ];
  for (const [args, said] of cases) {
    const { status, err } = await run(...args);
    assertEquals([status, err.length], [2, 1], err.join("\n"));
    assertStringIncludes(err[0], said);
  }
});

Deno.test("explain: a module whose default export only looks like a policy", async () => {
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    for (const definitions of ["7", "[null]", "[7]", "[{ mail: 7 }]"]) {
      await Deno.writeTextFile(file, `export default { definitions: ${definitions} };`);
      const { status, err } = await run("explain", "--policy", file, ...ENVELOPE);
      assertEquals([status, err.length], [2, 1], definitions);
      assertStringIncludes(err[0], "it has no policy as its default export");
    }
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("replay: tells what would change, and by its status whether anything would", async () => {
  const lines: string[] = [];
  const recording = recorder({ write: (line) => void lines.push(line), now: () => 0 });
  {
    await using session = await openSession({ observers: [recording.observer] });
    await session.cmd("MAIL FROM:<a@spam.example>", "250");
    await session.cmd("QUIT", "221");
  }
  await recording.settled();
  const asked = lines.findIndex((line) => line.includes('"mail"')) + 1;
  const id = JSON.parse(lines[0]).session.id;
  const files = { recording: `${lines.join("\n")}\n`, "sluice.toml": "", broken: "{}\n" };
  await withFiles(files, async (at) => {
    const changed = await run("replay", `${at}/recording`, "--policy", POLICY);
    assertEquals(changed, {
      status: 3,
      out: [
        `line ${asked}: ${id} mail a@spam.example`,
        "  was: proceeds",
        "  now: refused 550 5.7.1 [block list]",
        "decisions that would change: 1",
      ],
      err: [],
    });
    const same = await run("replay", `${at}/recording`, "--config", `${at}/sluice.toml`);
    assertEquals(same, { status: 0, out: ["decisions that would change: 0"], err: [] });
    const broken = await run("replay", `${at}/broken`, "--policy", POLICY);
    assertEquals(broken.status, 1);
    assertStringIncludes(broken.err[0], "line 1 of the recording: found no phase");
  });
});
