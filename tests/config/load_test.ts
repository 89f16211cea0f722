import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Configuration } from "../../src/config/configuration.ts";
import { defaultConfiguration } from "../../src/config/defaults.ts";
import { configurationSchema } from "../../src/config/schema.ts";
import { loadConfiguration } from "../../src/config/load.ts";
import { listenForm } from "../../src/config/units.ts";
import { ConfigurationError, printMistake } from "../../src/config/mistake.ts";
import { policyOf } from "../../src/config/policy.ts";
import { Table } from "../../src/policy/rules/table.ts";
import { resolveListener, resolveOptions } from "../../src/options.ts";
import { schemaFile, schemaText } from "./json_schema.ts";
import { plainTls } from "../_dialogue.ts";
import { FakeClock } from "../_clock.ts";

function load(text: string, others: Record<string, string> = {}): Promise<Configuration> {
  const files: Record<string, string> = { "conf/a.toml": text, ...others };
  return loadConfiguration(
    "conf/a.toml",
    (path) =>
      path in files ? Promise.resolve(files[path]) : Promise.reject(new Error(`no ${path}`)),
  );
}

Deno.test("an empty file is every default", async () => {
  const empty = await load("");
  const { options, listeners, upstream, ...rest } = empty;
  assertEquals(options, { limits: {}, timeouts: {} });
  assertEquals(listeners.map(({ at }) => at), [
    { transport: "tcp", host: "127.0.0.1", port: 2525 },
  ]);
  assertEquals(upstream.servers.map(({ name, url }) => [name, url]), [
    ["capture:", { kind: "capture", directory: undefined }],
  ]);
  assertEquals([rest.tls, rest.shadow, rest.record, rest.tables.size], [
    ...[undefined, undefined, undefined],
    0,
  ]);
  const plain = ({ mistake: _mistake, file: _file, ...rest }: Configuration) => rest;
  assertEquals(plain(defaultConfiguration()), plain(empty));
});

Deno.test("the example has every key", async () => {
  const example = await Deno.readTextFile(new URL("../../examples/sluice.toml", import.meta.url));
  const { rule: _, ...document } = configurationSchema.shape;
  const keysOf = (schema: unknown): string[] => {
    const { shape, options, ...def } = (schema as { def: Inner }).def;
    const inner = def.innerType ?? def.element ?? def.valueType ?? def.in;
    const keys = Object.entries(shape ?? {}).flatMap(([key, value]) => [key, ...keysOf(value)]);
    return [
      ...keys,
      ...(options ?? []).flatMap(keysOf),
      ...inner === undefined ? [] : keysOf(inner),
    ];
  };
  const keys = keysOf({ def: { shape: document } });
  assertEquals(keys.includes("message-size"), true);
  const written = (key: string) =>
    new RegExp(`^(?:# )?(?:\\[+(?:\\w+\\.)?|  \\{.*)?"?${key}\\b`, "m");
  assertEquals(
    keys.filter((key) => !written(key).test(example) && !example.includes(`, ${key} =`)),
    [],
  );
});

/** What is within a piece of the schema. */
interface Inner {
  readonly shape?: Readonly<Record<string, unknown>>;
  readonly innerType?: unknown;
  readonly element?: unknown;
  readonly valueType?: unknown;
  /** Of a piece that is read into something else. */
  readonly in?: unknown;
  readonly options?: readonly unknown[];
}

