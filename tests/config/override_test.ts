import { assertEquals, assertThrows } from "@std/assert";
import { parse } from "../../src/cli/command_line.ts";
import { override } from "../../src/cli/override.ts";
import { serve } from "../../src/cli/serve.ts";
import type { Configuration } from "../../src/config/configuration.ts";
import { defaultConfiguration } from "../../src/config/defaults.ts";
import { loadConfiguration } from "../../src/config/load.ts";
import { printMistake } from "../../src/config/mistake.ts";
import { OptionError } from "../../src/errors.ts";

const file = `
  hostname = "file.example"
  trusted = ["192.0.2.1"]
  trace = true
  [[listen]]
  address = ":25"
  xclient = ["192.0.2.1"]
  [[listen]]
  address = ":465"
  tls = "implicit"
  [upstream]
  url = "smtp://file.example"
  identify = "xforward"
  timeout = 9
  [tls]
  certificates = [{ cert = "/file.pem", key = "/file.key" }]
  client-authorities = "/file-ca.pem"
  [limits]
  message-size = 1000
  recipients = 100
  [timeouts]
  command = 100
  data = 200
`;

type Parts = Partial<Configuration>;

const option = (changed: Configuration["options"]) => ({ options }: Configuration): Parts => ({
  options: { ...options, ...changed },
});
const upstream = (changed: Partial<Configuration["upstream"]>) => (file: Configuration): Parts => ({
  upstream: { ...file.upstream, ...changed },
});
const tls = (
  changed: Partial<Configuration["tls"]>,
  paths: Partial<NonNullable<Configuration["tls"]>["paths"]>,
) =>
(file: Configuration): Parts => ({
  tls: { ...file.tls!, ...changed, paths: { ...file.tls!.paths, ...paths } },
});

const memory = {
  name: "capture:",
  url: { kind: "capture", directory: undefined },
  path: ["--upstream"],
} as const;

/** What a command line changes, and nothing else. */
const rows: readonly (readonly [
  args: readonly string[],
  changes: (file: Configuration) => Parts,
])[] = [
  [[], () => ({})],
  [["--hostname", "a.example"], option({ hostname: "a.example" })],
  [["--trusted", "::1"], option({ trusted: ["::1"] })],
  [["--no-trace"], option({ trace: false })],
  [["--require-tls"], option({ tlsRequired: true })],
  [["--insecure-auth"], option({ authWithoutTls: true })],
  [["--lookup-names"], () => ({ lookupNames: true })],
  [["--keep-source-routes"], option({ keepSourceRoutes: true })],
  [["--auth", "off"], option({ auth: "off" })],
  [["--verify", "upstream"], option({ verify: "upstream" })],
  [["--bare-newline", "normalize"], option({ bareNewline: "normalize" })],
  [["--max-size", "1k"], option({ limits: { messageSize: 1024, recipients: 100 } })],
  [["--max-recipients", "7"], option({ limits: { messageSize: 1000, recipients: 7 } })],
  [["--idle-timeout", "7"], option({ timeouts: { command: 7_000, data: 200_000 } })],
  [
    ["--upstream", "capture:"],
    upstream({ servers: [memory], path: ["--upstream"] }),
  ],
  [
    ["--upstream", "capture:", "--upstream", "capture:"],
    upstream({ servers: [memory, memory], path: ["--upstream"] }),
  ],
  [["--identify", "proxy"], upstream({ identify: "proxy-v2" })],
  [["--upstream-timeout", "1m"], upstream({ timeout: 60_000 })],
  [
    ["--cert", "a", "--key", "b"],
    tls({ certificates: [{ cert: "a", key: "b" }] }, { certificates: ["--cert"] }),
  ],
  [["--client-ca", "a"], tls({ authorities: "a" }, { authorities: ["--client-ca"] })],
  [["--listen", ":26", "--tls-listen", ":466"], () => ({
    listeners: [
      {
        at: { transport: "tcp", host: "0.0.0.0", port: 26 },
        options: {},
        path: ["--listen"],
      },
      {
        at: { transport: "tcp", host: "0.0.0.0", port: 466 },
        options: { implicitTls: true },
        path: ["--tls-listen"],
      },
    ],
  })],
  [["--lmtp-listen", "unix:/run/lmtp"], () => ({
    listeners: [{
      at: { transport: "unix", path: "/run/lmtp" },
      options: { protocol: "lmtp" },
      path: ["--lmtp-listen"],
    }],
  })],
  [["--accept", "proxy"], ({ listeners }) => ({
    listeners: listeners.map((listener) => ({
      ...listener,
      options: {
        implicitTls: listener.options.implicitTls,
        xclientFrom: [],
        xforwardFrom: [],
        proxyFrom: ["192.0.2.1"],
      },
    })),
  })],
];

