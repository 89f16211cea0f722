import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { AdminError } from "../../src/admin/admin_error.ts";
import type { StreamOptions } from "../../src/admin/client.ts";
import { cut, table } from "../../src/cli/columns.ts";
import { watch } from "../../src/cli/top.ts";
import { screen, type Shown, type Size } from "../../src/cli/top_screen.ts";
import type { StatsView } from "../../src/stats/views.ts";
import { settle } from "../_clock.ts";
import { run } from "./_run.ts";
import { startServing } from "./_serving.ts";

const at = Date.UTC(2026, 10, 23, 9, 12, 44);

const stats: StatsView = {
  at,
  startedAt: at - 273_600_000,
  draining: false,
  sessions: { open: 3, total: 1_234_567 },
  transactions: {
    accepted: 1_000_000,
    discarded: 7,
    quarantined: 0,
    rejected: 56_789,
    deferred: 1,
    abandoned: 2,
    broken: 0,
  },
  octets: 2_345_678_901,
  rates: { sessions: 0.4, transactions: 1234.5, octets: 1_200_000 },
  latencies: {
    command: { p50: 0.4, p99: 12.04, count: 98_765 },
    policy: { p50: 0.0042, p99: 3, count: 60_000 },
    upstream: { p50: 20, p99: 1200, count: 3 },
  },
  top: {
    clients: [{ key: "192.0.2.1", count: 4321, error: 2 }, {
      key: "2001:db8::1",
      count: 9,
      error: 0,
    }],
    senderDomains: [{ key: "client.example", count: 4000, error: 0 }, {
      key: "",
      count: 330,
      error: 0,
    }],
    recipientDomains: [{ key: "mx.example", count: 5000, error: 0 }],
  },
  viewers: { open: 1, dropped: 0 },
};

const session = {
  id: "8da0a6f4-0",
  startedAt: at - 63_000,
  listener: "smtp",
  client: "192.0.2.1",
  hello: "client.example",
  doing: "DATA",
  activeAt: at - 200,
  transactions: 12,
};

const upstream = {
  name: "default",
  url: "smtp://127.0.0.1:25",
  health: "up" as const,
  connections: 2,
  connected: 1234,
  failed: 1,
  connecting: { p50: 1, p99: 5.25, count: 10 },
  answering: { p50: 20, p99: 130, count: 10 },
};

const shown: Shown = {
  url: "http://127.0.0.1:8025",
  stats,
  sessions: {
    total: 3,
    sessions: [
      session,
      { ...session, client: "2001:db8::1", tls: "TLSv1.3", login: "me", name: "host.example" },
      { ...session, client: "", listener: "submission", doing: "", hello: "", activeAt: at - 4000 },
    ],
  },
  rules: [
    { name: "dns blocklist", phases: ["connect"], asked: 10, hits: 1, spent: 500 },
    { name: "no executables", phases: ["data"], asked: 2000, hits: 900, spent: 84 },
    { name: "never", phases: ["rcpt"], asked: 0, hits: 0, spent: 0 },
  ],
  upstreams: [
    upstream,
    {
      ...upstream,
      name: "backup",
      url: "smtps://mx2.example",
      health: "down",
      lastError: { at: at - 65_000, text: "connection refused" },
    },
  ],
};

const texts = (shown: Shown, size: Size) => screen(shown, size).map(({ text }) => text);