Deno.test("the example says what it says", async () => {
  const file = new URL("../../examples/sluice.toml", import.meta.url).pathname;
  const directory = file.slice(0, file.lastIndexOf("/"));
  const configuration = await loadConfiguration(file, Deno.readTextFile);
  assertEquals(configuration.options, {
    hostname: "mx.example",
    trusted: ["10.0.0.0/8"],
    bareNewline: "reject",
    trace: true,
    keepSourceRoutes: false,
    eagerMail: false,
    verify: "local",
    tlsRequired: false,
    auth: "relay",
    authWithoutTls: false,
    policyTimeLimit: 30_000,
    window: 65_536,
    limits: { messageSize: 52_428_800, recipients: 1000, errors: 3, hops: 100, sessions: 10_000 },
    timeouts: {
      command: 300_000,
      data: 180_000,
      transfer: 3_600_000,
      write: 60_000,
      handshake: 30_000,
      proxyHeader: 5_000,
      lookup: 5_000,
      linger: 2_000,
    },
  });
  const { settings } = resolveOptions({ ...configuration.options, tls: plainTls });
  // What the file calls defaults are defaults.
  const { limits, timeouts } = resolveOptions({}).settings;
  assertEquals([settings.limits, settings.timeouts], [limits, timeouts]);
  assertEquals(
    configuration.listeners.map(({ options }) => resolveListener(options, settings).name),
    ["smtp", "smtps", "smtp", "lmtp", "smtp"],
  );
  assertEquals(configuration.tls?.certificates, [
    { cert: `${directory}/mx.pem`, key: `${directory}/mx.key` },
  ]);
  const { upstream, upstreams, tables } = configuration;
  assertEquals([upstream.identify, upstream.timeout], ["xforward", 60_000]);
  assertEquals([...upstreams.keys()], ["cluster", "archive", "hook", "partners"]);
  const { servers, balance, probe } = upstreams.get("cluster")!;
  assertEquals(servers.map(({ url, weight, priority }) => [url.kind, weight, priority]), [
    ["smtp", 2, undefined],
    ["smtp", undefined, undefined],
    ["discovered", undefined, 1],
  ]);
  assertEquals([balance, probe], ["round-robin", 30_000]);
  assertEquals([...tables], [
    ["partners", { kind: "file", file: `${directory}/partners.txt` }],
    ["blocked", { kind: "url", url: "http://127.0.0.1:8080/blocked.txt", refresh: 300_000 }],
  ]);
  const known = new Map([...tables.keys()].map((name) => [name, new Table(name)]));
  const policy = policyOf(configuration, { tables: known, clock: new FakeClock() });
  assert(policy.definitions.some(({ connect, mail, rcpt }) => connect && mail && rcpt));
});

Deno.test("names are looked up where the file says so", async () => {
  for (const [text, looked] of [["", false], ["lookup-names = true", true]] as const) {
    const { lookupNames, ...rest } = await loadConfiguration("a", () => Promise.resolve(text));
    assertEquals(lookupNames, looked);
    // It is the program that has a resolver, not the file.
    assertEquals("resolver" in rest.options, false);
  }
});

Deno.test("paths are relative to the file", async () => {
  const configuration = await load(`
    record = "sessions.jsonl"
    record-addresses = "hashed"
    upstream.url = "smtp://mail.example?tls=verify&ca=ca.pem"
    upstreams.a.url = "capture:mail"
    quarantine.directory = "held"
    upstreams.b.url = "capture:/var/mail"
    upstreams.c.url = "wss://mail.example?ca=ca.pem&token=token"
    upstreams.d.url = "wss://mail.example?token=env:TOKEN"
    [[listen]]
    address = "unix:socket?mode=0660"
    [[listen]]
    address = "ws://127.0.0.1:8080/smtp?token=token"
    [[listen]]
    address = "ws://127.0.0.1:8081/smtp?token=env:TOKEN"
  `);
  const { upstream, upstreams, quarantine, record, listeners } = configuration;
  const [{ url }] = upstream.servers;
  assertEquals(url.kind === "smtp" && url.authorities, "conf/ca.pem");
  const directories = ["a", "b"].map((name) => upstreams.get(name)?.servers[0].url);
  assertEquals(directories, [
    { kind: "capture", directory: "conf/mail" },
    { kind: "capture", directory: "/var/mail" },
  ]);
  assertEquals(quarantine, "conf/held");
  assertEquals(record, { file: "conf/sessions.jsonl", addresses: "hashed" });
  const tokens = ["c", "d"].map((name) => {
    const [{ url }] = upstreams.get(name)!.servers;
    return url.kind === "smtp" && [url.authorities, url.token];
  });
  assertEquals(tokens, [["conf/ca.pem", "conf/token"], [undefined, "env:TOKEN"]]);
  const websocket = { transport: "websocket" } as const;
  assertEquals(listeners.map(({ at }) => at), [
    { transport: "unix", path: "conf/socket", mode: 0o660 },
    { ...websocket, url: "ws://127.0.0.1:8080/smtp", token: "conf/token" },
    { ...websocket, url: "ws://127.0.0.1:8081/smtp", token: "env:TOKEN" },
  ]);
});

