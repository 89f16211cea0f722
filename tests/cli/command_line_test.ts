import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { type CommandSpec, help, parse, UsageError } from "../../src/cli/command_line.ts";
import { probe } from "../../src/cli/probe.ts";
import { send } from "../../src/cli/send.ts";
import { serve } from "../../src/cli/serve.ts";

const spec: CommandSpec = {
  name: "try",
  operands: "[file]",
  maxOperands: 1,
  summary: "Tries.",
  options: {
    "listen": { argument: "host:port", short: "l", repeatable: true, help: "Listen here." },
    "from": { argument: "mailbox", help: "The reverse-path." },
    "quiet": { short: "q", help: "Say nothing." },
  },
  examples: [["sluice try", "Tries."]],
  run: () => Promise.resolve(0),
};

Deno.test("parse: what was given, by the table", async (t) => {
  const cases: readonly [
    args: string[],
    listen: string[],
    from: string | undefined,
    quiet: boolean,
    operands: string[],
  ][] = [
    [[], [], undefined, false, []],
    [["--listen", "a:1", "-l", "b:2", "--listen=c:3"], ["a:1", "b:2", "c:3"], undefined, false, []],
    [["--from", "a", "--from", "b"], [], "b", false, []],
    [["--from", ""], [], "", false, []],
    [["--from="], [], "", false, []],
    [["-q", "file"], [], undefined, true, ["file"]],
    [["file", "--quiet"], [], undefined, true, ["file"]],
    [["-"], [], undefined, false, ["-"]],
    [["--", "--quiet"], [], undefined, false, ["--quiet"]],
    [["-qla:1"], ["a:1"], undefined, true, []],
  ];
  for (const [args, listen, from, quiet, operands] of cases) {
    await t.step(JSON.stringify(args), () => {
      const given = parse(spec, args);
      assertEquals(given.values("listen"), listen);
      assertEquals(given.value("listen"), listen.at(-1));
      assertEquals(given.value("from"), from);
      assertEquals(given.has("from"), from !== undefined);
      assertEquals(given.has("quiet"), quiet);
      assertEquals(given.operands, operands);
    });
  }
});

Deno.test("parse: what cannot be obeyed is one line that names the help", async (t) => {
  const cases: readonly [args: string[], found: string][] = [
    [["--unknown"], "--unknown"],
    [["--un.known"], "'--un.known'"],
    [["-x"], "-x"],
    [["--from"], "--from"],
    [["--listen", "--quiet"], "--listen"],
    [["--quiet=yes"], "--quiet"],
    [["--no-quiet"], "--no-quiet"],
    [["a", "b"], '"b"'],
  ];
  for (const [args, found] of cases) {
    await t.step(args.join(" "), () => {
      const { message } = assertThrows(() => parse(spec, args), UsageError);
      assertStringIncludes(message, found);
      assertStringIncludes(message, "`sluice try --help`");
      assert(message.startsWith("try: ") && !message.includes("\n"), message);
    });
  }
  const none = { ...spec, maxOperands: 0, operands: "" };
  assertStringIncludes(
    assertThrows(() => parse(none, ["a"]), UsageError).message,
    "no operand is allowed",
  );
});

Deno.test("help: summary, usage, options, examples", () => {
  assertEquals(
    help(spec),
    `Tries.

Usage: sluice try [options] [file]

Options:
  -l, --listen host:port        Listen here. Repeatable.
  --from mailbox                The reverse-path.
  -q, --quiet                   Say nothing.

Examples:
  sluice try
      Tries.`,
  );
});

Deno.test("help of every command: each option of the table, in at most 100 columns", async (t) => {
  for (const command of [serve, send, probe]) {
    await t.step(command.name, () => {
      const lines = help(command).split("\n");
      for (const [name, row] of Object.entries(command.options)) {
        const beginnings = lines.filter((line) =>
          new RegExp(`^  (?:-[a-zA-Z], )?--${name}(?: |$)`).test(line)
        );
        assertEquals(beginnings.length, 1, `--${name}`);
        assert(row.help.endsWith("."), `--${name}: "${row.help}" is no sentence`);
      }
      const options = lines.slice(0, lines.indexOf("Examples:"));
      assertEquals(options.filter((line) => line.length > 100), []);
      assertEquals(lines.filter((line) => line !== line.trimEnd()), []);
    });
  }
});

Deno.test("the examples of every command can be obeyed", async (t) => {
  for (const command of [serve, send, probe]) {
    for (const [line] of command.examples) {
      await t.step(line, () => {
        // As a shell would: the last command of a pipe, and quotes around one word.
        const [program, name, ...args] = line.split(" | ").at(-1)!.match(/'[^']*'|\S+/g)!
          .map((word) => word.replaceAll("'", ""));
        assertEquals([program, name], ["sluice", command.name]);
        parse(command, args);
      });
    }
  }
});

Deno.test("no two options of a command have the same short form", () => {
  for (const { name, options } of [serve, send, probe]) {
    const shorts = Object.values(options).flatMap(({ short }) => short ?? []);
    assertEquals(new Set(shorts).size, shorts.length, name);
  }
});
