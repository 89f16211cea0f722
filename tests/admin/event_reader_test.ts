import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import {
  EventStreamError,
  followEvents,
  type FollowOptions,
  readEvents,
  type ServerEvent,
  type StreamState,
} from "../../src/admin/event_reader.ts";
import { TimeoutError } from "../../src/clock.ts";
import { cuttings, octets } from "../_chunking.ts";
import { FakeClock, settle } from "../_clock.ts";

const MEBI = 1_048_576;

function bodyOf(...chunks: readonly (string | Uint8Array)[]): ReadableStream<Uint8Array> {
  return ReadableStream.from(
    chunks.map((chunk) => typeof chunk === "string" ? new TextEncoder().encode(chunk) : chunk),
  );
}

const read = (body: ReadableStream<Uint8Array>) => Array.fromAsync(readEvents(body));

/** A body that a test writes to, and sees cancelled. */
function pipe() {
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  const cancelled: unknown[] = [];
  const body = new ReadableStream<Uint8Array>({
    start: (given) => void (controller = given),
    cancel: (reason) => void cancelled.push(reason),
  });
  const write = (text: string) => controller.enqueue(octets(text));
  return {
    body,
    cancelled,
    write,
    end: () => controller.close(),
    fail: (error: unknown) => controller.error(error),
  };
}

Deno.test("the fields of an event, in every cutting", async (t) => {
  const message = (data: string) => ({ event: "message", data });
  const rows: readonly [name: string, input: string, events: readonly ServerEvent[]][] = [
    ["nothing", "", []],
    ["LF", "data: a\n\ndata: b\n\n", [message("a"), message("b")]],
    ["CR", "data: a\r\rdata: b\r\r", [message("a"), message("b")]],
    ["CRLF", "data: a\r\n\r\ndata: b\r\n\r\n", [message("a"), message("b")]],
    ["lines with CRLF", "event: e\r\ndata: a\r\ndata: b\r\n\r\n", [{ event: "e", data: "a\nb" }]],
    ["lines with CR", "event: e\rdata: a\rdata: b\r\r", [{ event: "e", data: "a\nb" }]],
    ["mixed ends", "data: a\r\n\rdata: b\n\r\ndata: c\r\n\n", ["a", "b", "c"].map(message)],
    ["CR LF CR are two lines", "data: a\r\n\rdata: b\r\n\r\n", [message("a"), message("b")]],
    ["LF CR are two lines", "data: a\n\rdata: b\n\r", [message("a"), message("b")]],
    ["one space goes", "data:a\ndata: b\ndata:  c\ndata:\td\n\n", [message("a\nb\n c\n\td")]],
    ["several lines", "data: a\ndata:\ndata\ndata: b\n\n", [message("a\n\n\nb")]],
    ["empty data is data", "data:\n\ndata\n\n", [message(""), message("")]],
    ["only the first colon", "data: a: b:\n\n", [message("a: b:")]],
    ["no data is no event", "event: a\n\nid: 1\n\n\n\n", []],
    ["type", "event: a\ndata: 1\n\ndata: 2\n\n", [{ event: "a", data: "1" }, message("2")]],
    ["a type without data is forgotten", "event: a\n\ndata: 1\n\n", [message("1")]],
    ["the last type", "event: a\nevent: b\ndata: 1\n\n", [{ event: "b", data: "1" }]],
    ["an empty type", "event: a\nevent\ndata: 1\n\n", [message("1")]],
    ["id goes on", "id: 7\ndata: a\n\ndata: b\n\nid: 8\ndata: c\n\n", [
      { id: "7", ...message("a") },
      { id: "7", ...message("b") },
      { id: "8", ...message("c") },
    ]],
    ["id that is the last thing", "id: 7\ndata: a\n\nid: 8\n", [{ id: "7", ...message("a") }]],
    ["id without data", "id: 7\n\ndata: a\n\n", [{ id: "7", ...message("a") }]],
    ["id taken back", "id: 7\ndata: a\n\nid\ndata: b\n\n", [
      { id: "7", ...message("a") },
      { id: "", ...message("b") },
    ]],
    ["id with NUL", "id: 7\nid: 8\0\ndata: a\n\n", [{ id: "7", ...message("a") }]],
    ["comments", ":\n: data: x\n:data: x\ndata: a\n:\n\n:\n", [message("a")]],
    ["other fields", "Data: x\n data: x\ndata : x\ndatax: x\nretry: x\n\ndata: a\n\n", [
      message("a"),
    ]],
    ["unfinished event", "data: a\n\ndata: b\n", [message("a")]],
    ["unfinished line", "data: a\n\ndata: b\n\nda", [message("a"), message("b")]],
    ["unfinished end", "data: a\n\ndata: b", [message("a")]],
    ["byte order mark", "\xef\xbb\xbfdata: a\n\n", [message("a")]],
    ["only one", "\xef\xbb\xbf\xef\xbb\xbfdata: a\n\ndata: b\n\n", [message("b")]],
    ["only in front", "data: \xef\xbb\xbfa\n\n", [message("\ufeffa")]],
    ["behind a line", "data: a\n\xef\xbb\xbfdata: b\n\n", [message("a")]],
    ["UTF-8", "data: \xc3\xa9\xe2\x82\xac\xf0\x9f\x93\xac\n\n", [message("é€📬")]],
    ["no UTF-8", "data: \xff\xc3\n\n", [message("\ufffd\ufffd")]],
    ["no line ends", "data: \x0b\x0c\xc2\x85\xe2\x80\xa8\0\n\n", [message("\v\f\x85\u2028\0")]],
  ];
  for (const [name, input, events] of rows) {
    await t.step(name, async () => {
      for (const [cutting, chunks] of cuttings(input)) {
        assertEquals(await read(bodyOf(...chunks.map(octets))), [...events], cutting);
      }
    });
  }
});