Deno.test("several servers have their places, and paths of their own", async () => {
  const { upstream } = await load(`
    [upstream]
    identify = "xforward"
    balance = "least-connections"
    probe = "1m"
    servers = [
      { url = "smtps://a.example?ca=ca.pem", weight = 3 },
      { url = "smtp+srv://_smtp._tcp.example?tls=verify&ca=/ca.pem", priority = 2 },
    ]
  `);
  const { servers, path, ...rest } = upstream;
  assertEquals(rest, { identify: "xforward", balance: "least-connections", probe: 60_000 });
  assertEquals(path, ["upstream", "servers"]);
  assertEquals(
    servers.map(({ url, path, ...share }) => [
      "authorities" in url && url.authorities,
      path,
      share,
    ]),
    [
      ["conf/ca.pem", ["upstream", "servers", 0, "url"], {
        name: "smtps://a.example?ca=ca.pem",
        weight: 3,
      }],
      ["/ca.pem", ["upstream", "servers", 1, "url"], {
        name: "smtp+srv://_smtp._tcp.example?tls=verify&ca=/ca.pem",
        priority: 2,
      }],
    ],
  );
});

Deno.test("a shadow is read, and has none of its own", async () => {
  const text = 'shadow = "b.toml"';
  const { shadow } = await load(text, { "conf/b.toml": 'hostname = "b.example"' });
  assertEquals([shadow?.file, shadow?.options.hostname], ["conf/b.toml", "b.example"]);
  const cases: readonly (readonly [others: Record<string, string>, says: string])[] = [
    [{}, "conf/b.toml: found no conf/b.toml, allowed is a file that can be read"],
    [
      { "conf/b.toml": "\ntrace = 1" },
      "conf/b.toml:2:1: trace: found 1, allowed is true or false",
    ],
    [
      { "conf/b.toml": text },
      'conf/b.toml:1:1: shadow: found "conf/b.toml", allowed is no shadow of a shadow',
    ],
  ];
  for (const [others, says] of cases) {
    const error = await assertRejects(() => load(text, others), ConfigurationError);
    assertEquals(error.message, says);
  }
});

Deno.test("all mistakes are told, each with its place", async () => {
  const error = await assertRejects(
    () => load('trace = 1\n[limits]\n\n  errors = 0\n[[listen]]\n[[listen]]\naddress = "x"\n'),
    ConfigurationError,
  );
  assertEquals(error.mistakes.map(printMistake), [
    "conf/a.toml:1:1: trace: found 1, allowed is true or false",
    "conf/a.toml:4:3: limits.errors: found 0, allowed is a whole number of at least 1",
    "conf/a.toml:5:3: listen[0].address: found nothing, " +
    `allowed is ${listenForm}`,
    'conf/a.toml:7:1: listen[1].address: found "x", ' +
    `allowed is ${listenForm}`,
  ]);
});

Deno.test("a file that is far too long is not parsed", async () => {
  const error = await assertRejects(() => load("#".repeat(16_777_217)), ConfigurationError);
  assertEquals(
    error.message,
    "conf/a.toml: found 16777217 characters, allowed is at most 16777216",
  );
});

Deno.test("sluice.schema.json is what the schema says", async () => {
  assertEquals(await Deno.readTextFile(schemaFile), schemaText, "run `deno task schema --write`");
});
