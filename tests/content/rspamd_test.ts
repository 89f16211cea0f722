import { assertEquals, assertThrows } from "@std/assert";
import {
  rspamd,
  type RspamdAction,
  rspamdActions,
  type RspamdOptions,
} from "../../src/content/rspamd.ts";
import { OptionError } from "../../src/errors.ts";
import { compose, definePolicy } from "../../src/policy/policy.ts";
import { reject } from "../../src/policy/verdicts.ts";
import { encode } from "../../src/bytes.ts";
import { openSession } from "../../src/testing/session.ts";
import { answering, deliver, serveHttp } from "./_deliver.ts";

const MESSAGE = "Subject: Hi\r\nX-Spam: No\r\n\r\nHi\r\n";
const KEPT = "250 2.0.0 Ok: kept as memory";
const URL = "http://rspamd.example:11333";

function judged(answer: unknown, options: Partial<RspamdOptions> = {}) {
  return deliver(rspamd({ url: URL, fetch: answering(answer), ...options }), MESSAGE);
}

Deno.test("each action becomes what it says", async (t) => {
  const marked = "X-Spam: Yes\r\nSubject: Hi\r\n\r\nHi\r\n";
  const expected: Readonly<Record<RspamdAction, readonly [reply: string, content?: string]>> = {
    "no action": [KEPT, MESSAGE],
    "greylist": ["451 4.7.1 Try again later"],
    "soft reject": ["451 4.7.1 Try again later"],
    "add header": [KEPT, marked],
    "rewrite subject": [KEPT, MESSAGE.replace("Hi", "[SPAM] Hi")],
    "quarantine": ["550 5.7.1 Refused as spam"],
    "discard": ["250 2.0.0 Ok"],
    "reject": ["550 5.7.1 Refused as spam"],
  };
  assertEquals(Object.keys(expected), [...rspamdActions]);
  for (const [action, [reply, content]] of Object.entries(expected)) {
    await t.step(action, async () => {
      const outcome = await judged({ action, score: 1, subject: "[SPAM] Hi" });
      assertEquals(outcome, { reply, ...content !== undefined && { content } });
    });
  }
});

Deno.test("options say what else becomes of an action", async () => {
  const answer = { action: "reject", score: 20 };
  assertEquals((await judged(answer, { actions: { reject: "accept" } })).content, MESSAGE);
  assertEquals(
    (await judged(answer, { actions: { reject: "defer" } })).reply,
    "451 4.7.1 Try again later",
  );
  assertEquals(await judged(answer, { actions: { reject: "discard" } }), { reply: "250 2.0.0 Ok" });
  assertEquals(
    (await judged(answer, { actions: { reject: "header" }, mark: "X-Junk" })).content,
    `X-Junk: Yes\r\n${MESSAGE}`,
  );
  assertEquals((await judged(answer, { reply: "554 5.7.0 No" })).reply, "554 5.7.0 No");
});

Deno.test("a refusal has Rspamd's words, made fit to be sent", async (t) => {
  const rows: readonly (readonly [said: unknown, reply: string])[] = [
    ["Gtube pattern", "550 5.7.1 Gtube pattern"],
    ["5.7.26 DMARC", "550 5.7.26 DMARC"],
    ["4.7.26 DMARC", "550 5.7.1 4.7.26 DMARC"],
    ["a\r\n250 Ok\0ü", "550 5.7.1 a 250 Ok"],
    ["", "550 5.7.1 Refused as spam"],
    [7, "550 5.7.1 Refused as spam"],
    ["x".repeat(100_000), `550 5.7.1 ${"x".repeat(496)}`],
  ];
  for (const [smtp_message, reply] of rows) {
    await t.step(JSON.stringify(smtp_message).slice(0, 40), async () => {
      const outcome = await judged({ action: "reject", score: 20, messages: { smtp_message } });
      assertEquals(outcome, { reply });
    });
  }
});

