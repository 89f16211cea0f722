import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { TextLineStream } from "@std/streams";
import { type AdminClient, adminClient, AdminError } from "../../src/admin/mod.ts";
import type { TransactionBatchView } from "../../src/admin/views.ts";
import { linesOf } from "./_serving.ts";

const MAIN = new URL("../../src/cli/main.ts", import.meta.url).pathname;
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;
const directory = await Deno.makeTempDir({ prefix: "sluice-workers-" });

Deno.test.afterAll(() => Deno.remove(directory, { recursive: true }));

type Address = Deno.ConnectOptions | Deno.UnixConnectOptions;

/** `serve` with two workers, in a process of its own. */
class Program implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #errors: Promise<string>;
  readonly addresses: Deno.ConnectOptions[] = [];
  admin!: AdminClient;

  constructor(...args: string[]) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--no-lock", "--config", CONFIG, "--no-prompt", "--allow-net", "--allow-read"],
        ...[`--allow-write=${directory}`, MAIN, "serve", "--workers", "2"],
        ...["--admin", "127.0.0.1:0", ...args],
      ],
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#lines = linesOf(this.#child.stdout);
    this.#errors = new Response(this.#child.stderr).text();
  }

  /** Starts one at any free port, and wherever else it is told. */
  static start(...args: string[]): Promise<Program> {
    return Program.startAt("--listen", "127.0.0.1:0", ...args);
  }

  static async startAt(...args: string[]): Promise<Program> {
    const program = new Program(...args);
    while (true) {
      const [, what, where = ""] = (await program.line()).split(" ");
      if (what === "admin") {
        program.admin = adminClient(where);
        return program;
      }
      const [hostname, port] = where.split(":");
      program.addresses.push({ hostname, port: Number(port) });
    }
  }

  /** The next line of standard output. */
  async line(): Promise<string> {
    const { value } = await this.#lines.read();
    if (value === undefined) throw new Error(`ended: ${await this.#errors}`);
    return value;
  }

  /** Reads up to a line like this, which it returns. */
  async until(pattern: RegExp): Promise<string> {
    for (let line = await this.line();; line = await this.line()) {
      if (pattern.test(line)) return line;
    }
  }

  signal(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** Ends it, where it has not ended, and returns how. */
  async end(): Promise<{ readonly code: number; readonly err: string }> {
    while (!(await this.#lines.read()).done);
    return { code: (await this.#child.status).code, err: await this.#errors };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.#lines.cancel();
    await this.#child.status;
    await this.#errors;
  }

  connect(): Promise<Client> {
    return Client.connect(this.addresses[0]);
  }

  /** So many sessions, greeted one after the other, or as many as it takes for both workers to have some. */
  async clients(count: number, connect = () => this.connect()): Promise<Client[]> {
    const clients: Client[] = [];
    while (clients.length < count || await this.#oneIsIdle()) clients.push(await connect());
    return clients;
  }

  async #oneIsIdle(): Promise<boolean> {
    return Object.values(await this.spread()).includes(0);
  }

  /** Open sessions by worker. */
  async spread(): Promise<Record<string, number>> {
    const found = (await this.admin.metrics())
      .matchAll(/^sluice_worker_sessions\{worker="(\d+)"\} (\d+)$/gm);
    return Object.fromEntries(Array.from(found, ([, worker, open]) => [worker, Number(open)]));
  }
}

/** A client that says what it is told. */
class Client implements Disposable {
  readonly #replies: ReadableStreamDefaultReader<string>;

  private constructor(readonly conn: Deno.Conn, readonly greeting: string) {
    this.#replies = linesOfConn(conn);
  }

  static async connect(address: Address): Promise<Client> {
    const conn = "path" in address ? await Deno.connect(address) : await Deno.connect(address);
    const client = new Client(conn, "");
    const greeting = await client.reply();
    return Object.assign(client, { greeting });
  }

  /** The last line of the next reply; `""` at the end. */
  async reply(): Promise<string> {
    while (true) {
      const { value = "" } = await this.#replies.read();
      if (value[3] !== "-") return value;
    }
  }

  async say(...lines: string[]): Promise<string> {
    await this.conn.write(new TextEncoder().encode(lines.map((line) => `${line}\r\n`).join("")));
    return await this.reply();
  }

  /** As far as the message itself. */
  async begin(from = "a@example.org"): Promise<void> {
    assertMatch(await this.say("EHLO client.example"), /^250 /);
    assertMatch(await this.say(`MAIL FROM:<${from}>`), /^250 /);
    assertMatch(await this.say("RCPT TO:<b@example.org>"), /^250 /);
    assertMatch(await this.say("DATA"), /^354 /);
  }

  /** The message itself. */
  async finish(): Promise<void> {
    assertMatch(await this.say("Subject: Hi", "", "Hello", "."), /^250 /);
  }

  /** Goes away, and waits until the other side has gone too. */
  async leave(): Promise<void> {
    assertMatch(await this.say("QUIT"), /^221 /);
    assertEquals(await this.reply(), "");
  }

  [Symbol.dispose](): void {
    void this.#replies.cancel().catch(() => {});
  }
}

function linesOfConn(conn: Deno.Conn): ReadableStreamDefaultReader<string> {
  return conn.readable.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream())
    .getReader();
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}

Deno.test("200 sessions: both workers have their part, and the admin adds up exactly", async () => {
  await using program = await Program.start();
  const { admin } = program;
  const clients = await program.clients(200);
  const spread = Object.values(await program.spread());
  assertEquals([spread.length, sum(spread)], [2, 200]);
  assert(Math.min(...spread) >= 10, `found ${spread}`);
  assertEquals((await admin.stats()).sessions, { open: 200, total: 200 });
  assertEquals((await admin.sessions(1000)).total, 200);

  const news = admin.followTransactions();
  await news.next();
  // As many as are remembered of a moment, whichever worker has them.
  const senders = clients.slice(0, 60);
  for (const client of senders) await client.begin();
  await Promise.all(senders.map((client) => client.finish()));
  const told: number[] = [];
  for (let count = 0; count < 60;) {
    const value: TransactionBatchView = (await news.next()).value!;
    told.push(...value.transactions.map(({ number }) => number));
    count += value.transactions.length + value.skipped;
    assert(count <= 60, `found ${count}`);
  }
  await news.return(undefined);
  assertEquals(new Set(told).size, told.length);

  const stats = await admin.stats();
  assertEquals(stats.transactions.accepted, 60);
  assertEquals(stats.top.clients, [{ key: "127.0.0.1", count: 60, error: 0 }]);
  const { transactions } = await admin.transactions({ limit: 1000 });
  assertEquals(
    transactions.map(({ number }) => number),
    Array.from({ length: 60 }, (_, n) => 60 - n),
  );
  assertEquals(new Set(transactions.map(({ id }) => id)).size, 60);
  const page = await admin.transactions({ limit: 10, before: 31 });
  assertEquals([page.transactions[0].number, page.next], [30, 21]);
  assertEquals((await admin.transaction(transactions[47].id)).number, transactions[47].number);
  const metrics = await admin.metrics();
  assertMatch(metrics, /^sluice_transactions_total\{outcome="accepted"\} 60$/m);
  assertMatch(metrics, /^sluice_message_size_bytes_count 60$/m);
  assertMatch(metrics, /^sluice_build_info\{version="[^"]*"\} 1$/m);

  // Lines of the log are whole, whoever writes them.
  for (let count = 0; count < 60; count++) {
    assertMatch(await program.line(), /^\S+ (info )?accepted id=\S+ session=.* took=\S+.*$/);
  }
  await Promise.all(clients.map((client) => client.leave()));
});

Deno.test("a session: its dialogue live and its end, whichever worker has it", async () => {
  await using program = await Program.start("-q");
  const { admin } = program;
  const clients = await program.clients(12);
  for (const { id } of (await admin.sessions()).sessions) {
    assertEquals((await admin.session(id)).id, id);
    const dialogue = admin.followSession(id);
    assertMatch((await dialogue.next()).value!.lines[0].text, /^220 /);
    await admin.disconnect(id);
    const last = (await Array.fromAsync(dialogue)).at(-1)!;
    assertEquals([last.ended, last.lines.at(-1)?.text.slice(0, 3)], [true, "421"]);
    await assertRejects(() => admin.disconnect(id), AdminError);
  }
  for (const client of clients) {
    assertMatch(await client.reply(), /^421 /);
    assertEquals(await client.reply(), "");
  }
  assertEquals((await admin.stats()).sessions, { open: 0, total: clients.length });
});

Deno.test("rates are counted by all workers together", async () => {
  const config = `${directory}/rate.toml`;
  await Deno.writeTextFile(
    config,
    `[[rule]]
name = "often"
at = "mail"
when = { rate = { of = "client", above = 7, per = "1h" } }
then = { defer = "450 4.7.1 Too often" }
`,
  );
  await using program = await Program.start("-q", "--config", config);
  const clients = await program.clients(20);
  const replies: string[] = [];
  for (const client of clients) {
    await client.say("EHLO client.example");
    replies.push((await client.say("MAIL FROM:<a@example.org>")).slice(0, 3));
  }
  const late = clients.length - 7;
  assertEquals(replies, [...Array(7).fill("250"), ...Array(late).fill("450")]);
  const { rules } = await program.admin.policy();
  assertEquals(rules.map(({ name, asked, hits }) => [name, asked, hits]), [
    ["often", clients.length, late],
  ]);
  await Promise.all(clients.map((client) => client.leave()));
});

Deno.test("a reload is for all workers, or for none", async () => {
  const config = `${directory}/reload.toml`;
  const module = `${directory}/fails_in_one.ts`;
  await Deno.writeTextFile(
    module,
    `if (self.name === "sluice 2") throw new Error("not in this one");
    export default { definitions: [] };`,
  );
  const write = (hostname: string, more = ""): Promise<void> =>
    Deno.writeTextFile(config, `hostname = "${hostname}"\n${more}`);
  await Deno.writeTextFile(`${directory}/shadow.toml`, 'tables = { t = { file = "none.txt" } }');
  await write("old.example");
  await using program = await Program.start("-q", "--config", config);
  const { admin } = program;
  const hostnames = async (): Promise<string[]> => {
    const clients = await program.clients(8);
    await Promise.all(clients.map((client) => client.leave()));
    return [...new Set(clients.map(({ greeting }) => greeting.split(" ")[1]))];
  };
  assertEquals(await hostnames(), ["old.example"]);
  const bad: readonly (readonly [string, RegExp])[] = [
    ['trace = "yes"', /reload\.toml:2:1: trace: found "yes"/],
    [`[tls]\ncertificates = [{ cert = "x", key = "x" }]`, /reload\.toml:3:1: tls\.certificates: /],
    ['[policy]\nmodule = "fails_in_one.ts"', /reload\.toml:3:1: policy\.module: .*not in this one/],
    ['shadow = "shadow.toml"', /shadow\.toml:1:18: tables\.t\.file: /],
  ];
  for (const [more, mistake] of bad) {
    await write("bad.example", more);
    const error = await assertRejects(() => admin.reload(), AdminError);
    assertMatch(error.mistakes?.join("\n") ?? error.message, mistake);
    assertEquals(await hostnames(), ["old.example"]);
  }
  await write("new.example");
  await admin.reload();
  assertEquals(await hostnames(), ["new.example"]);
});

Deno.test("a reload opens and closes listeners of all workers, or of none", async () => {
  const config = `${directory}/listeners.toml`;
  const [first, second] = [`unix:${directory}/first`, `unix:${directory}/second`];
  const write = (...addresses: string[]): Promise<void> =>
    Deno.writeTextFile(
      config,
      addresses.map((address) => `[[listen]]\naddress = "${address}"\n`).join(""),
    );
  const connect = (address: string): Promise<Client> =>
    Client.connect({ transport: "unix", path: address.slice("unix:".length) });
  await write(first);
  await using program = await Program.startAt("-q", "--config", config);
  const { admin } = program;
  const before = await connect(first);

  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await write(second, `127.0.0.1:${taken.addr.port}`);
  const error = await assertRejects(() => admin.reload(), AdminError);
  assertMatch(error.mistakes!.join("\n"), /:4:\d+: listen\[1\]\.address: .* that is free/);
  await assertRejects(() => connect(second), Deno.errors.NotFound);

  await write(second);
  await admin.reload();
  await program.until(new RegExp(`^listening smtp ${second}$`));
  await program.until(new RegExp(`^closed ${first}$`));
  await assertRejects(() => connect(first), Deno.errors.NotFound);
  const after = await program.clients(8, () => connect(second));
  await Promise.all([before, ...after].map((client) => client.leave()));
});

Deno.test("a worker that ends is replaced, and the other serves on", async () => {
  const module = `${directory}/ends.ts`;
  await Deno.writeTextFile(
    module,
    `export default {
      definitions: [{
        name: "ends",
        mail({ reversePath }) {
          if (reversePath.address.startsWith("end@")) Deno.exit(1);
        },
      }],
    };`,
  );
  await using program = await Program.start("-q", "--policy", module);
  const { admin } = program;
  const clients = await program.clients(20);
  const before = await program.spread();
  assertEquals(Object.keys(before), ["1", "2"]);
  const [first, ...others] = clients;
  await first.say("EHLO client.example");
  assertEquals(await first.say("MAIL FROM:<end@example.org>"), "");
  await program.until(/ fault .*Worker [12] has ended/);
  // The next one that answers comes behind the replacement, which reloads wait for.
  await admin.reload();
  const after = await program.spread();
  assertEquals(Object.keys(after).length, 2);
  assert("3" in after);
  const served = await program.clients(8);
  const alive = await Promise.all(others.map(async (client) => {
    const reply = await client.say("NOOP").catch(() => "");
    return reply.startsWith("250");
  }));
  const [lost] = Object.keys(before).filter((worker) => !(worker in after));
  assertEquals(alive.filter((one) => one).length, clients.length - before[lost]);
  await Promise.all(served.map((client) => client.leave()));
  for (const client of clients) client[Symbol.dispose]();
});

Deno.test("SIGUSR2: all workers are replaced, and no connection is refused or lost", async () => {
  const socket = `${directory}/socket`;
  await using program = await Program.start("-q", "--listen", `unix:${socket}`);
  const { admin } = program;
  const addresses: Address[] = [program.addresses[0], { transport: "unix", path: socket }];
  let loading = true;
  let served = 0;
  const load = addresses.flatMap((address) => [address, address]).map(async (address) => {
    while (loading) {
      const client = await Client.connect(address);
      assertMatch(client.greeting, /^220 /);
      await client.leave();
      served++;
    }
  });
  for (let time = 0; time < 3; time++) {
    program.signal("SIGUSR2");
    assertEquals(await program.line(), "restarted");
  }
  loading = false;
  await Promise.all(load);
  assertEquals(Object.keys(await program.spread()), ["7", "8"]);
  // What those have counted that are gone counts on.
  const { sessions } = await admin.stats();
  assertEquals(sessions, { open: 0, total: served });
  assertMatch(
    await admin.metrics(),
    new RegExp(`^sluice_commands_total\\{verb="QUIT"\\} ${served}$`, "m"),
  );
});

Deno.test("SIGTERM: both workers let open transactions finish, and nobody listens", async () => {
  const socket = `${directory}/last`;
  await using program = await Program.start("-q", "--listen", `unix:${socket}`);
  const clients = await program.clients(10);
  for (const client of clients) await client.begin();
  program.signal("SIGTERM");
  assertEquals(await program.line(), `draining ${clients.length} sessions`);
  for (const client of clients) await client.finish();
  for (const client of clients) assertMatch(await client.reply(), /^421 /);
  const { code, err } = await program.end();
  assertEquals([code, err], [0, ""]);
  await assertRejects(() => Deno.connect(program.addresses[0]), Deno.errors.ConnectionRefused);
  await assertRejects(() => Deno.lstat(socket), Deno.errors.NotFound);
});

Deno.test("drain: one request ends all workers", async () => {
  await using program = await Program.start("-q");
  const clients = await program.clients(10);
  const drained = program.admin.drain(10_000);
  for (const client of clients) assertMatch(await client.reply(), /^421 /);
  assertEquals((await drained).drained, true);
  assertEquals(await program.line(), "draining 0 sessions");
  const { code, err } = await program.end();
  assertEquals([code, err], [0, ""]);
});

Deno.test("what cannot be served ends with the complaint of one worker", async () => {
  const options = ["--listen", "127.0.0.1:0", "--cert", "none.pem", "--key", "none.key"];
  await using program = new Program(...options);
  const { code, err } = await program.end();
  assertEquals(code, 2);
  assertMatch(err, /^sluice: Cannot use option "--cert": found "none\.pem"/);
});
