import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { OptionError } from "../../src/errors.ts";
import { Path } from "../../src/rfc5321/path.ts";
import type { Reply } from "../../src/rfc5321/reply.ts";
import type { SessionFacts } from "../../src/session/facts.ts";
import { type OpenedBody, type UpstreamBody, UpstreamFailure } from "../../src/session/upstream.ts";
import { readEnvelope } from "../../src/upstream/http/envelope.ts";
import { verifyRequest } from "../../src/upstream/http/signature.ts";
import { httpUpstream, type HttpUpstreamOptions } from "../../src/upstream/http/upstream.ts";
import { FakeClock, settle } from "../_clock.ts";
import { receiver, sending, wholeOf } from "./_receiver.ts";

const SECRET = "a-secret-that-is-long";
const LINE = `${"x".repeat(998)}\r\n`;
const client = { address: "192.0.2.1", port: 1, hello: "c", extended: true, trusted: false };

/** A body that is open at the upstream, and its link. */
async function opened(options: Partial<HttpUpstreamOptions>) {
  const upstream = httpUpstream({ url: "https://hook.example/in?key=hidden", ...options });
  const link = await upstream.connect({} as SessionFacts, new AbortController().signal);
  await link.mail(Path.null, {}, { id: "k3f9-1", client });
  await link.rcpt(Path.from("b@y.example"), {});
  const { body } = await link.data("content", {}) as OpenedBody;
  return { link, body };
}

async function writeAll(body: UpstreamBody, octets: number): Promise<void> {
  for (let done = 0; done < octets; done += 50_000) await body.write(new Uint8Array(50_000));
}

Deno.test("http upstream: a message, small or large, octet for octet and signed", async () => {
  const seen: string[] = [];
  await using hook = receiver(async (request) => {
    const { covered, content } = await verifyRequest(request, SECRET);
    const { transaction, recipients, parameters } = readEnvelope(request.headers);
    const whole = await wholeOf(content) ?? "broken";
    seen.push(whole);
    assertEquals(new URL(request.url).search, "?key=a%2Cb");
    assertEquals(request.headers.get("content-type"), "message/rfc822");
    const length = request.headers.get("content-length");
    assertEquals(
      [covered, length],
      whole.length < 65_536 ? [true, `${whole.length}`] : [false, null],
    );
    assertMatch(transaction, /^[0-9a-z]+-[0-9a-z]+-[0-9]+$|^[0-9a-z]+-[0-9]+$/);
    assertEquals(recipients.length, 2);
    assertEquals(parameters.body, undefined);
    return new Response(`kept ${seen.length}`);
  });
  const messages = ["Subject: Hi\r\n\r\n.dot\r\n", `Subject: Large\r\n\r\n${LINE.repeat(300)}`];
  for (const [nth, message] of messages.entries()) {
    const options = { url: hook.url, secret: SECRET };
    await using session = await sending(options, "<b@y.example>", "<c@y.example> NOTIFY=NEVER");
    await session.message(message, `250 2.0.0 kept ${nth + 1}`);
  }
  assertEquals(seen, messages);
});

Deno.test("http upstream: what a client breaks off is never whole to the receiver", async () => {
  const { promise: reached, resolve: reach } = Promise.withResolvers<void>();
  const { promise: ended, resolve: end } = Promise.withResolvers<string | undefined>();
  await using hook = receiver(async (request) => {
    reach();
    end(await wholeOf(request.body!));
    return new Response();
  });
  {
    await using session = await sending({ url: hook.url }, "<b@y.example>");
    await session.cmd("DATA", "354");
    await session.send(`Subject: Half\r\n\r\n${LINE.repeat(200)}`);
    await reached;
    // The session closes its end here, in the middle of mail data.
  }
  assertEquals(await ended, undefined);
});

Deno.test("http upstream: of a small message that is broken off there is no request", async () => {
  let requests = 0;
  const fetch = () => Promise.resolve(new Response(`${++requests}`));
  const { link, body } = await opened({ fetch });
  await body.write(new Uint8Array(60_000));
  await body.cancel();
  await link.quit();
  assertEquals([requests, link.open], [0, false]);
});