/** All that can be compared. */
function plain({ mistake: _, ...parts }: Configuration): object {
  return parts;
}

Deno.test("each option takes the place of what the file says, whole", async (t) => {
  const configuration = await loadConfiguration("/a.toml", () => Promise.resolve(file));
  for (const [args, changes] of rows) {
    await t.step(args.join(" "), () => {
      const changed = override(configuration, parse(serve, args));
      assertEquals(plain(changed), { ...plain(configuration), ...changes(configuration) });
    });
  }
});

Deno.test("servers of the command line are balanced by nothing that the file says", async () => {
  const configuration = await loadConfiguration(
    "a.toml",
    () =>
      Promise.resolve(
        "[upstream]\nservers = [{ url = 'capture:' }]\nbalance = 'least-connections'\nprobe = 9",
      ),
  );
  const { upstream } = override(configuration, parse(serve, ["--upstream", "capture:"]));
  assertEquals([upstream.servers, upstream.balance, upstream.probe], [
    [memory],
    undefined,
    undefined,
  ]);
});

Deno.test("what is allowed is said in full", () => {
  const cases: readonly [args: readonly string[], option: string, allowed: string][] = [
    [
      ["--upstream-connections", "0"],
      "--upstream-connections",
      "a whole number of at least 1, or own",
    ],
    [["--quiet", "--log-level", "debug"], "--log-level", "warning, together with --quiet"],
    [["--quiet", "--log-level", "error"], "--log-level", "warning, together with --quiet"],
    [["--quiet", "--log-level", "much"], "--log-level", "error, warning, info, debug"],
  ];
  for (const [args, option, allowed] of cases) {
    const error = assertThrows(
      () => override(defaultConfiguration(), parse(serve, args)),
      OptionError,
    );
    assertEquals([error.option, error.allowed], [option, allowed]);
  }
  const changed = override(
    defaultConfiguration(),
    parse(serve, ["--quiet", "--log-level", "warning", "--upstream-connections", "own"]),
  );
  assertEquals([changed.log.level, changed.upstream.pool], ["warning", false]);
});

Deno.test("a mistake names the option that it comes from, or the file", async () => {
  const configuration = await loadConfiguration("/a.toml", () => Promise.resolve(file));
  const { upstream, listeners, mistake } = override(
    configuration,
    parse(serve, ["--listen", ":26"]),
  );
  const said = (path: typeof upstream.path) => printMistake(mistake(path, "x", "y"));
  assertEquals(said(listeners[0].path), "--listen: found x, allowed is y");
  assertEquals(said(upstream.path), "/a.toml:12:3: upstream.url: found x, allowed is y");
});

Deno.test("a policy that cannot be loaded is the option's fault, where it is given", async () => {
  const configuration = await loadConfiguration(
    "a.toml",
    () => Promise.resolve('[policy]\nmodule = "file.ts"'),
  );
  const mistaken = (...args: string[]): string =>
    override(configuration, parse(serve, args)).mistake(["policy", "module"], "x", "y").key;
  assertEquals(mistaken(), "policy.module");
  assertEquals(mistaken("--policy", "own.ts"), "--policy");
});
