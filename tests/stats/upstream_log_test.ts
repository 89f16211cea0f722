import { assertEquals } from "@std/assert";
import { Extensions } from "../../src/rfc5321/extension.ts";
import { Reply } from "../../src/rfc5321/reply.ts";
import { type Upstream, UpstreamFailure } from "../../src/session/upstream.ts";
import { UpstreamLog } from "../../src/stats/upstream_log.ts";
import type { UpstreamView } from "../../src/stats/views.ts";
import { FakeClock } from "../_clock.ts";
import { session } from "./_facts.ts";

const upstream: Upstream = {
  name: "smtp://mx.example:25",
  offer: () => Promise.reject(new Error("not asked")),
  connect: () => Promise.reject(new Error("not asked")),
  close: () => Promise.resolve(),
};
const upstreams = new Map([["default", upstream]]);
const offers = new Map([["default", ["SIZE 5"]]]);

function begin() {
  const clock = new FakeClock();
  const connections = new Map<string, () => number>();
  const log = new UpstreamLog(clock, (name, read) => void connections.set(name, read));
  const open = (id: string, took: number = 1, reused: boolean = false) =>
    log.upstreamOpened(session(id), "default", {
      took,
      reused,
      extensions: Extensions.none,
    });
  const view = (known: ReadonlyMap<string, readonly string[]> = offers): UpstreamView =>
    log.of(upstreams, known)[0];
  return { clock, connections, log, open, view };
}

const lost = new UpstreamFailure("lost", "Gone");
const calledOff = new UpstreamFailure("aborted", "The session has ended");

Deno.test("health: whether it can be asked, and how old the answer may be", async () => {
  type Step = (on: ReturnType<typeof begin>) => void;
  const open: Step = ({ open }) => open("s");
  const reuse: Step = ({ open }) => open("s", 1, true);
  const close: Step = ({ log }) => log.upstreamClosed(session(), "default");
  const fail: Step = ({ log }) => log.upstreamFailed(session(), "default", lost);
  const leave: Step = ({ log }) => log.upstreamFailed(session(), "default", calledOff);
  const silent: Step = ({ log }) =>
    log.upstreamReply(session(), "default", { verb: "MAIL", at: 0, took: 1 });
  const rows: readonly [steps: readonly Step[], maxAge: number, failed: number][] = [
    [[], 10_000, 0],
    [[open, close], 10_000, 0],
    // What was known before the failure is worth nothing.
    [[fail], 7, 1],
    [[open, close, fail], 7, 1],
    [[fail, fail, open], 10_000, 2],
    [[fail, reuse], 10_000, 1],
    // The client has gone: that says nothing about the upstream.
    [[open, leave], 10_000, 0],
    [[fail, leave], 7, 1],
    // A reply that does not come may be the fault of this one connection.
    [[open, silent], 10_000, 0],
  ];
  for (const [nth, [steps, maxAge, failed]] of rows.entries()) {
    const on = begin();
    for (const step of steps) step(on);
    await on.clock.advance(7);
    assertEquals(on.log.maxAge("default", 10_000), maxAge, `row ${nth}`);
    const view = on.view();
    assertEquals([view.health, view.failed], ["up", failed], `row ${nth}`);
    assertEquals([view.offers, view.url], [["SIZE 5"], "smtp://mx.example:25"]);
    const unasked = on.view(new Map());
    assertEquals([unasked.health, "offers" in unasked], ["down", false], `row ${nth}`);
  }
});

Deno.test("the last error, and when", async () => {
  const { clock, log, view } = begin();
  assertEquals("lastError" in view(), false);
  log.upstreamFailed(session(), "default", lost);
  const at = clock.now();
  assertEquals(view().lastError, { at, text: "Gone" });
  await clock.advance(5);
  log.upstreamReply(session(), "default", { verb: "message", at: 0, took: 1 });
  assertEquals(view().lastError, { at: at + 5, text: "No reply to message" });
  log.upstreamFailed(session(), "default", "no Error");
  assertEquals(view().lastError!.text, "no Error");
});

Deno.test("connections: those that are open, also where some were open before anybody counted", () => {
  const { connections, log, open, view } = begin();
  log.upstreamClosed(session("early"), "default");
  open("a");
  open("b");
  log.upstreamClosed(session("early"), "default");
  assertEquals([view().connections, view().connected], [2, 2]);
  log.upstreamClosed(session("a"), "default");
  log.upstreamClosed(session("a"), "default");
  assertEquals([view().connections, connections.get("default")!()], [1, 1]);
});

Deno.test("a connection that was open already is one of those in use, and no new one", () => {
  const { open, view } = begin();
  open("a", 100);
  open("b", 1, true);
  const { connections, connected, connecting } = view();
  assertEquals([connections, connected, connecting.count], [2, 1, 1]);
});

Deno.test("latencies: of connecting, and of replies to messages", () => {
  const { log, open, view } = begin();
  open("a", 100);
  log.upstreamReply(session(), "default", {
    verb: "MAIL",
    at: 0,
    took: 5,
    reply: Reply.parse("250 Ok"),
  });
  log.upstreamReply(session(), "default", {
    verb: "message",
    at: 0,
    took: 50,
    reply: Reply.parse("250 Ok"),
  });
  log.upstreamReply(session(), "default", { verb: "message", at: 0, took: 9_000 });
  const { connecting, answering } = view();
  assertEquals([connecting.count, answering.count], [1, 1]);
  assertEquals(Math.abs(answering.p50 - 50) < 3 && Math.abs(connecting.p99 - 100) < 6, true);
});

Deno.test("a policy that makes up names: the first 1,000 are remembered", () => {
  const { connections, log } = begin();
  for (let n = 0; n < 2_000; n++) log.upstreamFailed(session(), `upstream ${n}`, lost);
  assertEquals(connections.size, 1_000);
});