Deno.test("header fields are removed, then added", async () => {
  const milter = {
    remove_headers: { "X-A": 0, "X-B": 2, "x-c": -1, "X-D": -9, "X-None": 1 },
    add_headers: {
      "X-Bottom": "below",
      "X-Top": { value: "above", order: 0 },
      "X-Two": [{ value: "one", order: -1 }, "two"],
      "X-Folded": "a\n\tb\r\nSubject: forged\0",
    },
  };
  const answer = {
    ...{ action: "no action", score: 0, milter },
    "dkim-signature": "v=1;\r\n\tb=x",
  };
  const fields = ["X-A: 1", "X-B: 1", "X-A: 2", "X-B: 2", "X-C: 1", "X-C: 2", "X-D: 1"];
  const message = `${fields.join("\r\n")}\r\n\r\n`;
  const { content } = await deliver(rspamd({ url: URL, fetch: answering(answer) }), message);
  assertEquals(content?.split("\r\n"), [
    ...["DKIM-Signature: v=1;", "\tb=x", "X-Top: above"],
    ...["X-B: 1", "X-C: 1", "X-D: 1"],
    ...["X-Bottom: below", "X-Two: one", "X-Two: two", "X-Folded: a", "\tb Subject: forged"],
    ...["", ""],
  ]);
  const without = rspamd({ url: URL, fetch: answering(answer), headers: false });
  assertEquals((await deliver(without, message)).content, message);
});

Deno.test("it is told who sends, to whom and how", async () => {
  const seen: Request[] = [];
  const policy = rspamd({
    url: "http://rspamd.example/scan/?x=1",
    ...{ fetch: answering({ action: "no action", score: 0 }, seen), hostname: "mx.example" },
    password: "q1",
  });
  const changed = definePolicy({
    rcpt: ({ forwardPath }) =>
      forwardPath.localPart === "no" ? reject("550 5.1.1 Unknown") : undefined,
  });
  const client = {
    ...{ address: "192.0.2.9", name: "n.example", login: "ann" },
    tls: { version: "TLSv1.3", cipher: "TLS_AES_128_GCM_SHA256" },
  };
  await using session = await openSession({
    policy: compose(changed, policy),
    client,
  });
  await session.cmd("MAIL FROM:<jürgen@x.example> SMTPUTF8", "250");
  await session.cmd("RCPT TO:<b@y.example>", "250");
  await session.cmd("RCPT TO:<no@y.example>", "550");
  await session.cmd("RCPT TO:<c@y.example>", "250");
  await session.message(MESSAGE, "250");
  const [request] = seen;
  assertEquals(request.url, "http://rspamd.example/scan/checkv2?x=1");
  assertEquals(await request.text(), MESSAGE);
  const { "queue-id": id, ...fields } = Object.fromEntries(request.headers);
  assertEquals(/^[^ ]+-1$/.test(id), true);
  assertEquals(fields, {
    "content-type": "message/rfc822",
    // UTF-8, an octet a character.
    "from": "<jÃ¼rgen@x.example>",
    "rcpt": "<b@y.example>, <c@y.example>",
    "ip": "192.0.2.9",
    "hostname": "n.example",
    "helo": "client.example",
    "user": "ann",
    "tls-version": "TLSv1.3",
    "tls-cipher": "TLS_AES_128_GCM_SHA256",
    "mta-name": "mx.example",
    "password": "q1",
  });
});

Deno.test("its score and what an author decides by its symbols count", async () => {
  const found: number[] = [];
  const looking = definePolicy({ content: ({ score }) => void found.push(score) });
  const answer = {
    ...{ action: "no action", score: 3.5 },
    symbols: { BAD: { name: "BAD", score: 2, options: ["a", 7] }, ODD: { score: "x" } },
  };
  const fetch = answering(answer);
  await deliver(compose(rspamd({ url: URL, fetch }), looking), MESSAGE);
  assertEquals(found, [3.5]);
  const policy = rspamd({
    ...{ url: URL, fetch },
    decide: ({ symbols, score, action }, { original }) => {
      assertEquals([...symbols], [
        ["BAD", { score: 2, options: ["a", "7"] }],
        ["ODD", { score: 0, options: [] }],
      ]);
      const sender = original.reversePath.address;
      return reject(`550 5.7.1 ${action} ${score} ${sender}`);
    },
  });
  assertEquals((await deliver(policy, MESSAGE)).reply, "550 5.7.1 no action 3.5 a@x.example");
});

