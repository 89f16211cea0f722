import { assert, assertEquals, assertThrows } from "@std/assert";
import { getLogger } from "@logtape/logtape";
import { type Log, type LogOptions, openLog } from "../../src/cli/log.ts";
import { Path } from "../../src/rfc5321/path.ts";
import { Reply } from "../../src/rfc5321/reply.ts";
import type {
  ClientFacts,
  Recipient,
  SessionFacts,
  TransactionFacts,
} from "../../src/session/facts.ts";
import type { Observer, TransactionEnd } from "../../src/session/observer.ts";
import type { Ruling, Step } from "../../src/session/phases.ts";
import { FakeClock } from "../_clock.ts";
import { onStage } from "../_dialogue.ts";

const tls = { version: "TLSv1.3", cipher: "TLS_AES_128_GCM_SHA256", serverName: "" };
const path = (address: string): Path => address === "" ? Path.null : Path.from(address);
const reply = (text: string): Reply => Reply.parse(text);

function session(client: Partial<ClientFacts> = {}): SessionFacts {
  return {
    id: "s1",
    startedAt: 0,
    client: {
      address: "192.0.2.7",
      port: 50_000,
      hello: "mx.example",
      extended: true,
      trusted: false,
      ...client,
    },
    server: { transport: "tcp", host: "192.0.2.25", port: 25 },
    listener: "mx",
  };
}

const rcpt = (address: string, text = "250 2.1.5 Ok"): Recipient => ({
  forwardPath: path(address),
  parameters: {},
  reply: reply(text),
});

interface Told extends Partial<Pick<TransactionFacts, "octets" | "upstream" | "steps">> {
  readonly client?: Partial<ClientFacts>;
  readonly from?: string;
  readonly to?: readonly Recipient[];
  readonly currentFrom?: string;
  readonly currentTo?: readonly Recipient[];
}

function transaction(told: Told = {}): TransactionFacts {
  const { client, from = "a@mx.example", to = [rcpt("b@example.net")], octets = 0 } = told;
  const reversePath = path(from);
  const current = told.currentFrom === undefined ? reversePath : path(told.currentFrom);
  return {
    id: "s1-1",
    session: session(client),
    original: { reversePath, parameters: {}, recipients: to },
    current: {
      reversePath: current,
      parameters: {},
      recipients: told.currentTo ?? to.filter((one) => one.reply?.positive),
    },
    octets,
    upstream: told.upstream,
    steps: told.steps ?? [],
  };
}

const step = (check: string, verdict: Step["verdict"], phase: Step["phase"] = "rcpt"): Step => ({
  phase,
  check,
  verdict,
  took: 1,
});

/** The lines that `play` brings about. */
async function lines(
  options: Partial<LogOptions>,
  play: (log: Log, clock: FakeClock) => void | Promise<void>,
): Promise<string[]> {
  const written: string[] = [];
  const clock = new FakeClock(Date.UTC(2026, 10, 23, 9, 12, 44, 501));
  {
    await using log = openLog({
      format: "text",
      level: "info",
      addresses: "plain",
      clock,
      write: (text) => void written.push(text),
      ...options,
    });
    await play(log, clock);
  }
  assertEquals(clock.timers, 0);
  return written.join("").split("\n").slice(0, -1);
}

const TIME = "2026-11-23T09:12:44.501Z";
const HEAD = `"time":"${TIME}","level":"info"`;
const WHO = "session=s1 listener=mx client=192.0.2.7 hello=mx.example";
const WHO_JSON = `"session":"s1","listener":"mx","client":"192.0.2.7","hello":"mx.example"`;

