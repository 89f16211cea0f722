import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { httpHook, type HttpHookOptions } from "../../src/content/http_hook.ts";
import type { Fetch } from "../../src/upstream/http/body.ts";
import { OptionError } from "../../src/errors.ts";
import { compose, definePolicy } from "../../src/policy/policy.ts";
import { readEnvelope } from "../../src/upstream/http/envelope.ts";
import { SignatureError, verifyRequest } from "../../src/upstream/http/signature.ts";
import { FakeClock } from "../_clock.ts";
import { openSession } from "../../src/testing/session.ts";
import { answering, deliver, serveHttp } from "./_deliver.ts";
import { oddMessagesByData } from "./_odd_messages.ts";

const MESSAGE = "Subject: Hi\r\nX-A: 1\r\nX-A: 2\r\n\r\nHi\r\n";
const KEPT = "250 2.0.0 Ok: kept as memory";
const URL = "http://hook.example/judge?as=mail";
const SECRET = "a-secret-that-is-long";

function judged(answer: unknown, options: Partial<HttpHookOptions> = {}) {
  return deliver(httpHook({ url: URL, fetch: answering(answer), ...options }), MESSAGE);
}

Deno.test("each decision is obeyed", async (t) => {
  const rows: readonly (readonly [answer: object, reply: string, content?: string])[] = [
    [{ verdict: "accept" }, KEPT, MESSAGE],
    [{ verdict: "reject" }, "550 5.7.1 Message refused"],
    [{ verdict: "reject", reply: "554 5.6.0 Not for us" }, "554 5.6.0 Not for us"],
    [{ verdict: "reject", reply: "452 4.3.1 Full" }, "452 4.3.1 Full"],
    [{ verdict: "defer" }, "451 4.7.1 Try again later"],
    [{ verdict: "defer", reply: "450 4.7.1 Later" }, "450 4.7.1 Later"],
    [{ verdict: "discard" }, "250 2.0.0 Ok"],
    [
      { verdict: "accept", headers: [{ add: "X-B", value: "ü" }] },
      KEPT,
      `X-B: =?UTF-8?B?w7w=?=\r\n${MESSAGE}`,
    ],
    [
      {
        verdict: "accept",
        headers: [
          { add: "X-B", value: "b", at: "bottom" },
          { replace: "X-A", value: "3", nth: 2 },
          { remove: "X-A", nth: 1 },
          { replace: "Subject", value: "Ho" },
        ],
      },
      KEPT,
      "Subject: Ho\r\nX-A: 3\r\nX-B: b\r\n\r\nHi\r\n",
    ],
    [
      { verdict: "accept", headers: [{ remove: "x-a" }], score: 1 },
      KEPT,
      "Subject: Hi\r\n\r\nHi\r\n",
    ],
  ];
  for (const [answer, reply, content] of rows) {
    await t.step(JSON.stringify(answer), async () => {
      assertEquals(await judged(answer), { reply, ...content !== undefined && { content } });
    });
  }
});

Deno.test("what is no decision is told with its place, and answered as it is said", async (t) => {
  const rows: readonly (readonly [answer: unknown, says: string])[] = [
    ["", "Unexpected end of JSON input"],
    [{}, "at verdict: accept, reject, defer, discard"],
    [{ verdict: "maybe" }, "at verdict: accept, reject, defer, discard"],
    [{ verdict: "accept", reply: "550 No" }, 'Unrecognized key: "reply"'],
    [
      { verdict: "reject", reply: 550 },
      "at reply: Invalid input: expected string, received number",
    ],
    [
      { verdict: "reject", reply: "250 Ok" },
      "Cannot reject with 250: allowed are 4xx and 5xx replies",
    ],
    [{ verdict: "defer", reply: "550 No" }, "Cannot defer with 550: allowed are 4xx replies"],
    [
      { verdict: "reject", reply: "550 No\r\n250 Ok" },
      'Cannot make a 550 reply: control character or line break in "No\\r\\n250 Ok", expected printable text',
    ],
    [
      { verdict: "accept", score: "1" },
      "at score: Invalid input: expected number, received string",
    ],
    [
      { verdict: "accept", headers: [{ add: "X" }] },
      "at headers.0: add and value, perhaps at; replace and value, perhaps nth; remove, perhaps nth",
    ],
    [
      { verdict: "accept", headers: [{ add: "X", value: "a\r\nBcc: b" }] },
      "Cannot write the header field X: found a line break or a NUL in its value",
    ],
    [
      { verdict: "accept", headers: [{ add: "X Y", value: "a" }] },
      'Cannot write a header field named "X Y"',
    ],
    [
      { verdict: "accept", headers: Array(201).fill({ remove: "X" }) },
      "at headers: Too big: expected array to have <=200 items",
    ],
  ];
  for (const [answer, says] of rows) {
    await t.step(JSON.stringify(answer).slice(0, 80), async () => {
      const failures: string[] = [];
      const trouble = (_session: unknown, error: Error): void =>
        void failures.push((error.cause as Error).message);
      const policy = httpHook({ url: URL, fetch: answering(answer), onFailure: "reject" });
      const outcome = await deliver(policy, MESSAGE, { observers: [{ trouble }] });
      assertEquals(outcome, { reply: "550 5.7.0 Cannot be checked" });
      assertEquals(failures, [`Cannot obey the answer: ${says}`]);
    });
  }
  assertEquals((await judged({}, { onFailure: "accept" })).content, MESSAGE);
});