Deno.test("http upstream: an answer before the end stops the transfer, and is no success", async () => {
  for (const [status, expected] of [[413, "552 5.3.4 stop"], [200, "451 4.3.0 "]] as const) {
    let answer: (() => void) | undefined;
    const early = new Promise<void>((resolve) => answer = resolve);
    const { promise: ended, resolve: end } = Promise.withResolvers<boolean>();
    await using hook = receiver(async (request) => {
      await early;
      void wholeOf(request.body!).then((whole) => end(whole !== undefined));
      return new Response("stop", { status });
    });
    const { body } = await opened({ url: hook.url });
    await writeAll(body, 100_000);
    answer!();
    while (body.refusal === undefined) await writeAll(body, 50_000);
    assert(body.refusal.toString().startsWith(expected), body.refusal.toString());
    assertEquals(await body.finish(), body.refusal);
    assertEquals(await ended, false);
  }
});

Deno.test("http upstream: while the words of an early answer are awaited, the message gets no end", async () => {
  const words = new TransformStream<Uint8Array, Uint8Array>();
  const early = Promise.withResolvers<void>();
  const { promise: ended, resolve: end } = Promise.withResolvers<boolean>();
  const { body } = await opened({
    fetch: async (_, init) => {
      void wholeOf(init.body as ReadableStream).then((whole) => end(whole !== undefined));
      await early.promise;
      return new Response(words.readable, { headers: { "content-type": "text/plain" } });
    },
  });
  await writeAll(body, 100_000);
  early.resolve();
  await settle();
  const finished = body.finish();
  await settle();
  await words.writable.close();
  assertEquals((await finished).toString().slice(0, 9), "451 4.3.0");
  assertEquals(await ended, false);
});

Deno.test("http upstream: a success is told after the answer and not before", async () => {
  let give: ((response: Response) => void) | undefined;
  let sent: BodyInit | null | undefined;
  const { body } = await opened({
    fetch: (_, init) => {
      sent = init.body;
      return new Promise((resolve) => give = resolve);
    },
  });
  await body.write(new Uint8Array(10));
  assertEquals(sent, undefined);
  let reply: Reply | undefined;
  const finished = body.finish().then((one) => reply = one);
  while (give === undefined) await settle();
  await settle();
  assertEquals([(sent as Uint8Array).length, reply], [10, undefined]);
  give(new Response());
  await finished;
  assertEquals(reply?.toString(), "250 2.0.0 Ok\r\n");
});

Deno.test("http upstream: a write waits until somebody reads", async () => {
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  const { body } = await opened({
    fetch: async (_, init) => {
      assertEquals([init.duplex, init.redirect], ["half", "manual"]);
      reader = (init.body as ReadableStream<Uint8Array>).getReader();
      await new Promise((_, reject) => init.signal!.addEventListener("abort", reject));
      throw init.signal!.reason;
    },
  });
  await body.write(new Uint8Array(60_000));
  let written = false;
  const octets = new Uint8Array(10_000);
  const writing = (async () => {
    await body.write(octets);
    written = true;
  })();
  while (reader === undefined) await settle();
  assertEquals((await reader.read()).value?.length, 60_000);
  await settle();
  assertEquals(written, false);
  const next = reader.read();
  await writing;
  // The caller's memory is its own again, and the reader's is another.
  octets.fill(1);
  assertEquals((await next).value, new Uint8Array(10_000));
  await body.cancel();
  await assertRejects(
    async () => await body.write(octets),
    UpstreamFailure,
    "Mail data called off",
  );
});

Deno.test("http upstream: what fails is told without the query", async () => {
  const fetch = (url: string) => Promise.reject(new TypeError(`error sending request for ${url}`));
  const small = await opened({ fetch });
  await small.body.write(new Uint8Array(10));
  const failure = await assertRejects(() => small.body.finish(), UpstreamFailure);
  assertEquals(
    [failure.kind, failure.message],
    [
      "lost",
      "Cannot post to https://hook.example/in: error sending request for https://hook.example/in",
    ],
  );
  const large = await opened({ fetch });
  await assertRejects(() => writeAll(large.body, 200_000), UpstreamFailure, "Cannot post to");
  await assertRejects(() => large.body.finish(), UpstreamFailure, "Cannot post to");
});