Deno.test("one line for each way in which a transaction ends", async (t) => {
  const queued = reply("250 2.0.0 Ok: queued as 4f3");
  const spam = reply("550 5.7.1 Spam");
  type Row = readonly [
    name: string,
    told: Told,
    end: TransactionEnd,
    text: string,
    json: string,
  ];
  const rows: readonly Row[] = [
    [
      "accepted, with everything",
      {
        client: { name: "host.example", tls, login: "alice" },
        to: [rcpt("b@example.net"), rcpt("c@example.net", "451 Later"), rcpt("d@example.net")],
        currentFrom: "srs@example.net",
        currentTo: [rcpt("e@example.net"), rcpt("d@example.net")],
        octets: 2304,
        upstream: "archive",
        steps: [
          step("routing", { kind: "route", upstream: "archive" }),
          step("greylist", { kind: "reject", reply: reply("451 Later") }),
        ],
      },
      { kind: "accepted", reply: queued },
      "accepted id=s1-1 session=s1 listener=mx client=192.0.2.7 name=host.example " +
      "hello=mx.example tls=TLSv1.3 cipher=TLS_AES_128_GCM_SHA256 login=alice " +
      'from=<a@mx.example> to=<b@example.net> to=<d@example.net> refused="<c@example.net> 451" ' +
      "currentFrom=<srs@example.net> currentTo=<e@example.net> currentTo=<d@example.net> " +
      'octets=2304 reply="250 2.0.0 Ok: queued as 4f3" verdict=route rule=routing ' +
      "upstream=archive",
      `"event":"accepted","id":"s1-1","session":"s1","listener":"mx","client":"192.0.2.7",` +
      `"name":"host.example","hello":"mx.example","tls":"TLSv1.3",` +
      `"cipher":"TLS_AES_128_GCM_SHA256","login":"alice","from":"<a@mx.example>",` +
      `"to":["<b@example.net>","<d@example.net>"],"refused":["<c@example.net> 451"],` +
      `"currentFrom":"<srs@example.net>","currentTo":["<e@example.net>","<d@example.net>"],` +
      `"octets":2304,"reply":"250 2.0.0 Ok: queued as 4f3","verdict":"route","rule":"routing",` +
      `"upstream":"archive"`,
    ],
    [
      "discarded",
      { from: "", currentTo: [], octets: 9, steps: [step("trap", { kind: "discard" }, "data")] },
      { kind: "discarded", reply: reply("250 2.0.0 Ok") },
      `discarded id=s1-1 ${WHO} from=<> to=<b@example.net> octets=9 reply="250 2.0.0 Ok" ` +
      "verdict=discard rule=trap",
      `"event":"discarded","id":"s1-1",${WHO_JSON},"from":"<>","to":["<b@example.net>"],` +
      `"octets":9,"reply":"250 2.0.0 Ok","verdict":"discard","rule":"trap"`,
    ],
    [
      "quarantined",
      { octets: 9, steps: [step("held", { kind: "quarantine" }, "content")] },
      { kind: "quarantined", reply: reply("250 2.0.0 Ok"), as: "1.x" },
      `quarantined id=s1-1 ${WHO} from=<a@mx.example> to=<b@example.net> octets=9 keptAs=1.x ` +
      'reply="250 2.0.0 Ok" verdict=quarantine rule=held',
      `"event":"quarantined","id":"s1-1",${WHO_JSON},"from":"<a@mx.example>",` +
      `"to":["<b@example.net>"],"octets":9,"keptAs":"1.x","reply":"250 2.0.0 Ok",` +
      `"verdict":"quarantine","rule":"held"`,
    ],
    [
      "rejected by a rule",
      {
        upstream: "default",
        steps: [
          step("first", { kind: "reject", reply: reply("550 5.7.1 Other") }),
          step("no spam", { kind: "reject", reply: reply("550 5.7.1 Spam") }, "content"),
        ],
      },
      { kind: "refused", at: "message", reply: spam },
      `rejected id=s1-1 ${WHO} from=<a@mx.example> to=<b@example.net> octets=0 ` +
      'refusedAt=message reply="550 5.7.1 Spam" verdict=reject rule="no spam" upstream=default',
      `"event":"rejected","id":"s1-1",${WHO_JSON},"from":"<a@mx.example>",` +
      `"to":["<b@example.net>"],"octets":0,"refusedAt":"message","reply":"550 5.7.1 Spam",` +
      `"verdict":"reject","rule":"no spam","upstream":"default"`,
    ],
    [
      "deferred by the upstream, where a rule had refused another recipient",
      {
        to: [rcpt("b@example.net", "550 5.7.1 Spam"), rcpt("c@example.net", "450 4.2.0 Full")],
        steps: [step("no spam", { kind: "reject", reply: spam })],
        upstream: "default",
      },
      { kind: "refused", at: "rcpt", reply: reply("450 4.2.0 Full") },
      `deferred id=s1-1 ${WHO} from=<a@mx.example> refused="<b@example.net> 550 5.7.1" ` +
      'refused="<c@example.net> 450 4.2.0" octets=0 refusedAt=rcpt reply="450 4.2.0 Full" ' +
      "upstream=default",
      `"event":"deferred","id":"s1-1",${WHO_JSON},"from":"<a@mx.example>","to":[],` +
      `"refused":["<b@example.net> 550 5.7.1","<c@example.net> 450 4.2.0"],"octets":0,` +
      `"refusedAt":"rcpt","reply":"450 4.2.0 Full","upstream":"default"`,
    ],
    [
      "abandoned, a recipient without its answer",
      { to: [{ forwardPath: path("b@example.net"), parameters: {} }] },
      { kind: "abandoned" },
      `abandoned id=s1-1 ${WHO} from=<a@mx.example> to=<b@example.net> octets=0`,
      `"event":"abandoned","id":"s1-1",${WHO_JSON},"from":"<a@mx.example>",` +
      `"to":["<b@example.net>"],"octets":0`,
    ],
    [
      "broken by a rule, nobody known",
      {
        client: { address: "", hello: "" },
        to: [],
        octets: 7,
        steps: [step("chaos", { kind: "disconnect", reply: spam, after: 5 }, "data")],
      },
      { kind: "broken" },
      "broken id=s1-1 session=s1 listener=mx from=<a@mx.example> octets=7 " +
      "verdict=disconnect rule=chaos",
      `"event":"broken","id":"s1-1","session":"s1","listener":"mx","from":"<a@mx.example>",` +
      `"to":[],"octets":7,"verdict":"disconnect","rule":"chaos"`,
    ],
  ];
  for (const [name, told, end, text, json] of rows) {
    await t.step(name, async () => {
      const tell = ({ observer }: Log) => observer.transaction!(transaction(told), end);
      assertEquals(await lines({ format: "text" }, tell), [`${TIME} ${text}`]);
      assertEquals(await lines({ format: "json" }, tell), [`{${HEAD},${json}}`]);
    });
  }
});

