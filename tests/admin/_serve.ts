/**
 * Sluice with an admin as its users run it: a process of its own with a configuration file, a server
 * behind it, and clients on real connections.
 *
 * @module
 */

import { TextLineStream } from "@std/streams";
import { encode } from "../../src/bytes.ts";
import { type ScriptedServer, startScripted } from "../cli/_servers.ts";
import { Client } from "../interop/_client.ts";

const ENTRY = new URL("../../src/cli/main.ts", import.meta.url).pathname;

/** What the server behind it says to recipients that are not as they should be. */
const REPLIES = {
  "RCPT TO:<busy@": "451 4.2.1 This mailbox is busy",
  "RCPT TO:<gone@": "550 5.1.1 There is no such mailbox",
};

const HEAD = `hostname = "mx.example"

[admin]
listen = "127.0.0.1:0"

# Clients say where they come from.
[[listen]]
address = "127.0.0.1:0"
proxy = ["127.0.0.1"]

[log]
level = "error"

`;

/** The envelope of a message. */
export interface Mail {
  readonly from: string;
  readonly to: readonly string[];
}

/** A running `sluice serve --config`. */
export class Serving implements AsyncDisposable {
  private constructor(
    private readonly stack: AsyncDisposableStack,
    private readonly file: string,
    /** Its exit code, once it has ended. */
    readonly ended: Promise<number>,
    /** Of the admin, with a slash at its end. */
    readonly url: string,
    readonly port: number,
    /** The server behind it. */
    readonly upstream: ScriptedServer,
  ) {}

  /**
   * Starts it.
   *
   * @param rules What stands in the configuration file after all that is the same for all tests.
   * @throws {Error} If it does not say where it listens.
   */
  static async start(rules: string): Promise<Serving> {
    await using stack = new AsyncDisposableStack();
    const upstream = stack.use(await startScripted({ offers: ["PIPELINING"], replies: REPLIES }));
    const directory = await Deno.makeTempDir({ prefix: "sluice-admin-" });
    stack.defer(() => Deno.remove(directory, { recursive: true }));
    const file = `${directory}/sluice.toml`;
    await Deno.writeTextFile(file, HEAD + rules);
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--no-prompt", "--allow-net", "--allow-read", ENTRY, "serve"],
        ...["--config", "sluice.toml", "--upstream", upstream.url],
      ],
      cwd: directory,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    let running = true;
    const end = async () => {
      const { code } = await child.status;
      running = false;
      return code;
    };
    const ended = end();
    const errors = new Response(child.stderr).text();
    const lines = child.stdout.pipeThrough(new TextDecoderStream())
      .pipeThrough(new TextLineStream())[Symbol.asyncIterator]();
    stack.defer(async () => {
      if (running) child.kill("SIGTERM");
      await Promise.all([ended, errors, Array.fromAsync({ [Symbol.asyncIterator]: () => lines })]);
    });
    const after = async (beginning: string) => {
      const { value: line } = await lines.next();
      if (line?.startsWith(beginning)) return line.slice(beginning.length);
      throw new Error(`Cannot start sluice: found ${line ?? await errors}, expected ${beginning}`);
    };
    const port = Number(await after("listening smtp 127.0.0.1:"));
    const url = await after("listening admin ");
    return new Serving(stack.move(), file, ended, url, port, upstream);
  }

  /** Writes other rules; nothing is reloaded by that alone, or not at once. */
  async rewrite(rules: string): Promise<void> {
    await Deno.writeTextFile(this.file, HEAD + rules);
  }

  /** A client that has said hello. */
  async client(address: string, hello = "client.example"): Promise<Client> {
    const proxyHeader = encode(`PROXY TCP4 ${address} 192.0.2.25 40000 25\r\n`);
    const client = await Client.connect(this.port, proxyHeader);
    await client.commands(`EHLO ${hello}`);
    return client;
  }

  /** Sends some mail from one address, in one session. */
  async send(address: string, ...mails: Mail[]): Promise<void> {
    using client = await this.client(address);
    for (const mail of mails) await transact(client, mail);
    await client.commands("QUIT");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stack.disposeAsync();
  }
}

/**
 * One mail transaction, whatever is refused of it.
 *
 * @returns The reply to its end.
 */
async function transact(client: Client, { from, to }: Mail): Promise<string> {
  await client.command(`MAIL FROM:<${from}>`);
  const replies = [];
  for (const recipient of to) replies.push(await client.command(`RCPT TO:<${recipient}>`));
  if (!replies.some((reply) => reply.startsWith("250"))) return await client.command("RSET");
  await client.command("DATA");
  return await client.command(`From: <${from}>\r\nSubject: Hello\r\n\r\nHello\r\n.`);
}
