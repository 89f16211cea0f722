import { assertEquals, assertMatch } from "@std/assert";
import { TextLineStream } from "@std/streams";
import { parseAddress } from "../../src/config/units.ts";
import { run } from "../cli/_run.ts";
import { Client } from "./_client.ts";

const root = new URL("../../", import.meta.url).pathname;

function linesOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>): () => Promise<string> {
  const lines = stream.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream())
    .getReader();
  return async () => (await lines.read()).value ?? "";
}

Deno.test("serve --config: SIGHUP and a changed file reload, the command line goes before", async () => {
  const directory = await Deno.makeTempDir({ prefix: "sluice-config-" });
  const file = `${directory}/sluice.toml`;
  const write = (rest: string): Promise<void> =>
    Deno.writeTextFile(file, `hostname = "ignored.example"\n${rest}`);
  const limit = (recipients: string): string => `[limits]\nrecipients = ${recipients}\n`;
  await write(limit("1"));
  const program = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--no-lock", "--config", `${root}deno.json`, "--no-prompt", "--allow-net"],
      ...[`--allow-read=${directory}`, `${root}src/cli/main.ts`, "--config", file],
      ...["--listen", "127.0.0.1:0", "--hostname", "mx.example", "--quiet"],
    ],
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const [out, err] = [linesOf(program.stdout), linesOf(program.stderr)];
  const address = parseAddress((await out()).split(" ")[2], "");
  /** How many recipients are taken. */
  const recipients = async (): Promise<string> => {
    const client = await Client.connect(address);
    assertEquals(await client.reply(), "220 mx.example ESMTP");
    await client.say("HELO client.example");
    await client.say("MAIL FROM:<a@client.example>");
    let taken = 0;
    while ((await client.say(`RCPT TO:<b${taken}@mx.example>`)).startsWith("250 ")) taken++;
    await client.close();
    return String(taken);
  };
  assertEquals(await recipients(), "1");

  await write(limit("0") + "[auth]\nmod = 1\n");
  program.kill("SIGHUP");
  assertEquals(
    await err(),
    `sluice: ${file}:3:1: limits.recipients: found 0, ` +
      "allowed is a whole number of at least 1",
  );
  assertMatch(await err(), /^sluice: .*:5:1: auth\.mod: found an unknown key, allowed is mode, /);
  assertEquals(await recipients(), "1");

  await write(limit("2"));
  program.kill("SIGHUP");
  assertEquals([await out(), await recipients()], ["reloaded", "2"]);

  // Without a signal: the file is looked at each second.
  await write(limit("3"));
  assertEquals([await out(), await recipients()], ["reloaded", "3"]);

  program.kill("SIGTERM");
  assertMatch(await out(), /^draining \d sessions$/);
  assertEquals([(await program.status).code, await out(), await err()], [0, "", ""]);
  await Deno.remove(directory, { recursive: true });
});

Deno.test("serve --config: each mistake is a line, and the exit status is 2", async () => {
  const file = await Deno.makeTempFile({ suffix: ".toml" });
  await Deno.writeTextFile(file, 'trace = 1\nverify = "x"\n');
  const { status, out, err } = await run("serve", "--config", file);
  assertEquals([status, out], [2, []]);
  assertEquals(err, [
    `sluice: ${file}:1:1: trace: found 1, allowed is true or false`,
    `sluice: ${file}:2:1: verify: found "x", allowed is local, upstream`,
  ]);
  await Deno.remove(file);
});

Deno.test("serve --policy: a policy in TypeScript, loaded again when it changes", async () => {
  const directory = await Deno.makeTempDir({ prefix: "sluice-policy-" });
  const module = `${directory}/policy.ts`;
  const write = (domain: string): Promise<void> =>
    Deno.writeTextFile(
      module,
      `import { definePolicy, reject } from "@sluice/sluice/policy";
       export default definePolicy({
         mail: ({ reversePath }) =>
           reversePath.domain === "${domain}" ? reject("550 5.7.1 Not ${domain}") : undefined,
       });`,
    );
  await write("a.example");
  const program = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--no-lock", "--config", `${root}deno.json`, "--no-prompt", "--allow-net"],
      ...[`--allow-read=${directory},${root}src`, `${root}src/cli/main.ts`, "--policy", module],
      ...["--listen", "127.0.0.1:0", "--quiet"],
    ],
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const [out, err] = [linesOf(program.stdout), linesOf(program.stderr)];
  const address = parseAddress((await out()).split(" ")[2], "");
  const mail = async (from: string): Promise<string> => {
    const client = await Client.connect(address);
    await client.reply();
    await client.say("HELO client.example");
    const reply = await client.say(`MAIL FROM:<x@${from}>`);
    await client.close();
    return reply.trimEnd();
  };
  assertEquals(await mail("a.example"), "550 5.7.1 Not a.example");
  assertMatch(await mail("b.example"), /^250 /);

  await Deno.writeTextFile(module, "export default 1;");
  program.kill("SIGHUP");
  assertMatch(await err(), /"--policy": found ".*\/policy\.ts", allowed is a module whose /);
  assertEquals(await mail("a.example"), "550 5.7.1 Not a.example");

  // Without a signal: the module is looked at each second.
  await write("b.example");
  assertEquals(await out(), "reloaded");
  assertEquals(await mail("b.example"), "550 5.7.1 Not b.example");

  program.kill("SIGTERM");
  assertMatch(await out(), /^draining \d sessions$/);
  assertEquals([(await program.status).code, await out(), await err()], [0, "", ""]);
  await Deno.remove(directory, { recursive: true });
});
