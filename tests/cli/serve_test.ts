import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { TextLineStream } from "@std/streams";
import { startScripted } from "./_servers.ts";
import { run } from "./_run.ts";

const root = new URL("../../", import.meta.url).pathname;
const directory = await Deno.makeTempDir({ prefix: "sluice-serve-" });
await Deno.mkdir(`${directory}/mail`);
const message = `${directory}/message.eml`;
await Deno.writeTextFile(message, "From: a@example.org\nTo: b@example.org\n\nHello\n");

Deno.test.afterAll(() => Deno.remove(directory, { recursive: true }));

/** The program as the README runs it: its own process, and no permission but these. */
class Program {
  readonly #child: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #errors: Promise<string>;

  constructor(...args: string[]) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--no-lock", "--config", `${root}deno.json`],
        ...["--no-prompt", "--allow-net", "--allow-read=./mail", "--allow-write=./mail"],
        ...[`${root}src/cli/main.ts`, ...args],
      ],
      cwd: directory,
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#lines = this.#child.stdout.pipeThrough(new TextDecoderStream())
      .pipeThrough(new TextLineStream()).getReader();
    this.#errors = new Response(this.#child.stderr).text();
  }

  /** The next line of standard output; `undefined` after the last. */
  async line(): Promise<string | undefined> {
    return (await this.#lines.read()).value;
  }

  /** Waits for a line that says where it listens. */
  async listening(): Promise<string> {
    const line = await this.line();
    if (line?.startsWith("listening ")) return line.split(" ")[2];
    throw new Error(`found ${line}, expected a listening line: ${await this.#errors}`);
  }

  terminate(): void {
    this.#child.kill("SIGTERM");
  }

  /** Reads what is left. */
  async end(): Promise<{ code: number; out: string[]; err: string }> {
    const out: string[] = [];
    for (let line = await this.line(); line !== undefined; line = await this.line()) out.push(line);
    return { code: (await this.#child.status).code, out, err: await this.#errors };
  }
}

async function delivered(): Promise<string[]> {
  const texts: string[] = [];
  for await (const { name } of Deno.readDir(`${directory}/mail/new`)) {
    texts.push(await Deno.readTextFile(`${directory}/mail/new/${name}`));
    await Deno.remove(`${directory}/mail/new/${name}`);
  }
  return texts;
}

Deno.test("serve: listens, takes a message, says so, and ends on SIGTERM", async () => {
  const program = new Program(
    ...["serve", "--listen", "127.0.0.1:0", "--listen", "127.0.0.1:0", "--upstream"],
    "capture:./mail",
  );
  const [first, second] = [await program.listening(), await program.listening()];
  assert(first !== second);
  for (const address of [first, second]) {
    const { status, err } = await run("send", "--server", `smtp://${address}`, message);
    assertEquals([status, err], [0, []]);
    const line = await program.line() ?? "";
    assertStringIncludes(line, " accepted ");
    assertStringIncludes(line, " from=<a@example.org> to=<b@example.org> ");
  }
  program.terminate();
  const { code, out, err } = await program.end();
  assertEquals([code, out.length, err], [0, 1, ""]);
  assertMatch(out[0], /^draining \d+ sessions$/);
  const texts = await delivered();
  assertEquals(texts.length, 2);
  for (const text of texts) {
    assertMatch(
      text,
      /^Return-Path: <a@example\.org>\r\nDelivered-To: b@example\.org\r\nReceived: /,
    );
    assert(text.endsWith("From: a@example.org\r\nTo: b@example.org\r\n\r\nHello\r\n"));
  }
});

Deno.test("serve: a Unix socket in a directory that it may write", async () => {
  const program = new Program(
    "--listen",
    "unix:./mail/socket",
    "--upstream",
    "capture:./mail",
    "-q",
  );
  assertMatch(await program.listening(), /^unix:.*\/mail\/socket$/);
  const server = `unix:${directory}/mail/socket`;
  assertEquals((await run("send", "--server", server, message)).status, 0);
  program.terminate();
  const { code, out } = await program.end();
  assertEquals([code, out.length], [0, 1]);
  assertEquals((await delivered()).length, 1);
});

Deno.test("serve: SIGTERM lets an open transaction finish, and nothing else begin", async () => {
  const program = new Program("--listen", "127.0.0.1:0", "--upstream", "capture:./mail");
  const [hostname, port] = (await program.listening()).split(":");
  using conn = await Deno.connect({ hostname, port: Number(port) });
  const replies = conn.readable.pipeThrough(new TextDecoderStream())
    .pipeThrough(new TextLineStream()).getReader();
  /** Sends lines, and waits for the last line of the reply. */
  const say = async (...lines: string[]): Promise<string> => {
    await conn.write(new TextEncoder().encode(lines.map((line) => `${line}\r\n`).join("")));
    while (true) {
      const { value = "" } = await replies.read();
      if (value[3] !== "-") return value;
    }
  };
  assertMatch(await say(), /^220 /);
  assertMatch(await say("EHLO client.example"), /^250 /);
  assertMatch(await say("MAIL FROM:<a@example.org>"), /^250 /);
  assertMatch(await say("RCPT TO:<b@example.org>"), /^250 /);
  assertMatch(await say("DATA"), /^354 /);
  program.terminate();
  for (let line = await program.line(); line !== "draining 1 sessions";) {
    line = await program.line();
  }
  assertMatch(await say("Subject: late", "", "Hello", "."), /^250 /);
  assertMatch(await say("NOOP"), /^421 /);
  const { code } = await program.end();
  assertEquals(code, 0);
  assertEquals((await delivered()).length, 1);
});

Deno.test("serve: what a policy leaves behind does not end it", async () => {
  const module = `Promise.reject(new Error("stray promise"));
    setTimeout(() => { throw new Error("stray timer"); });
    export default { definitions: [] };`;
  await Deno.writeTextFile(`${directory}/mail/stray.ts`, module);
  const options = ["--policy", "./mail/stray.ts", "--upstream", "capture:./mail"];
  const program = new Program("--listen", "127.0.0.1:0", ...options);
  const server = `smtp://${await program.listening()}`;
  assertEquals((await run("send", "--server", server, message)).status, 0);
  program.terminate();
  const { code, err } = await program.end();
  const faults = err.trimEnd().split("\n").toSorted();
  assertEquals([code, faults], [0, ["sluice: stray promise", "sluice: stray timer"]]);
  await delivered();
});

Deno.test("serve: a port in use is one line and exit status 2", async () => {
  await using server = await startScripted();
  const address = server.url.slice("smtp://".length);
  const { code, out, err } = await new Program("--listen", address).end();
  assertEquals([code, out], [2, []]);
  assertMatch(err, /^sluice: .*\n$/);
  assertStringIncludes(err, `"--listen": found "${address}", allowed is an address that is free`);
});

Deno.test("serve: TLS without a certificate is one line and exit status 2", async () => {
  const { code, out, err } = await new Program("--tls-listen", "127.0.0.1:0").end();
  assertEquals([code, out], [2, []]);
  assertMatch(
    err,
    /^sluice: .* "--tls-listen": found "127\.0\.0\.1:0", allowed is only together with --cert\n$/,
  );
});

Deno.test("serve: a directory that it may not write is one line and exit status 2", async () => {
  const { code, out, err } = await new Program("--upstream", "capture:./other").end();
  assertEquals([code, out], [2, []]);
  assertMatch(err, /^sluice: .*\n$/);
});
