import { assert, assertEquals } from "@std/assert";
import type { Log, LogOptions } from "../../src/cli/log.ts";
import { Path } from "../../src/rfc5321/path.ts";
import { Reply } from "../../src/rfc5321/reply.ts";
import { lines, NOTHING, reply, session, step, TIME, tls, transaction } from "./_log_lines.ts";

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