const NOTHING: Ruling = { steps: [] };
const mail = { ...session(), reversePath: Path.null, given: Path.null, parameters: {} };

Deno.test("what a transaction has cost", async () => {
  const asked = (...took: number[]): Ruling => ({
    steps: [],
    asked: took.map((took) => ({ check: "a", took })),
  });
  const costs = async (
    play: (observer: Required<Observer>, clock: FakeClock) => Promise<void>,
  ): Promise<string[]> => {
    const found = await lines({}, async ({ observer }, clock) => {
      observer.sessionOpened!(session());
      await play(observer as Required<Observer>, clock);
    });
    return found.map((line) => line.replace(/^.* octets=0 ?/, ""));
  };
  const command = { verb: "MAIL", reversePath: Path.null, parameters: {} } as const;
  const abandoned: TransactionEnd = { kind: "abandoned" };

  const pipelined = await costs(async (observer, clock) => {
    observer.upstreamReply(session(), "default", { verb: "NOOP", at: clock.monotonic(), took: 5 });
    observer.command(session(), command, clock.monotonic());
    await clock.advance(3);
    observer.ruling("mail", mail, asked(2, 0.26));
    await clock.advance(20);
    observer.upstreamOpened(session(), "default", {
      took: 20,
      reused: false,
      extensions: undefined!,
    });
    await clock.advance(10);
    // Two recipients that were sent at once are waited for at the same time.
    const rcptTo = { ...transaction(), forwardPath: Path.null, given: Path.null, parameters: {} };
    observer.ruling("rcpt", rcptTo, asked(1));
    observer.upstreamReply(session(), "default", {
      verb: "RCPT",
      at: clock.monotonic(),
      took: 10,
      reply: reply("250"),
    });
    await clock.advance(2);
    observer.upstreamReply(session(), "default", {
      verb: "RCPT",
      at: clock.monotonic(),
      took: 12,
      reply: reply("550 No"),
    });
    // The next MAIL is read before the end of this transaction is known.
    observer.command(session(), command, clock.monotonic());
    await clock.advance(5);
    observer.transaction(transaction(), abandoned);
    observer.ruling("mail", mail, NOTHING);
    await clock.advance(1);
    observer.upstreamReply(session(), "default", { verb: "MAIL", at: clock.monotonic(), took: 1 });
    observer.transaction(transaction(), { kind: "refused", at: "mail", reply: reply("451 4.4.2") });
  });
  assertEquals(pipelined, [
    'upstreamReply="550 No" took=40 policyTook=3.3 upstreamTook=32',
    'refusedAt=mail reply="451 4.4.2" took=6 upstreamTook=1',
  ]);

  const early = await costs(async (observer, clock) => {
    observer.command(session(), command, clock.monotonic());
    await clock.advance(1);
    observer.transaction(transaction(), { kind: "refused", at: "mail", reply: reply("530 TLS") });
  });
  assertEquals(early, ['refusedAt=mail reply="530 TLS" took=1']);

  const said = reply("250 Ok");
  const same = await costs((observer, clock) => {
    observer.ruling("mail", mail, NOTHING);
    observer.upstreamReply(session(), "default", {
      verb: "message",
      at: clock.monotonic(),
      took: 0,
      reply: said,
    });
    observer.transaction(transaction(), { kind: "accepted", reply: said });
    observer.sessionClosed(session(), "quit");
    // Nothing is kept of a session that is over.
    observer.ruling("mail", mail, asked(1));
    observer.transaction(transaction(), abandoned);
    return Promise.resolve();
  });
  assertEquals(same, ['reply="250 Ok" took=0 upstreamTook=0', ""]);
});

