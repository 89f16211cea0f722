/** Traces and metrics of `sluice serve` by Deno's own exporter. */

import { assert, assertEquals } from "@std/assert";
import { TextLineStream } from "@std/streams";
import { startScripted } from "../cli/_servers.ts";
import { Client } from "./_client.ts";
import { type OtlpReceiver, type OtlpSpan, startOtlpReceiver } from "./_otlp.ts";

const root = new URL("../../", import.meta.url).pathname;
const directory = await Deno.makeTempDir({ prefix: "sluice-telemetry-" });
const configuration = `${directory}/sluice.toml`;
await Deno.writeTextFile(
  configuration,
  `[[rule]]
name = "nobody"
at   = "rcpt"
when = { recipient = "nobody@mx.example" }
then = { reject = "550 5.1.1 Not here" }
`,
);

Deno.test.afterAll(() => Deno.remove(directory, { recursive: true }));

/** `sluice serve` with the permissions of the README. */
class Serving implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #errors: Promise<string>;

  constructor(upstream: string, env: Record<string, string>) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--no-lock", "--config", `${root}deno.json`],
        ...["--no-prompt", "--allow-net", `--allow-read=${directory}`, `${root}src/cli/main.ts`],
        ...["serve", "--config", configuration, "--listen", "127.0.0.1:0", "--upstream", upstream],
      ],
      env: { NO_COLOR: "1", ...env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#lines = this.#child.stdout.pipeThrough(new TextDecoderStream())
      .pipeThrough(new TextLineStream()).getReader();
    this.#errors = new Response(this.#child.stderr).text();
  }

  /** The port, once it listens. */
  async port(): Promise<number> {
    for (;;) {
      const { value, done } = await this.#lines.read();
      if (done) throw new Error(`sluice has ended: ${await this.#errors}`);
      const found = /^listening smtp 127\.0\.0\.1:(\d+)/.exec(value);
      if (found !== null) return Number(found[1]);
    }
  }

  /** Ends it; what it has not exported yet it exports now. */
  async end(): Promise<void> {
    this.#child.kill("SIGTERM");
    while (!(await this.#lines.read()).done);
    assertEquals([(await this.#child.status).code, await this.#errors], [0, ""]);
  }

  /** Whatever a test has come to, nothing is left of it. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await Promise.all([this.#child.status, this.#errors, this.#lines.cancel()]);
  }
}

/** A message with a recipient that a rule refuses and one that it does not. */
async function talk(port: number): Promise<void> {
  using client = await Client.connect(port);
  await client.commands("EHLO client.example", "MAIL FROM:<ann@client.example>");
  await client.send("RCPT TO:<nobody@mx.example>\r\n");
  await client.expect(/^550 5\.1\.1/);
  await client.commands("RCPT TO:<bob@mx.example>", "DATA");
  await client.send("Subject: Hi\r\n\r\nHello\r\n");
  await client.commands(".", "QUIT");
}

/** Each span below its ancestors: `smtp session > mail transaction > upstream MAIL`. */
function paths(spans: readonly OtlpSpan[]): string[] {
  const byId = new Map(spans.map((span) => [span.id, span]));
  const path = ({ name, parent }: OtlpSpan): string =>
    parent === "" ? name : `${path(byId.get(parent)!)} > ${name}`;
  return [...spans].sort((a, b) => Number(a.from - b.from)).map(path);
}

function attributesOf(receiver: OtlpReceiver, name: string): OtlpSpan["attributes"] {
  return receiver.spans.find((span) => span.name === name)!.attributes;
}

Deno.test("telemetry: serve exports a trace of a session, and metrics, where Deno is told to", async () => {
  await using receiver = startOtlpReceiver("sluice");
  await using upstream = await startScripted({ offers: ["PIPELINING"] });
  await using serving = new Serving(upstream.url, {
    OTEL_DENO: "true",
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
    OTEL_METRIC_EXPORT_INTERVAL: "500",
  });
  await talk(await serving.port());
  const accepted = () =>
    receiver.points.find(({ metric, attributes }) =>
      metric === "sluice_transactions" && attributes.outcome === "accepted"
    );
  await receiver.until("the counter of transactions", () => accepted()?.value === 1);
  const replies = receiver.points.filter(({ metric, attributes }) =>
    metric === "sluice_upstream_reply_seconds" && attributes.verb === "message"
  );
  assertEquals(replies, [{
    metric: "sluice_upstream_reply_seconds",
    unit: "s",
    value: 1,
    attributes: { upstream: "default", verb: "message" },
  }]);
  await serving.end();

  assertEquals(upstream.messages.length, 1);
  assertEquals(new Set(receiver.spans.map(({ trace }) => trace)).size, 1);
  const transaction = "smtp session > mail transaction";
  const found = paths(receiver.spans);
  assertEquals(found[0], "smtp session");
  assertEquals(
    found.filter((path) => path.startsWith(transaction)).sort(),
    [
      transaction,
      ...["check rules", "check rules"].map((name) => `${transaction} > ${name}`),
      ...["DATA", "MAIL", "RCPT", "connect", "message"]
        .map((name) => `${transaction} > upstream ${name}`),
    ],
  );
  assertEquals(receiver.spans.map(({ status }) => status).filter((status) => status === 2), []);

  const session = attributesOf(receiver, "smtp session");
  assertEquals(session["network.peer.address"], "127.0.0.1");
  assertEquals(session["smtp.hello"], "client.example");
  assertEquals(session["sluice.end"], "quit");
  const message = attributesOf(receiver, "mail transaction");
  assertEquals(message["sluice.transaction"], `${session["sluice.session"]}-1`);
  assertEquals(message["sluice.outcome"], "accepted");
  assertEquals([message["smtp.recipients"], message["smtp.recipients.accepted"]], [2, 1]);
  const refusal = receiver.spans.find(({ attributes }) => attributes["sluice.rule"] === "nobody")!;
  assertEquals(refusal.attributes["sluice.verdict"], "reject");
  assertEquals(refusal.attributes["smtp.reply.code"], 550);
  for (const address of ["ann@", "bob@", "nobody@"]) assert(!receiver.text.includes(address));
});

interface Graph {
  readonly modules: readonly {
    readonly specifier: string;
    readonly dependencies?: readonly {
      readonly code?: { readonly specifier?: string };
      readonly isDynamic?: boolean;
    }[];
  }[];
}

Deno.test("telemetry: the program does not load it before it is asked for", async () => {
  const entry = new URL("../../src/cli/main.ts", import.meta.url).href;
  const { stdout, success } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "--no-lock", entry],
    cwd: root,
  }).output();
  assert(success);
  const { modules }: Graph = JSON.parse(new TextDecoder().decode(stdout));
  const byName = new Map(modules.map((module) => [module.specifier, module]));
  const loaded = new Set([entry]);
  for (const name of loaded) {
    for (const { code, isDynamic } of byName.get(name)?.dependencies ?? []) {
      if (code?.specifier !== undefined && !isDynamic) loaded.add(code.specifier);
    }
  }
  assert(loaded.has(new URL("../../src/cli/serve.ts", import.meta.url).href));
  assertEquals([...loaded].filter((name) => /@opentelemetry|stats\/telemetry\.ts/.test(name)), []);
});