Deno.test("the screen", async (t) => {
  const hostile: Shown = {
    ...shown,
    url: "http://127.0.0.1:8025/\x1b[2J",
    sessions: {
      total: 1,
      sessions: [{ ...session, doing: "\x1b[31mX", name: "a\u202eb\r\nc", login: "\u200b" }],
    },
    stats: {
      ...stats,
      draining: true,
      top: {
        ...stats.top,
        clients: [],
        senderDomains: [
          { key: "例え.example", count: 2, error: 0 },
          { key: "例え例え例え例え例え例え.example", count: 1, error: 0 },
        ],
        recipientDomains: [{ key: "\t", count: 1, error: 0 }, {
          key: "\u{e0041}",
          count: 1,
          error: 0,
        }],
      },
    },
    rules: [],
    upstreams: [{ ...upstream, url: "x\u0085", connecting: { p50: 0, p99: 0, count: 0 } }],
  };
  const rows: Record<string, readonly [shown: Shown, size: Size, lines: readonly string[]]> = {
    "with room for all": [shown, { columns: 80, rows: 24 }, [
      "Sluice  2026-11-23 09:12:44 UTC  up 3 d 4 h  http://127.0.0.1:8025",
      "          OPEN  A SECOND     IN ALL      LAST MINUTE     P50    P99   COUNT",
      "sessions     3       0.4  1,234,567      command      0.4 ms  12 ms  98,765",
      "mail               1,235  1,056,799      policy       4.2 µs   3 ms  60,000",
      "octets            1.2 MB    2.35 GB      upstream      20 ms  1.2 s       3",
      " ACCEPTED  DISCARDED  QUARANTINED  REJECTED  DEFERRED  ABANDONED  BROKEN",
      "1,000,000          7            0    56,789         1          2       0",
      "SESSIONS 3   DOES  FOR       OPEN  MAIL  LISTENER    TLS      WHO",
      "192.0.2.1    DATA  0 s  1 min 3 s    12  smtp                 client.example",
      "2001:db8::1  DATA  0 s  1 min 3 s    12  smtp        TLSv1.3  host.example as me",
      "                   4 s  1 min 3 s    12  submission",
      " MAIL  CLIENTS              MAIL  SENDERS              MAIL  RECIPIENTS",
      "4,321  192.0.2.1           4,000  client.example      5,000  mx.example",
      "    9  2001:db8::1           330  <>",
      "HITS  ASKED     EACH  RULE",
      " 900  2,000  0.04 ms  no executables",
      "   1     10    50 ms  dns blocklist",
      "   0      0        –  never",
      "HEALTH  OPEN  IN ALL  FAILED  CONNECTS  REPLIES  UPSTREAM",
      "up         2   1,234       1   5.25 ms   130 ms  default smtp://127.0.0.1:25",
      "down       2   1,234       1   5.25 ms   130 ms  backup, 1 min 5 s ago: connect…",
    ]],
    "each list gets its share": [shown, { columns: 60, rows: 20 }, [
      "Sluice  2026-11-23 09:12:44 UTC  up 3 d 4 h  http://127.0.0…",
      "          OPEN  A SECOND     IN ALL",
      "sessions     3       0.4  1,234,567",
      "mail               1,235  1,056,799",
      "octets            1.2 MB    2.35 GB",
      "LAST MINUTE     P50    P99   COUNT",
      "command      0.4 ms  12 ms  98,765",
      "policy       4.2 µs   3 ms  60,000",
      "upstream      20 ms  1.2 s       3",
      " ACCEPTED  DISCARDED  QUARANTINED  REJECTED  DEFERRED  ABAN…",
      "1,000,000          7            0    56,789         1      …",
      "SESSIONS 3   DOES  FOR       OPEN  MAIL  LISTENER    TLS   …",
      "192.0.2.1    DATA  0 s  1 min 3 s    12  smtp              …",
      "2001:db8::1  DATA  0 s  1 min 3 s    12  smtp        TLSv1.…",
      " MAIL  CLIENTS       MAIL  SENDERS       MAIL  RECIPIENTS",
      "4,321  192.0.2.1    4,000  client.exa…  5,000  mx.example",
      "HITS  ASKED     EACH  RULE",
      " 900  2,000  0.04 ms  no executables",
      "HEALTH  OPEN  IN ALL  FAILED  CONNECTS  REPLIES  UPSTREAM",
      "up         2   1,234       1   5.25 ms   130 ms  default sm…",
    ]],
    "hardly any room": [shown, { columns: 9, rows: 2 }, ["Sluice  …", "        …"]],
    "no room": [shown, { columns: 1, rows: 0 }, []],
    "hostile strings": [hostile, { columns: 90, rows: 15 }, [
      "Sluice  2026-11-23 09:12:44 UTC  DRAINING  http://127.0.0.1:8025/\\u001b[2J",
      "          OPEN  A SECOND     IN ALL           LAST MINUTE     P50    P99   COUNT",
      "sessions     3       0.4  1,234,567           command      0.4 ms  12 ms  98,765",
      "mail               1,235  1,056,799           policy       4.2 µs   3 ms  60,000",
      "octets            1.2 MB    2.35 GB           upstream      20 ms  1.2 s       3",
      " ACCEPTED  DISCARDED  QUARANTINED  REJECTED  DEFERRED  ABANDONED  BROKEN",
      "1,000,000          7            0    56,789         1          2       0",
      "SESSIONS 1  DOES        FOR       OPEN  MAIL  LISTENER  TLS  WHO",
      "192.0.2.1   \\u001b[31…  0 s  1 min 3 s    12  smtp           a\\u202eb\\u000d\\u000ac as \\u2…",
      "MAIL  CLIENTS                 MAIL  SENDERS                 MAIL  RECIPIENTS",
      "                                 2  例え.example               1  \\u0009",
      "                                 1  例え例え例え例え例え…      1  \\udb40\\udc41",
      "HEALTH  OPEN  IN ALL  FAILED  CONNECTS  REPLIES  UPSTREAM",
      "up         2   1,234       1         –   130 ms  default x\\u0085",
    ]],
    "a lost connection": [{ ...shown, trouble: "Connection lost" }, { columns: 80, rows: 1 }, [
      "Sluice  2026-11-23 09:12:44 UTC  Connection lost",
    ]],
  };
  for (const [name, [shown, size, lines]] of Object.entries(rows)) {
    await t.step(name, () => {
      const found = texts(shown, size);
      assertEquals(found, lines);
      for (const text of found) assertEquals(cut(text, size.columns), text);
    });
  }
});