Deno.test("how a session without a transaction ends", async (t) => {
  const to = (verb: string) => ({ verb, at: 0, took: 1 });
  type Row = readonly [name: string, play: (observer: Required<Observer>) => void, says: string[]];
  const rows: readonly Row[] = [
    ["QUIT", (observer) => {
      observer.reply(session(), reply("220 proxy.example ESMTP"), to(""));
      observer.sessionClosed(session(), "quit");
    }, []],
    ["refused the greeting", (observer) => {
      observer.reply(session(), reply("554 5.7.1 Not welcome"), to(""));
      observer.sessionClosed(session(), "dismissed");
    }, [`turned-away ${WHO} end=dismissed reply="554 5.7.1 Not welcome" took=0`]],
    ["refused a login", (observer) => {
      observer.reply(session(), reply("535 5.7.8 Wrong"), to("AUTH"));
      observer.reply(session(), reply("221 Bye"), to("QUIT"));
      observer.sessionClosed(session(), "quit");
    }, [`turned-away ${WHO} end=quit verb=AUTH reply="535 5.7.8 Wrong" took=0`]],
    ["refused behind a transaction", (observer) => {
      observer.transaction(transaction(), { kind: "abandoned" });
      observer.reply(session(), reply("421 4.4.2 Timeout"), to(""));
      observer.sessionClosed(session(), "dismissed");
    }, [`abandoned id=s1-1 ${WHO} from=<a@mx.example> to=<b@example.net> octets=0`]],
    ["closed without a word", (observer) => {
      observer.sessionClosed(session(), "closed");
    }, [`closed ${WHO} end=closed took=0`]],
    ["broken by a fault", (observer) => {
      observer.reply(session(), reply("500 What?"), to(""));
      observer.sessionClosed(
        session(),
        "vanished",
        new Error("read", { cause: new Error("reset") }),
      );
    }, [`closed ${WHO} end=vanished cause="read: reset" reply="500 What?" took=0`]],
  ];
  for (const [name, play, says] of rows) {
    await t.step(name, async () => {
      const found = await lines({}, ({ observer }) => {
        observer.sessionOpened!(session());
        play(observer as Required<Observer>);
      });
      assertEquals(found, says.map((line) => `${TIME} ${line}`));
    });
  }
});