Deno.test("an event is there as soon as its last line has ended, be it with CR", async () => {
  for (const [ends, rest] of [["\n\n", ""], ["\r\r", ""], ["\r\n\r", "\n"]]) {
    const { body, write, cancelled } = pipe();
    const events = readEvents(body);
    write(`data: a${ends}`);
    assertEquals((await events.next()).value, { event: "message", data: "a" });
    write(`${rest}data: b\ndata: c\n\n`);
    assertEquals((await events.next()).value, { event: "message", data: "b\nc" });
    await events.return(undefined);
    assertEquals(cancelled.length, 1);
  }
});

Deno.test("what is told beside the events", async () => {
  const rows: readonly [input: string, state: StreamState][] = [
    ["data: a\n\n", {}],
    ["retry: 2000\n\n", { retry: 2_000 }],
    ["retry: 2000\nretry: 1\n", { retry: 1 }],
    ["retry: 2000\nretry: -1\nretry: 1.5\nretry: x\nretry:\nretry: 9999999999\n", { retry: 2_000 }],
    ["retry: 2000", {}],
    ["id: 7\n\n", { lastEventId: "7" }],
    ["id: 7\nid: a\0b\n\n", { lastEventId: "7" }],
    ["id: 7\n\nid: 8\ndata: cut off\n", { lastEventId: "7" }],
  ];
  for (const [input, expected] of rows) {
    const state: StreamState = {};
    await Array.fromAsync(readEvents(bodyOf(input), { state }));
    assertEquals(state, expected, input);
  }
});

Deno.test("a line, and an event, are bounded", async (t) => {
  const most = "x".repeat(MEBI - "data:".length);
  const rows: readonly [name: string, chunks: readonly string[], error: string | undefined][] = [
    ["longest line", [`data:${most}\n\n`], undefined],
    ["in pieces", ["data:", ...most.match(/[^]{1,9999}/g)!, "\n\n"], undefined],
    ["too long", [`data:${most}x\n\n`], "in one line"],
    ["too long, of many octets", [`data:${most}€\n\n`], "in one line"],
    ["without an end", [`data:${most}`, "x"], "in one line"],
    ["a comment", [`:${most}`, "xxxxx"], "in one line"],
    ["longest event", [`data:${most}\n`, "data:xxxx\n\n"], undefined],
    ["too long an event", [`data:${most}\n`, "data:xxxxx\n\n"], "in one event"],
    ["of empty lines", Array.from({ length: 1_100 }, () => "data\n".repeat(1_000)), "in one event"],
  ];
  for (const [name, chunks, error] of rows) {
    await t.step(name, async () => {
      if (error === undefined) assertEquals((await read(bodyOf(...chunks))).length, 1);
      else await assertRejects(() => read(bodyOf(...chunks)), EventStreamError, error);
    });
  }
});