Deno.test("headings stand over their lists", () => {
  const headings = screen(shown, { columns: 80, rows: 24 }).filter(({ heading }) => heading);
  assertEquals(headings.map(({ text }) => text.trim().split(" ")[0]), [
    ...["Sluice", "OPEN", "ACCEPTED", "SESSIONS", "MAIL", "HITS", "HEALTH"],
  ]);
});

Deno.test("cut", () => {
  const rows: readonly (readonly [text: string, width: number, cut: string])[] = [
    ["abc", 3, "abc"],
    ["abcd", 3, "ab…"],
    ["abc", 1, "…"],
    ["abc", 0, ""],
    ["", 0, ""],
    ["例例", 4, "例例"],
    ["例例例", 4, "例…"],
    ["😀😀", 3, "😀…"],
  ];
  for (const [text, width, expected] of rows) assertEquals(cut(text, width), expected, text);
});

Deno.test("a table is as wide as it must be", () => {
  const columns = [{ heading: "A" }, { heading: "B", right: true, most: 3 }, { heading: "C" }];
  assertEquals(table(columns, [], 80), ["A  B  C"]);
  assertEquals(table(columns, [["x", "12345", ""], ["例", "1", "z"]], 80), [
    "A     B  C",
    "x   12…",
    "例    1  z",
  ]);
});

/** What a terminal shows: a screen of lines, where each character is one column. */
class FakeTerminal {
  readonly frames: string[] = [];
  written = "";
  write(text: string): void {
    this.written += text;
    this.frames.push(text);
  }
  size(): Size {
    return { columns: 80, rows: 24 };
  }
}

/** A client whose stream a test feeds. */
function fed(steps: (options: StreamOptions) => AsyncGenerator<StatsView>) {
  let asked = 0;
  return {
    followStats: (options: StreamOptions = {}) => steps(options),
    sessions: () => {
      asked++;
      return Promise.resolve({ total: 40 + asked, sessions: [] });
    },
    policy: () => Promise.reject(new Error("not now")),
    upstreams: () => Promise.resolve([]),
    get asked() {
      return asked;
    },
  };
}

