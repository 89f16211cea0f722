/** What the program does where standard output is a terminal: one that `script` (util-linux) makes. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { run } from "./_run.ts";
import { startProxy } from "./_servers.ts";
import { programArgs, startServing } from "./_serving.ts";

const ignore = Deno.build.os !== "linux";

const directory = ignore ? "" : await Deno.makeTempDir({ prefix: "sluice-terminal-" });

Deno.test.afterAll(async () => {
  if (!ignore) await Deno.remove(directory, { recursive: true });
});

/** The program in a terminal of 78 columns and 20 rows. */
class InTerminal {
  readonly #child: Deno.ChildProcess;
  readonly #output: ReadableStreamDefaultReader<string>;
  /** All that has been written to the terminal. */
  written = "";

  constructor(...args: readonly string[]) {
    const words = [Deno.execPath(), ...programArgs(...args)].map((word) => `'${word}'`);
    this.#child = new Deno.Command("script", {
      args: ["-qefc", `stty cols 78 rows 20; exec ${words.join(" ")}`, "/dev/null"],
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#output = this.#child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** Waits until this has been written. */
  async shows(text: string): Promise<void> {
    while (!this.written.includes(text)) {
      const { done, value } = await this.#output.read();
      if (done) throw new Error(`found no ${text} in ${JSON.stringify(this.written)}`);
      this.written += value;
    }
  }

  async press(key: string): Promise<void> {
    const writer = this.#child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(key));
    writer.releaseLock();
  }

  /** Waits for the end. @returns The exit status. */
  async end(): Promise<number> {
    for (let part = await this.#output.read(); !part.done; part = await this.#output.read()) {
      this.written += part.value;
    }
    await this.#child.stdin.close();
    return (await this.#child.status).code;
  }
}

Deno.test({
  name: "top draws until Ctrl-C, and leaves the terminal as it was",
  ignore,
  async fn() {
    await using serving = await startServing("--upstream", "capture:");
    const program = new InTerminal("top", "--admin", serving.admin);
    await program.shows("default capture:");
    const file = `${directory}/small.eml`;
    await Deno.writeTextFile(file, "Subject: Hi\n\nHello\n");
    const options = ["-f", "a@client.example", "-t", "b@mx.example", file];
    assertEquals((await run("send", "-s", serving.smtp, ...options)).status, 0);
    await program.shows("client.example");
    await program.press("\x03");
    assertEquals(await program.end(), 0);
    const enter = program.written.indexOf("\x1b[?1049h\x1b[?25l\x1b[?7l");
    const draws = program.written.slice(enter).split("\x1b[H").slice(1);
    assert(enter >= 0 && draws.length >= 2);
    assertMatch(draws[0], /Sluice {2}[0-9-]+ [0-9:]+ UTC/);
    for (const draw of draws) assert(draw.split("\n").length <= 20);
    assert(program.written.endsWith("\x1b[?7h\x1b[?25h\x1b[?1049l"));
  },
});

Deno.test({
  name: "send shows how far a large message has come, and takes it away again",
  ignore,
  async fn() {
    await using proxy = await startProxy();
    const file = `${directory}/large.eml`;
    await Deno.writeTextFile(file, `Subject: Hi\n\n${`${"x".repeat(1023)}\n`.repeat(3 * 1024)}`);
    const options = ["-f", "a@client.example", "-t", "b@mx.example", file];
    const program = new InTerminal("send", "-s", proxy.url, ...options);
    assertEquals(await program.end(), 0);
    assertEquals(
      program.written.slice(program.written.indexOf("\r")),
      "\r1 of 4 MiB (33 %)\r2 of 4 MiB (66 %)\r3 of 4 MiB (99 %)\r\x1b[K" +
        "250 2.0.0 Ok: kept as memory\r\n",
    );
    assertEquals(proxy.messages.length, 1);
  },
});