Deno.test("http upstream: nobody is waited for without end", async () => {
  const clock = new FakeClock();
  const aborted: string[] = [];
  const fetch: HttpUpstreamOptions["fetch"] = (_, init) =>
    new Promise((_, reject) =>
      init.signal!.addEventListener("abort", () => {
        aborted.push(init.signal!.reason.message);
        reject(init.signal!.reason);
      })
    );
  const timeouts = { dataBlock: 1_000, dataTermination: 2_000 };
  const waits: readonly [(body: UpstreamBody) => Promise<unknown>, milliseconds: number][] = [
    [(body) => body.finish(), 2_000],
    [(body) => writeAll(body, 100_000), 1_000],
  ];
  for (const [act, milliseconds] of waits) {
    const { body } = await opened({ fetch, clock, timeouts });
    const outcome = act(body).then(() => undefined, (error) => error);
    while (clock.timers === 0) await settle();
    await clock.advance(milliseconds);
    const failure = await outcome;
    assert(failure instanceof UpstreamFailure);
    assertEquals(failure.kind, "timeout");
    assertEquals(aborted.splice(0), [failure.message]);
  }
  assertEquals(clock.timers, 0);
});

Deno.test("http upstream: a redirect is not followed", async () => {
  let followed = 0;
  await using other = receiver(() => new Response(`${++followed}`));
  await using hook = receiver(async (request) => {
    await wholeOf(request.body!);
    return new Response(null, { status: 307, headers: { location: other.url } });
  });
  await using session = await sending({ url: hook.url }, "<b@y.example>");
  await session.message("Subject: Hi\r\n\r\n", "451 4.3.5 ");
  assertEquals(followed, 0);
});

Deno.test("http upstream: recipients are as many as a header field takes", async () => {
  let told = 0;
  const fetch: HttpUpstreamOptions["fetch"] = (url, init) => {
    const { headers } = new Request(url, init);
    assert(headers.get("rcpt-to")!.length <= 8_000);
    told = readEnvelope(headers).recipients.length;
    return Promise.resolve(new Response());
  };
  await using session = await sending({ url: "https://hook.example/", fetch });
  let taken = 0;
  const path = () => `<${"b".repeat(50)}${taken}@y.example>`;
  while ((await session.cmd(`RCPT TO:${path()}`)).positive) taken++;
  await session.cmd(`RCPT TO:${path()}`, "452 4.5.3");
  await session.message("Subject: Hi\r\n\r\n", "250");
  assert(taken > 100);
  assertEquals(told, taken);
});

Deno.test("http upstream: what it offers, and what it does not do", async () => {
  await using session = await sending({
    url: "https://hook.example/",
    fetch: () => Promise.reject(),
  });
  const offered = await session.cmd("EHLO client.example", "250");
  for (const keyword of ["8BITMIME", "SMTPUTF8", "DSN", "CHUNKING", "BINARYMIME"]) {
    assert(offered.lines.includes(keyword), keyword);
  }
  assert(!offered.lines.some((line) => line.startsWith("AUTH")));
  const { link } = await opened({});
  assertEquals((await link.authenticate("AUTH PLAIN")).code, 502);
  assertEquals((await link.query("VRFY", "b")).code, 502);
  assertEquals((await link.data("content", {}) as Reply).code, 503);
  assertEquals((await link.rcpt(Path.from("b@y.example"), {})).code, 503);
});

Deno.test("http upstream: options that cannot be used are named", () => {
  const url = "https://hook.example/";
  const rows: readonly [HttpUpstreamOptions, message: string][] = [
    [{ url: "hook.example" }, 'found "hook.example", allowed is https://host/path'],
    [{ url: "http://hook.example/" }, "or http:// to a loopback address"],
    [{ url: "ftp://hook.example/", plaintext: true }, "allowed is https://"],
    [{ url, secret: "short" }, 'found "a secret of 5 characters", allowed is at least 16'],
    [{ url, timeouts: { dataBlock: 0 } }, '"upstream.timeouts.dataBlock": found 0'],
    [{ url, timeouts: { mail: 5 } as object }, '"upstream.timeouts.mail": found 5'],
  ];
  for (const [options, message] of rows) {
    assertThrows(() => httpUpstream(options), OptionError, message);
  }
  assertEquals(
    httpUpstream({ url: "http://app.internal/in?key=k", plaintext: true }).name,
    "http://app.internal/in",
  );
});