Deno.test("an answer of too many octets and another status are failures", async () => {
  const reply = "451 4.3.0 Temporary failure, try again later";
  assertEquals(await judged(" ".repeat(262_145)), { reply });
  await using server = serveHttp(() => Response.json({ verdict: "accept" }, { status: 500 }));
  assertEquals(await deliver(httpHook({ url: server.url }), MESSAGE), { reply });
});

Deno.test("what may be a secret stands in no error, nor in what has caused it", async () => {
  const shown: string[] = [];
  const trouble = (_session: unknown, error: unknown): void => void shown.push(Deno.inspect(error));
  const url = "http://hook.invalid/judge?token=a-secret";
  const failing: Fetch = (url) =>
    Promise.reject(new TypeError("fetch failed", { cause: new Error(`no host in ${url}`) }));
  for (const fetch of [failing, undefined]) {
    await deliver(httpHook({ url, fetch }), MESSAGE, { observers: [{ trouble }] });
  }
  assertEquals(shown.map((text) => text.includes("Cannot ask http://hook.invalid/judge: ")), [
    ...[true, true],
  ]);
  assertEquals(shown.filter((text) => text.includes("a-secret")), []);
  assertEquals(shown[0].includes("no host in http://hook.invalid/judge"), true);
});

Deno.test("a score is summed up", async () => {
  const found: number[] = [];
  const policy = compose(
    httpHook({ url: URL, fetch: answering({ verdict: "accept", score: 3 }) }),
    httpHook({ url: URL, fetch: answering({ verdict: "accept", score: -1.5 }) }),
    definePolicy({ content: ({ score }) => void found.push(score) }),
  );
  await deliver(policy, MESSAGE);
  assertEquals(found, [1.5]);
});

Deno.test("the program gets the message, and who sends it to whom", async () => {
  const seen: Request[] = [];
  const clock = new FakeClock();
  const fetch = answering({ verdict: "accept" }, seen);
  const policy = httpHook({ url: URL, fetch, secret: SECRET, clock });
  const client = { address: "192.0.2.9", name: "n.example", login: "ann" };
  await deliver(policy, MESSAGE, { client, to: ["b@y.example", "c@y.example"] });
  const [request] = seen;
  assertEquals([request.method, request.url], ["POST", URL]);
  assertEquals(request.headers.get("content-type"), "message/rfc822");
  const { reversePath, recipients, client: told } = readEnvelope(request.headers);
  assertEquals(reversePath.address, "a@x.example");
  assertEquals(recipients.map(({ forwardPath }) => forwardPath.address), [
    ...["b@y.example", "c@y.example"],
  ]);
  assertEquals(told, { ...client, hello: "client.example" });
  const now = clock.now();
  const { content, covered } = await verifyRequest(request.clone(), SECRET, { now });
  assertEquals([await new Response(content).text(), covered], [MESSAGE, false]);
  await assertRejects(
    () => verifyRequest(request.clone(), "another-secret-x", { now }),
    SignatureError,
  );
});

Deno.test("odd messages come octet for octet, to the program and to the upstream", async (t) => {
  for (const [name, octets] of oddMessagesByData) {
    await t.step(name, async () => {
      let seen: Uint8Array | undefined;
      const fetch: Fetch = async (url, init) => {
        seen = new Uint8Array(await new Request(url, init).arrayBuffer());
        return Response.json({ verdict: "accept" });
      };
      await using session = await openSession({ policy: httpHook({ url: URL, fetch }) });
      await session.cmd("MAIL FROM:<a@x.example>", "250");
      await session.cmd("RCPT TO:<b@y.example>", "250");
      await session.message(octets, "250");
      assertEquals(seen, octets);
      assertEquals(session.captured[0].content, octets);
    });
  }
});

Deno.test("a change of the header that comes too late is answered as it is said", async () => {
  const fetch = answering({ verdict: "accept", headers: [{ add: "X-B", value: "b" }] });
  const outcome = (beyond?: HttpHookOptions["beyond"]) =>
    deliver(httpHook({ url: URL, fetch, beyond }), MESSAGE, { window: 16 });
  assertEquals(await outcome(), { reply: KEPT, content: MESSAGE });
  assertEquals(await outcome("defer"), {
    reply: "451 4.3.0 Too large to be changed, try again later",
  });
  assertEquals(await outcome("reject"), { reply: "552 5.3.4 Too large to be changed" });
  const roomy = httpHook({ url: URL, fetch, window: 1_000 });
  assertEquals((await deliver(roomy, MESSAGE, { window: 16 })).content, `X-B: b\r\n${MESSAGE}`);
});

Deno.test("options are looked at when it is made", () => {
  for (
    const [options, option] of [
      [{ url: "hook" }, "http.url"],
      [{ secret: "short" }, "http.secret"],
      [{ beyond: "x" }, "http.beyond"],
      [{ name: "" }, "http.name"],
    ] as const
  ) {
    const made = () => httpHook({ url: URL, ...options as Partial<HttpHookOptions> });
    assertEquals(assertThrows(made, OptionError).option, option);
  }
});