Deno.test("redrawn with each snapshot, and with each loss, and the terminal as it was", async () => {
  const terminal = new FakeTerminal();
  const client = fed(async function* ({ lost }) {
    yield { ...stats, at: at + 1000 };
    await settle();
    lost!(new Error("gone\x1b[2J"), 2000);
    yield { ...stats, at: at + 5000 };
  });
  await watch(client, shown, terminal, new AbortController().signal);
  const [enter, ...frames] = terminal.frames;
  const leave = frames.pop();
  assertEquals([enter, leave], [
    "\x1b[?1049h\x1b[?25l\x1b[?7l",
    "\x1b[?7h\x1b[?25h\x1b[?1049l",
  ]);
  assertEquals(frames.map((frame) => /Sluice {2}[ -~]*/.exec(frame)![0]), [
    "Sluice  2026-11-23 09:12:44 UTC  up 3 d 4 h  http://127.0.0.1:8025",
    "Sluice  2026-11-23 09:12:45 UTC  up 3 d 4 h  http://127.0.0.1:8025",
    "Sluice  2026-11-23 09:12:45 UTC  Connection lost, again in 2 s: gone\\u001b[2J",
    "Sluice  2026-11-23 09:12:49 UTC  up 3 d 4 h  http://127.0.0.1:8025",
  ]);
  assertEquals(frames.map((frame) => /SESSIONS \d+/.exec(frame)![0]), [
    ...["SESSIONS 3", "SESSIONS 3", "SESSIONS 41", "SESSIONS 41"],
  ]);
  // What could not be asked stays as it was.
  for (const frame of frames) assert(frame.includes("no executables"));
});

Deno.test("what is still being asked is not asked again", async () => {
  const client = {
    ...fed(async function* () {
      yield stats;
      await settle();
      yield stats;
    }),
    asked: 0,
    sessions: (_limit?: number, { signal }: { signal?: AbortSignal } = {}) => {
      client.asked++;
      return new Promise<never>((_, reject) =>
        signal!.addEventListener("abort", () => reject(signal!.reason))
      );
    },
  };
  await watch(client, shown, new FakeTerminal(), new AbortController().signal);
  assertEquals(client.asked, 1);
});

Deno.test("an error leaves the terminal as it was, too", async () => {
  const terminal = new FakeTerminal();
  const refusal = new AdminError(401, "unauthorized", "Cannot do this without a token");
  // deno-lint-ignore require-yield
  const client = fed(async function* () {
    await settle();
    throw refusal;
  });
  await assertRejects(
    () => watch(client, shown, terminal, new AbortController().signal),
    AdminError,
    "without a token",
  );
  assert(terminal.written.endsWith("\x1b[?1049l"));
});

Deno.test("once, while mail flows", async () => {
  await using serving = await startServing("--upstream", "capture:");
  const message = await Deno.makeTempFile({ prefix: "sluice-top-" });
  await Deno.writeTextFile(message, "Subject: Hi\n\nHello\n");
  const options = ["-f", "a@client.example", "-t", "b@mx.example", message];
  assertEquals((await run("send", "-s", serving.smtp, ...options)).status, 0);
  await Deno.remove(message);
  const { status, out, err } = await run("top", "--once", "--admin", serving.admin);
  assertEquals([status, err], [0, []]);
  assert(out.length <= 24 && out.every((line) => line.length <= 80), out.join("\n"));
  assertEquals(out.find((line) => line.startsWith("mail "))!.split(/ +/)[2], "1");
  const found = out.findIndex((line) => line.startsWith("MAIL "));
  assertEquals(out[found + 1].trim().split(/ +/), [
    ...["1", "127.0.0.1", "1", "client.example", "1", "mx.example"],
  ]);
  assertMatch(out.at(-1)!, /^up .* default capture:$/);
  const nobody = await run("top", "--admin", "http://127.0.0.1:2");
  assertEquals([nobody.status, nobody.out, nobody.err.length], [1, [], 1]);
});