Deno.test("the body is cancelled when nobody wants more, and not held", async (t) => {
  const text = "data: a\n\ndata: b\n\n";
  type Use = (events: AsyncGenerator<ServerEvent>) => Promise<unknown>;
  const uses: readonly [name: string, use: Use][] = [
    ["break", async (events) => {
      for await (const _ of events) break;
    }],
    ["throw", async (events) => {
      const thrown = async () => {
        for await (const { data } of events) throw new Error(data);
      };
      await assertRejects(thrown, Error, "a");
    }],
    ["return", async (events) => {
      await events.next();
      await events.return(undefined);
    }],
  ];
  for (const [name, use] of uses) {
    await t.step(name, async () => {
      const { body, write, cancelled } = pipe();
      write(text);
      await use(readEvents(body));
      assertEquals(cancelled.length, 1);
    });
  }
  await t.step("an error of ours", async () => {
    const { body, write, cancelled } = pipe();
    const reading = assertRejects(() => read(body), EventStreamError);
    write("x".repeat(MEBI + 1));
    await reading;
    assertEquals(cancelled.length, 1);
  });
  await t.step("an error of the stream", async () => {
    const { body, fail } = pipe();
    const reading = assertRejects(() => read(body), Error, "reset");
    fail(new Error("reset"));
    await reading;
  });
});

Deno.test("the signal ends the reading without an error", async () => {
  const already = pipe();
  const options = { signal: AbortSignal.abort() };
  assertEquals(await Array.fromAsync(readEvents(already.body, options)), []);
  assertEquals(already.cancelled.length, 1);
  const leave = new AbortController();
  const { body, write, cancelled } = pipe();
  const events = readEvents(body, leave);
  write("data: a\n\n");
  await events.next();
  const next = events.next();
  leave.abort();
  assertEquals(await next, { done: true, value: undefined });
  assertEquals(cancelled.length, 1);
  // The body of an answer to fetch fails with the signal that fetch was given.
  const stop = new AbortController();
  const failing = pipe();
  stop.signal.addEventListener("abort", () => failing.fail(stop.signal.reason));
  const reading = Array.fromAsync(readEvents(failing.body, stop));
  stop.abort();
  assertEquals(await reading, []);
});

Deno.test("with a clock, silence of 45 seconds is the end; a comment breaks it", async () => {
  const clock = new FakeClock();
  const { body, write, cancelled } = pipe();
  const reading = assertRejects(() => Array.fromAsync(readEvents(body, { clock })), TimeoutError);
  for (let round = 0; round < 3; round++) {
    await clock.advance(44_000);
    write(":\n");
  }
  await clock.advance(44_999);
  assertEquals(cancelled.length, 0);
  await clock.advance(1);
  await reading;
  assertEquals([cancelled.length, clock.timers], [1, 0]);
});

const headers = { "content-type": "text/event-stream" };

/** What `open` does, one connection after the other; the last again and again. */
type Script = readonly (() => Response | Promise<Response>)[];

/** Follows a script, and keeps what happens in the order in which it does. */
function follow(script: Script, more: Partial<FollowOptions> = {}) {
  const clock = new FakeClock();
  const start = clock.now();
  const leave = new AbortController();
  const asked: (string | undefined)[] = [];
  const times: number[] = [];
  const pauses: number[] = [];
  const causes: unknown[] = [];
  const events = followEvents({
    clock,
    signal: leave.signal,
    random: () => 0,
    // deno-lint-ignore require-await
    open: async (lastEventId) => {
      asked.push(lastEventId);
      times.push(clock.now() - start);
      return script[Math.min(asked.length, script.length) - 1]();
    },
    lost(error, pause) {
      causes.push(error);
      pauses.push(pause);
    },
    ...more,
  });
  const seen: string[] = [];
  const ids: (string | undefined)[] = [];
  let error: unknown;
  let over = false;
  const done = (async () => {
    try {
      for await (const { id, data } of events) {
        seen.push(data);
        ids.push(id);
      }
    } catch (thrown) {
      error = thrown;
    }
    over = true;
  })();
  return {
    ...{ clock, leave, asked, times, pauses, causes, seen, ids, done },
    over: () => over,
    error: () => error,
  };
}