/** Each event once. */
function everything({ observer, upstreamDropped, trouble, audit }: Log): void {
  const who = session({ name: "host.example", login: "alice@example.net" });
  const path = Path.from("bob@example.net");
  const lost = new Error("Lost bob@example.net");
  const refusal = reply("550 5.1.1 <bob@example.net> unknown");
  observer.sessionOpened?.(who);
  observer.command?.(who, { verb: "AUTH", mechanism: "PLAIN", initialResponse: "AHNlY3JldA==" }, 0);
  observer.reply?.(who, reply("334 c2VjcmV0"), { verb: "AUTH", at: 0, took: 0.44 });
  observer.upstreamOpened?.(who, "default", {
    took: 3,
    reused: false,
    tls,
    extensions: undefined!,
  });
  observer.upstreamReply?.(who, "default", {
    verb: "AUTH",
    at: 0,
    took: 1,
    reply: reply("334 c2VjcmV0"),
  });
  observer.upstreamReply?.(who, "default", { verb: "RCPT", at: 0, took: 2, reply: refusal });
  observer.upstreamReply?.(who, "default", { verb: "RSET", at: 0, took: 9 });
  observer.upstreamClosed?.(who, "default");
  observer.reply?.(who, refusal, { verb: "RCPT", at: 0, took: 2 });
  observer.reply?.(who, new Reply(250, ["a", "b"]), { verb: "EHLO", at: 0, took: 0, name: "ok" });
  observer.upstreamFailed?.(who, "default", lost, 4);
  observer.trouble?.(who, lost);
  observer.trouble?.(undefined, '"bob"@example.net, (bob@example.net) and others');
  trouble(new Error("Cannot read bob@example.net"));
  observer.dropped?.(who, 12);
  upstreamDropped(13);
  audit({ action: "disconnect", id: "s1", role: "operator" });
  audit({ action: "drain", role: "operator" });
  audit({ action: "wrong-token" });
  const shadow = { steps: [step("new", { kind: "rewrite", paths: [path] })], paths: [path] };
  observer.difference?.(who, "rcpt", NOTHING, shadow);
  observer.transaction?.(
    {
      ...transaction({ to: [{ forwardPath: path, parameters: {}, reply: refusal }] }),
      session: who,
    },
    { kind: "refused", at: "rcpt", reply: refusal },
  );
  observer.sessionClosed?.(who, "dismissed", lost);
}

const CALLED = "session=s1 listener=mx client=192.0.2.7 name=host.example hello=mx.example";
/** Level, text in plain, and redacted where that differs. */
const events: readonly (readonly [level: LogOptions["level"], plain: string, redacted?: string])[] =
  [
    [
      "debug",
      `session-opened ${CALLED} login=alice@example.net`,
      `session-opened ${CALLED} login=…`,
    ],
    ["debug", "reply session=s1 verb=AUTH code=334 took=0.4"],
    [
      "debug",
      "upstream-opened session=s1 upstream=default tls=TLSv1.3 cipher=TLS_AES_128_GCM_SHA256 took=3",
    ],
    ["debug", "upstream-reply session=s1 upstream=default verb=AUTH code=334 took=1"],
    [
      "debug",
      "upstream-reply session=s1 upstream=default verb=RCPT code=550 enhanced=5.1.1 " +
      'text="<bob@example.net> unknown" took=2',
      "upstream-reply session=s1 upstream=default verb=RCPT code=550 enhanced=5.1.1 took=2",
    ],
    ["debug", "upstream-reply session=s1 upstream=default verb=RSET took=9"],
    ["debug", "upstream-closed session=s1 upstream=default"],
    [
      "debug",
      'reply session=s1 verb=RCPT code=550 enhanced=5.1.1 text="<bob@example.net> unknown" took=2',
      "reply session=s1 verb=RCPT code=550 enhanced=5.1.1 took=2",
    ],
    [
      "debug",
      "reply session=s1 verb=EHLO code=250 text=a own=ok took=0",
      "reply session=s1 verb=EHLO code=250 own=ok took=0",
    ],
    [
      "warning",
      'upstream-failed session=s1 upstream=default error="Lost bob@example.net" took=4',
      'upstream-failed session=s1 upstream=default error="Lost …@example.net" took=4',
    ],
    [
      "warning",
      String.raw`trouble error="\"bob\"@example.net, (bob@example.net) and others"`,
      'trouble error="…@example.net, (…@example.net) and others"',
    ],
    [
      "error",
      'fault error="Cannot read bob@example.net"',
      'fault error="Cannot read …@example.net"',
    ],
    ["info", "dropped session=s1 octets=12 at=client"],
    ["info", "dropped octets=13 at=upstream"],
    ["info", "admin-disconnect session=s1 role=operator"],
    ["info", "admin-drain role=operator"],
    ["warning", "admin-wrong-token"],
    [
      "info",
      'difference session=s1 phase=rcpt live=proceeds shadow="becomes <bob@example.net>" by=new',
      'difference session=s1 phase=rcpt live=proceeds shadow="becomes <…@example.net>" by=new',
    ],
    [
      "info",
      `rejected id=s1-1 ${CALLED} login=alice@example.net from=<a@mx.example> ` +
      'refused="<bob@example.net> 550 5.1.1" octets=0 refusedAt=rcpt ' +
      'reply="550 5.1.1 <bob@example.net> unknown"',
      `rejected id=s1-1 ${CALLED} login=… from=<…@mx.example> ` +
      'refused="<…@example.net> 550 5.1.1" octets=0 refusedAt=rcpt reply="550 5.1.1"',
    ],
    ["debug", "session-closed session=s1 end=dismissed"],
    [
      "info",
      `closed ${CALLED} login=alice@example.net end=dismissed cause="Lost bob@example.net" took=0`,
      `closed ${CALLED} login=… end=dismissed cause="Lost …@example.net" took=0`,
    ],
  ];

