import { assertEquals } from "@std/assert";
import type { Log } from "../../src/cli/log.ts";
import type { Observer, TransactionEnd } from "../../src/session/observer.ts";
import {
  HEAD,
  lines,
  path,
  rcpt,
  reply,
  session,
  step,
  TIME,
  tls,
  type Told,
  transaction,
  WHO,
  WHO_JSON,
} from "./_log_lines.ts";

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