const stream = (...chunks: string[]) => () => new Response(bodyOf(...chunks), { headers });
const status = (status: number) => () => new Response(status === 204 ? null : "no", { status });
const refused = () => Promise.reject(new Error("connection refused"));

Deno.test("a connection goes on where the one before has stopped", async () => {
  const broken = pipe();
  const story = follow([
    stream("data: a\n\nid: 7\ndata: b\n\n", "id: 8\ndata: half"),
    stream("data: c\n\n"),
    () => new Response(broken.body, { headers }),
    stream("id\ndata: e\n\n"),
    status(204),
  ]);
  await settle();
  await story.clock.advance(3_000);
  broken.write("id: 9\ndata: d\n\n");
  await settle();
  broken.fail(new Error("reset"));
  await story.clock.advance(60_000);
  await story.done;
  assertEquals(story.seen, ["a", "b", "c", "d", "e"]);
  assertEquals(story.ids, [undefined, "7", "7", "9", ""]);
  // Half an event does not count, and has to come again.
  assertEquals(story.asked, [undefined, "7", "7", "9", undefined]);
  assertEquals(story.causes.map((cause) => (cause as Error | undefined)?.message), [
    undefined,
    undefined,
    "reset",
    undefined,
  ]);
  assertEquals([story.error(), story.clock.timers], [undefined, 0]);
});

Deno.test("pauses grow to 30 seconds while nothing comes, and begin anew when something has", async () => {
  for (
    const [random, pauses] of [
      [0, Array(7).fill(1_000)],
      [0.5, [1_500, 2_500, 4_500, 8_500, 15_500, 15_500, 15_500]],
      [1, [2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]],
    ] as const
  ) {
    const script = [...Array(7).fill(refused), stream("data: a\n\n"), refused, refused];
    const story = follow(script, { random: () => random });
    await story.clock.advance(200_000);
    // The connection that has brought an event is the first of a new row.
    assertEquals(story.pauses.slice(0, 10), [...pauses, ...pauses.slice(0, 3)]);
    for (const [index, pause] of story.pauses.slice(0, 9).entries()) {
      assertEquals(story.times[index + 1] - story.times[index], pause);
    }
    story.leave.abort();
    await story.done;
    assertEquals([story.error(), story.clock.timers], [undefined, 0]);
  }
});

Deno.test("the server's own wish is the shortest pause, within reason", async () => {
  for (const [retry, pause] of [["2000", 2_000], ["5", 1_000], ["999999999", 30_000]] as const) {
    const story = follow([stream(`retry: ${retry}\n\n`), stream()]);
    await story.clock.advance(30_000);
    assertEquals(story.pauses[0], pause);
    story.leave.abort();
    await story.done;
  }
});

Deno.test("answers that are worth another attempt, and others", async (t) => {
  const type = (type: string, status = 200) => () =>
    new Response(bodyOf(), { status, headers: { "content-type": type } });
  const rows: readonly [name: string, Script[number], "again" | "end" | string][] = [
    ["500", status(500), "again"],
    ["503", status(503), "again"],
    ["408", status(408), "again"],
    ["429", status(429), "again"],
    ["refused", refused, "again"],
    ["ends at once", stream(), "again"],
    ["with a charset", type("Text/Event-Stream; charset=utf-8"), "again"],
    ["204", status(204), "end"],
    ["400", status(400), "status 400"],
    ["401", status(401), "status 401"],
    ["404", status(404), "status 404"],
    ["201", type("text/event-stream", 201), "status 201"],
    ["HTML", type("text/html"), "type text/html"],
    ["something like it", type("text/event-streams"), "type text/event-streams"],
    ["no body", () => new Response(null, { headers }), "status 200"],
    ["too long", stream("x".repeat(MEBI + 1)), "in one line"],
  ];
  for (const [name, answer, then] of rows) {
    await t.step(name, async () => {
      const story = follow([answer, stream("data: a\n\n"), status(204)]);
      await story.clock.advance(100_000);
      await story.done;
      assertEquals(story.seen, then === "again" ? ["a"] : []);
      assertEquals(story.clock.timers, 0);
      if (then === "again" || then === "end") return assertEquals(story.error(), undefined);
      const error = story.error();
      assert(error instanceof EventStreamError);
      assertStringIncludes(error.message, then);
      if (then.startsWith("status 4")) assertEquals(`status ${error.status}`, then);
    });
  }
});