Deno.test("each level says what those before it say, and which addresses", async (t) => {
  const levels = ["error", "warning", "info", "debug"] as const;
  for (const [nth, level] of levels.entries()) {
    for (const addresses of ["plain", "redacted"] as const) {
      await t.step(`${level}, ${addresses}`, async () => {
        const expected = events.filter(([least]) => levels.indexOf(least) <= nth)
          .map(([, plain, redacted]) => addresses === "plain" ? plain : redacted ?? plain);
        assertEquals(
          (await lines({ level, addresses }, everything)).sort(),
          expected.map((line) => `${TIME} ${line}`).sort(),
        );
      });
    }
  }
});

Deno.test("redacted: no address and no login is left in any event, and never a secret", async () => {
  for (const format of ["text", "json"] as const) {
    const redacted = await lines({ format, level: "debug", addresses: "redacted" }, everything);
    assertEquals(redacted.length, events.length);
    assertEquals(redacted.filter((line) => /alice|bob|c2VjcmV0|AHNl/.test(line)), []);
    const plain = await lines({ format, level: "debug" }, everything);
    assertEquals(plain.filter((line) => /c2VjcmV0|AHNl/.test(line)), []);
  }
});

Deno.test("an observer has no method for a level that is off", async () => {
  const methods = async (level: LogOptions["level"]): Promise<string[]> => {
    let names: string[] = [];
    await lines({ level }, ({ observer }) => void (names = Object.keys(observer)));
    return names;
  };
  assertEquals(await methods("error"), []);
  assertEquals(await methods("warning"), ["upstreamFailed", "trouble"]);
  assert(!(await methods("info")).includes("upstreamClosed"));
});

/** Cuts a line of text into its fields, as a log shipper would. */
function parse(line: string): string[][] {
  const fields = [...line.matchAll(/ ([A-Za-z]+)=("(?:[^"\\]|\\.)*"|[^ "]*)/g)];
  return fields.map(([, name, value]) => [name, value[0] === '"' ? JSON.parse(value) : value]);
}