Deno.test("a field that cannot be written as it is helps nobody", async (t) => {
  const long = "x".repeat(5_000);
  const answer = { score: 1, milter: { add_headers: { "X Y": "z" } } };
  const many = { score: 1, milter: { add_headers: { "X": Array(201).fill("y") } } };
  for (const action of ["reject", "soft reject"]) {
    await t.step(action, async () => {
      for (const rest of [answer, many]) {
        const { reply } = await judged({ action, ...rest }, { onFailure: "accept" });
        assertEquals(reply.startsWith("250"), false);
      }
    });
  }
  await t.step("a word that no line has room for", async () => {
    const headers = { score: 1, milter: { add_headers: { "X-Long": long } } };
    const { content = "" } = await judged({ action: "no action", ...headers });
    assertEquals(content.split("\r\n").every((line) => line.length < 998), true);
    assertEquals(content.replaceAll("\r\n ", "").includes(`X-Long: ${long}\r\n`), true);
  });
  const folded = `a\r\n ${"\u4e00".repeat(1_000)}`;
  for (const subject of [long, `[SPAM] ${long}`, "\u4e00".repeat(1_000), folded]) {
    await t.step(`a subject of ${subject.length} characters`, async () => {
      const outcome = await judged({ action: "rewrite subject", score: 1, subject });
      assertEquals(outcome.reply, KEPT);
      assertEquals(outcome.content?.startsWith("Subject: Hi\r\n"), false);
    });
  }
});

Deno.test("what is no answer is a failure, and answered as it is said", async (t) => {
  const rows: Readonly<Record<string, unknown>> = {
    "no JSON": "<html>",
    "nothing": "",
    "another kind": [],
    "no action": { score: 1 },
    "an action that nobody knows": { action: "__proto__", score: 1 },
    "no score": { action: "reject" },
    "a score that is none": `{"action":"reject","score":1e999}`,
    "a field that cannot be written": {
      ...{ action: "no action", score: 0 },
      milter: { add_headers: { "X y:": "z" } },
    },
    "too many fields": {
      ...{ action: "no action", score: 0 },
      milter: { add_headers: { "X": Array(201).fill("y") } },
    },
    "more than anybody reads": "x".repeat(1_048_577),
  };
  for (const [name, answer] of Object.entries(rows)) {
    await t.step(name, async () => {
      assertEquals(await judged(answer), {
        reply: "451 4.3.0 Temporary failure, try again later",
      });
      assertEquals((await judged(answer, { onFailure: "accept" })).content, MESSAGE);
      assertEquals(await judged(answer, { onFailure: "reject" }), {
        reply: "550 5.7.0 Cannot be checked",
      });
    });
  }
});

Deno.test("what it leaves out or garbles beside its action is as if it were not there", async () => {
  const answer = {
    ...{ action: "rewrite subject", score: 0, subject: 7, symbols: [], messages: [], milter: "x" },
    "dkim-signature": { a: 1 },
  };
  assertEquals((await judged(answer)).content, MESSAGE);
});

Deno.test("it may answer before it has the message", async () => {
  await using server = serveHttp(() => Response.json({ action: "reject", score: 20 }));
  const message = `Subject: Hi\r\n\r\n${"x".repeat(998) + "\r\n"}`.repeat(2_000);
  const outcome = await deliver(rspamd({ url: server.url }), message);
  assertEquals(outcome, { reply: "550 5.7.1 Refused as spam" });
});

Deno.test("an early answer that lets it pass does not keep the message waiting", async () => {
  await using server = serveHttp(() => Response.json({ action: "no action", score: 0 }));
  const message = `Subject: Hi\r\n\r\n${`${"x".repeat(998)}\r\n`.repeat(2_000)}`;
  const { content } = await deliver(rspamd({ url: server.url }), message);
  assertEquals(content, message);
});