Deno.test("an answer that is not wanted is not left open", async () => {
  for (const code of [503, 404]) {
    const { body, cancelled } = pipe();
    const story = follow([() => new Response(body, { status: code }), status(204)]);
    await story.clock.advance(5_000);
    await story.done;
    assertEquals(cancelled.length, 1);
  }
});

Deno.test("a server that does not answer, and one that falls silent, are left", async () => {
  const signals: AbortSignal[] = [];
  const silent = pipe();
  const answers = [
    (signal: AbortSignal) =>
      new Promise<Response>((_, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason));
      }),
    () => Promise.resolve(new Response(silent.body, { headers })),
    () => Promise.resolve(new Response(null, { status: 204 })),
  ];
  const story = follow([], {
    open(_, signal) {
      signals.push(signal);
      return answers[signals.length - 1](signal);
    },
  });
  await story.clock.advance(29_999);
  assertEquals(signals.map(({ aborted }) => aborted), [false]);
  await story.clock.advance(1);
  assertEquals(signals.map(({ aborted }) => aborted), [true]);
  await story.clock.advance(1_000 + 45_000);
  assertEquals([signals.map(({ aborted }) => aborted), silent.cancelled.length], [[true, true], 1]);
  await story.clock.advance(1_000);
  await story.done;
  assertEquals(story.causes.map((cause) => cause instanceof TimeoutError), [true, true]);
  assertEquals([story.error(), story.clock.timers], [undefined, 0]);
});

Deno.test("the signal ends it wherever it is, without an error", async (t) => {
  const rows: readonly [name: string, Script[number]][] = [
    ["while it reads", () => new Response(pipe().body, { headers })],
    ["in a pause", refused],
  ];
  for (const [name, answer] of rows) {
    await t.step(name, async () => {
      const story = follow([answer]);
      await settle();
      assertEquals([story.over(), story.clock.timers], [false, 1]);
      const before = story.causes.length;
      story.leave.abort();
      await story.done;
      assertEquals([story.error(), story.clock.timers, story.asked.length], [undefined, 0, 1]);
      assertEquals(story.causes.length, before);
    });
  }
  await t.step("while it waits for an answer", async () => {
    const story = follow([], {
      open: (_, signal) =>
        new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
    });
    await settle();
    story.leave.abort();
    await story.done;
    assertEquals([story.error(), story.clock.timers], [undefined, 0]);
  });
  await t.step("as it tells of a loss", async () => {
    const leave = new AbortController();
    const story = follow([refused], { signal: leave.signal, lost: () => leave.abort() });
    await story.done;
    assertEquals([story.error(), story.clock.timers], [undefined, 0]);
  });
  await t.step("before it begins", async () => {
    const story = follow([stream("data: a\n\n")], { signal: AbortSignal.abort() });
    await story.done;
    assertEquals([story.seen, story.asked, story.error()], [[], [], undefined]);
  });
});

Deno.test("whoever stops following leaves nothing open", async () => {
  const clock = new FakeClock();
  const { body, write, cancelled } = pipe();
  let signal: AbortSignal | undefined;
  write("data: a\n\ndata: b\n\n");
  const events = followEvents({
    clock,
    signal: new AbortController().signal,
    open(_, given) {
      signal = given;
      return Promise.resolve(new Response(body, { headers }));
    },
  });
  for await (const { data } of events) {
    assertEquals(data, "a");
    break;
  }
  assertEquals([cancelled.length, signal?.aborted, clock.timers], [1, true, 0]);
});

Deno.test("many connections leave no listener behind", async () => {
  const leave = new AbortController();
  const { signal } = leave;
  const listeners = new Set<unknown>();
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  Object.assign(signal, {
    addEventListener(type: string, listener: () => void, options?: AddEventListenerOptions) {
      listeners.add(listener);
      add(type, listener, options);
    },
    removeEventListener(type: string, listener: () => void) {
      listeners.delete(listener);
      remove(type, listener);
    },
  });
  const story = follow([refused, stream("data: a\n\n")], { signal });
  await story.clock.advance(20_000);
  assertEquals(story.asked.length, 21);
  // That of the pause.
  assertEquals(listeners.size, 1);
  leave.abort();
  await story.done;
  assertEquals(listeners.size, 0);
});