Deno.test("a hostile value stays one value on one line", async (t) => {
  type Row = readonly [name: string, value: string, shown: string];
  const rows: readonly Row[] = [
    ["nothing to quote", "a;b#c'd", "a;b#c'd"],
    ["letters of other scripts", "почта.例え", "почта.例え"],
    ["spaces and quotes", 'a" id=x b="', String.raw`"a\" id=x b=\""`],
    ["an equals sign", "a=b", '"a=b"'],
    ["a backslash", "a\\", String.raw`"a\\"`],
    [
      "line ends",
      "a\r\nb\u0085c\u2028d\u2029e\vf\f",
      String.raw`"a\r\nb\u0085c\u2028d\u2029e\u000bf\f"`,
    ],
    ["a terminal sequence", "\u001b[2J\u009b2J\u007f", String.raw`"\u001b[2J\u009b2J\u007f"`],
    ["NUL and tab", "\0\t", String.raw`"\u0000\t"`],
    ["bidirectional overrides", "a\u202eb\u2066c", String.raw`"a\u202eb\u2066c"`],
    [
      "what cannot be seen",
      "\u00a0\u200b\ufeff\u00ad\u3164",
      String.raw`"\u00a0\u200b\ufeff\u00ad\u3164"`,
    ],
    ["a tag beyond the BMP", "a\u{e0041}", String.raw`"a\udb40\udc41"`],
    ["half a character", "a\ud800", String.raw`"a\ud800"`],
  ];
  for (const [name, hello, shown] of rows) {
    await t.step(name, async () => {
      const tell = ({ observer }: Log) =>
        observer.transaction!(transaction({ client: { hello, name: hello, login: hello } }), {
          kind: "abandoned",
        });
      const [text, ...more] = await lines({}, tell);
      assertEquals(more, []);
      assert(text.includes(` hello=${shown} login=${shown} from=`), text);
      const found = parse(text);
      assertEquals(found.map(([name]) => name), [
        ...[
          "id",
          "session",
          "listener",
          "client",
          "name",
          "hello",
          "login",
          "from",
          "to",
          "octets",
        ],
      ]);
      assertEquals(found[5][1], hello);
      const [json, ...rest] = await lines({ format: "json" }, tell);
      assertEquals(rest, []);
      assert(!/[\p{C}\p{Zl}\p{Zp}]/u.test(json), json);
      assertEquals(JSON.parse(json).hello, hello);
    });
  }
});

Deno.test("lines wait for each other, 50 ms or 64 KiB", async () => {
  const writes: number[] = [];
  const clock = new FakeClock();
  await using log = openLog({
    format: "text",
    level: "info",
    addresses: "plain",
    clock,
    write: (text) => void writes.push(text.split("\n").length - 1),
  });
  const say = (count: number) => {
    for (let nth = 0; nth < count; nth++) log.upstreamDropped(nth);
  };
  say(3);
  await clock.advance(49);
  assertEquals(writes, []);
  say(2);
  await clock.advance(1);
  assertEquals(writes, [5]);
  await clock.advance(1000);
  assertEquals(writes, [5]);
  // A line has some 53 characters.
  say(1300);
  assertEquals(writes.length, 2);
  await log.flush();
  assertEquals(writes.length, 3);
  assertEquals(writes[1] + writes[2], 1300);
  assertEquals(clock.timers, 0);
});

Deno.test("what cannot be written is counted", async (t) => {
  const lost = (text: string): number[] =>
    [...text.matchAll(/ lines-lost lines=([0-9]+)\n/g)].map(([, lines]) => Number(lines));
  const count = (text: string): number => text.split(" dropped ").length - 1;

  await t.step("a reader that is too slow", async () => {
    const clock = new FakeClock();
    const writes: string[] = [];
    let release = (): void => {};
    const write = (text: string): Promise<void> => {
      writes.push(text);
      return new Promise((resolve) => release = resolve);
    };
    const log = openLog({ format: "text", level: "info", addresses: "plain", clock, write });
    log.upstreamDropped(0);
    await clock.advance(50);
    assertEquals(writes.length, 1);
    for (let nth = 0; nth < 30_000; nth++) log.upstreamDropped(nth);
    await clock.advance(1000);
    assertEquals(writes.length, 1);
    release();
    await clock.advance(0);
    assertEquals(writes.length, 2);
    assert(writes[1].length < 1_100_000);
    const [missing] = lost(writes[1]);
    assertEquals(count(writes[1]) + missing, 30_000);
    assert(missing > 0);
    // While so much is under way there is no room; that is told at the end at the latest.
    log.upstreamDropped(1);
    const closed = log.close();
    release();
    await clock.advance(0);
    assertEquals([count(writes[2]), lost(writes[2])], [0, [1]]);
    release();
    await closed;
    assertEquals(writes.length, 3);
    assertEquals(clock.timers, 0);
  });

  for (const kind of ["throws", "rejects"] as const) {
    await t.step(`a reader that ${kind}`, async () => {
      const clock = new FakeClock();
      let failures = 2;
      let written = "";
      const write = (text: string): void | Promise<void> => {
        if (failures-- <= 0) return void (written += text);
        if (kind === "rejects") return Promise.reject(new Error("Broken pipe"));
        throw new Error("Broken pipe");
      };
      const log = openLog({ format: "text", level: "error", addresses: "plain", clock, write });
      log.trouble("one");
      await clock.advance(50);
      log.trouble("two");
      log.trouble("three");
      await clock.advance(50);
      log.trouble("four");
      await log.close();
      assertEquals(written.split("\n").map((line) => line.slice(25)), [
        "fault error=four",
        "lines-lost lines=3",
        "",
      ]);
      assertEquals(clock.timers, 0);
    });
  }
});