Deno.test("a server that is not there, refuses, hangs or breaks off is a failure", async (t) => {
  const failed = "451 4.3.0 Temporary failure, try again later";
  await t.step("is not there", async () => {
    const server = serveHttp(() => new Response());
    await server[Symbol.asyncDispose]();
    assertEquals((await deliver(rspamd({ url: server.url }), MESSAGE)).reply, failed);
  });
  await t.step("refuses", async () => {
    await using server = serveHttp(() => new Response("{}", { status: 403 }));
    assertEquals((await deliver(rspamd({ url: server.url }), MESSAGE)).reply, failed);
  });
  await t.step("leads elsewhere", async () => {
    await using server = serveHttp(() => Response.redirect("http://127.0.0.1:9/checkv2"));
    assertEquals((await deliver(rspamd({ url: server.url }), MESSAGE)).reply, failed);
  });
  await t.step("hangs", async () => {
    const released = Promise.withResolvers<Response>();
    await using server = serveHttp(() => released.promise);
    const policy = rspamd({ url: server.url, timeLimit: 100 });
    assertEquals((await deliver(policy, MESSAGE)).reply, failed);
    released.resolve(new Response());
  });
  await t.step("reads nothing", async () => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const accepted = listener.accept();
    const policy = rspamd({ url: `http://127.0.0.1:${listener.addr.port}` });
    const large = `${MESSAGE}${`${"x".repeat(998)}\r\n`.repeat(16_000)}`;
    const outcome = await deliver(policy, large, { policyTimeLimit: 200 });
    (await accepted).close();
    assertEquals(outcome, { reply: failed });
  });
  await t.step("breaks off", async () => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const served = (async () => {
      using connection = await listener.accept();
      await connection.read(new Uint8Array(65_536));
      await connection.write(encode("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"));
    })();
    const url = `http://127.0.0.1:${listener.addr.port}`;
    assertEquals((await deliver(rspamd({ url }), MESSAGE)).reply, failed);
    await served;
  });
});

Deno.test("a client that goes away leaves no whole message behind", async () => {
  const begun = Promise.withResolvers<void>();
  const broken = Promise.withResolvers<boolean>();
  await using server = serveHttp(async (request) => {
    const reader = request.body!.getReader();
    await reader.read();
    begun.resolve();
    await reader.read().then(() => broken.resolve(false), () => broken.resolve(true));
    return Response.json({ action: "no action", score: 0 });
  });
  {
    await using session = await openSession({ policy: rspamd({ url: server.url }) });
    await session.cmd("MAIL FROM:<a@x.example>", "250");
    await session.cmd("RCPT TO:<b@y.example>", "250");
    await session.cmd("DATA", "354");
    await session.send("Subject: Hi\r\n\r\nThis is not all\r\n");
    await begun.promise;
  }
  assertEquals(await broken.promise, true);
});

Deno.test("options are looked at when it is made", async (t) => {
  const rows: readonly (readonly [options: object, option: string])[] = [
    [{ url: "rspamd" }, "rspamd.url"],
    [{ url: "ftp://a" }, "rspamd.url"],
    [{ url: "http://a:b@c" }, "rspamd.url"],
    [{ reply: "250 Ok" }, "rspamd.reply"],
    [{ mark: "a b" }, "rspamd.mark"],
    [{ password: "" }, "rspamd.password"],
    [{ actions: { rejct: "defer" } }, "rspamd.actions"],
    [{ actions: { reject: "bounce" } }, "rspamd.actions.reject"],
    [{ beyond: "x" }, "rspamd.beyond"],
    [{ name: "" }, "rspamd.name"],
    [{ timeLimit: 0 }, "rspamd.timeLimit"],
    [{ onFailure: "x" }, "rspamd.onFailure"],
    [{ window: 1.5 }, "rspamd.window"],
    [{ reading: { octets: -1 } }, "rspamd.reading.octets"],
    [{ reading: { concurrency: 0 } }, "rspamd.reading.concurrency"],
    [{ reading: { larger: "x" } }, "rspamd.reading.larger"],
  ];
  for (const [options, option] of rows) {
    await t.step(JSON.stringify(options), () => {
      const error = assertThrows(() => rspamd({ url: URL, ...options }), OptionError);
      assertEquals(error.option, option);
    });
  }
  assertEquals(rspamd({ url: URL }).definitions[0].name, "rspamd");
});