Deno.test("one log at a time; LogTape is free again behind it", async () => {
  await lines({}, () => {
    assertThrows(() =>
      openLog({
        format: "text",
        level: "info",
        addresses: "plain",
        clock: new FakeClock(),
        write: () => {},
      })
    );
  });
  assertEquals(getLogger("sluice").isEnabledFor("fatal"), false);
  const twice = await lines({}, async (log) => {
    await log.close();
    log.upstreamDropped(1);
  });
  assertEquals(twice, []);
});

Deno.test("a policy's module may write to LogTape", async () => {
  const says = ({ observer }: Log) => {
    const logger = getLogger(["my", "policy"]);
    logger.debug("Not at this level");
    logger.warn("Hit by {who}\n{n}", { who: "bob@example.net\u2028", n: 1n });
    getLogger("sluice").info("accepted id=forged");
    observer.dropped!(session(), 1);
  };
  const dropped = `${TIME} dropped session=s1 octets=1 at=client`;
  const mask = (line: string) => line.replace(/^\S+/, TIME);
  assertEquals((await lines({ addresses: "redacted" }, says)).map(mask), [
    `${TIME} said by=my.policy message=` + String.raw`"Hit by \"…@example.net\u2028\"\n1n"`,
    `${TIME} said by=sluice message="accepted id=forged"`,
    dropped,
  ]);
});

Deno.test("a session is told of from its first to its last reply", async () => {
  let written = "";
  const clock = new FakeClock();
  await using log = openLog({
    format: "text",
    level: "debug",
    addresses: "plain",
    clock,
    write: (text) => void (written += text),
  });
  await onStage({ offers: [], proxy: { observers: [log.observer] } }, async (stage) => {
    const { client, upstream } = await stage.data();
    await client.send("a\r\n.\r\n");
    await upstream.expect("a");
    await upstream.expect(".");
    await upstream.send("250 2.0.0 Taken\r\n");
    await client.expect("250 2.0.0 Taken");
    await client.send("MAIL FROM:<>\r\nQUIT\r\n");
    await upstream.expect("MAIL FROM:<>");
    await upstream.send("451 4.3.0 Later\r\n");
    await client.expect("451 4.3.0 Later");
    await client.expect("221 2.0.0 Closing");
  });
  await log.flush();
  const found = written.split("\n").slice(0, -1).map((line) => line.split(" "));
  const verbs = found.filter(([, event]) => event === "reply").map((line) => line.slice(3, 5));
  assertEquals(verbs.map((words) => words.join(" ").replace(/(?:verb|code)=/g, "")), [
    ...['220 text="proxy.example', "EHLO 250", "MAIL 250", "RCPT 250", "DATA 354", "DATA 250"],
    ...["MAIL 451", "QUIT 221"],
  ]);
  assertEquals(
    found.map(([, event]) => event).filter((event) => !event.includes("reply")),
    [
      "session-opened",
      "upstream-opened",
      "accepted",
      "deferred",
      "upstream-closed",
      "session-closed",
    ],
  );
  const accepted = found.find(([, event]) => event === "accepted")!.join(" ");
  const [id] = /id=\S+/.exec(accepted)!;
  assertEquals(
    accepted.slice(accepted.indexOf(" from=")),
    " from=<a@client.example> to=<b@upstream.example> octets=3 " +
      'reply="250 2.0.0 Taken" upstream=default took=0 upstreamTook=0',
  );
  assert(id.endsWith("-1"), id);
});
