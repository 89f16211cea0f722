import { assert, assertEquals, assertLess } from "@std/assert";
import { rest } from "../_dialogue.ts";
import {
  codeOf,
  letGo,
  read,
  say,
  sendMail,
  sorting,
  type Told,
  Viewer,
  watched,
} from "./_admin.ts";

const STREAMS = ["/api/stats/stream", "/api/transactions/stream"];

Deno.test("HEAD: says what GET would begin with, and nobody watches", async () => {
  await watched({}, async ({ stage, ask }) => {
    const client = await stage.ready();
    const { sessions: [{ id }] } = await read(await ask("/api/sessions"));
    const { timers } = stage.clock;
    for (const path of [...STREAMS, `/api/sessions/${id}/stream`]) {
      const head = await ask(path, { method: "HEAD" });
      assertEquals([head.status, await head.text()], [200, ""], path);
      const viewer = new Viewer(await ask(path));
      assertEquals(head.headers.get("content-type"), viewer.response.headers.get("content-type"));
      await viewer.leave();
      const { viewers } = await read(await ask("/api/stats"));
      assertEquals([viewers, stage.clock.timers], [{ open: 0, dropped: 0 }, timers], path);
    }
    const missing = await ask("/api/sessions/x/stream", { method: "HEAD" });
    assertEquals(missing.status, 404);
    await say(client, ["QUIT", "221 2.0.0 Closing"]);
  });
});

Deno.test("too many viewers: 503 for the next, whatever it wants to watch", async () => {
  await watched({ admin: { viewers: 2 } }, async ({ ask }) => {
    const viewers = [new Viewer(await ask(STREAMS[0])), new Viewer(await ask(STREAMS[1]))];
    for (const path of STREAMS) {
      const refused = await ask(path);
      assertEquals([refused.status, await codeOf(refused)], [503, "too-many-viewers"], path);
      assertEquals((await ask(path, { method: "HEAD" })).status, 200);
    }
    await viewers[0].leave();
    const next = new Viewer(await ask(STREAMS[1]));
    for (const viewer of [viewers[1], next]) await viewer.leave();
  });
});

Deno.test("stats: at once and every second, made once for all who watch", async () => {
  await watched({}, async ({ stage, stats, ask }) => {
    let made = 0;
    const view = stats.view.bind(stats);
    stats.view = (rest) => (made++, view(rest));
    const viewers: Viewer[] = [];
    for (let nth = 0; nth < 10; nth++) {
      const viewer = new Viewer(await ask("/api/stats/stream"));
      const first = await viewer.next();
      assertEquals([first?.event, first?.data.sessions.open], ["stats", 0]);
      viewers.push(viewer);
      await stage.clock.advance(90);
    }
    const client = await stage.ready();
    for (let second = 1; second <= 3; second++) {
      made = 0;
      await stage.clock.advance(1_000);
      assertLess(made, 3);
      const told = await Promise.all(viewers.map((viewer) => viewer.next()));
      const [first] = told as Told[];
      assertEquals(told, viewers.map(() => first));
      assertEquals([first.event, first.data.sessions.open], ["stats", 1]);
      assertEquals(first.data.viewers, { open: 10, dropped: 0 });
    }
    for (const viewer of viewers) await viewer.leave();
    await say(client, ["QUIT", "221 2.0.0 Closing"]);
  });
});

/** Numbers of the transactions of a batch, and how many there were besides. */
const batch = (told: Told | undefined) => [
  told?.data.transactions.map(({ number }: { number: number }) => number),
  told?.data.skipped,
];

Deno.test("transactions: from now on, those that a filter lets through", async () => {
  await watched({ proxy: { policy: sorting } }, async ({ stage, ask }) => {
    await sendMail(stage);
    const filters = {
      "": [7, 8, 9, 10, 11, 12, 13, 14],
      "?outcome=accepted": [8],
      "?outcome=rejected&reply=banned": [11],
      "?rule=sorting": [14, 13, 12, 11].toSorted(),
      "?client=198.51.100.1": [],
      "?address=B%40UPSTREAM": [8, 9, 10, 13, 14],
    };
    const viewers = await Promise.all(
      Object.keys(filters).map(async (filter) =>
        new Viewer(await ask(`/api/transactions/stream${filter}`))
      ),
    );
    const before = (await read(await ask("/api/transactions"))).transactions[0].number;
    for (const viewer of viewers) {
      const first = await viewer.next();
      assertEquals([first?.id, batch(first)], [String(before), [[], 0]]);
    }
    await sendMail(stage);
    await stage.clock.advance(500);
    for (const [nth, [filter, numbers]] of Object.entries(filters).entries()) {
      const { transactions } = await read(await ask(`/api/transactions${filter}`));
      const expected = transactions.map(({ number }: { number: number }) => number)
        .filter((number: number) => number > before);
      if (numbers.length === 0) assertEquals(expected, []);
      else assertEquals(batch(await viewers[nth].next()), [expected, 0], filter);
      await viewers[nth].leave();
    }
  });
});

Deno.test("transactions: a viewer that comes again goes on where it was", async () => {
  await watched({ stats: { transactions: 30, perSecond: Infinity } }, async ({ stage, ask }) => {
    const many = async (count: number): Promise<void> => {
      const client = await stage.ready();
      for (let nth = 0; nth < count; nth++) {
        // A size that nobody takes.
        await say(client, [`MAIL FROM:<a${nth}@client.example> SIZE=99999999`, "552 *"]);
        if (nth % 2 === 1) await say(client, ["RSET", "250 *"]);
      }
      await say(client, ["QUIT", "221 2.0.0 Closing"]);
    };
    const path = "/api/transactions/stream";
    const since = async (id: string | undefined): Promise<Told | undefined> => {
      const headers = id === undefined ? undefined : { "last-event-id": id };
      const viewer = new Viewer(await ask(path, { headers }));
      const told = await viewer.next();
      await viewer.leave();
      return told;
    };
    const downFrom = (last: number, count: number) =>
      Array.from({ length: count }, (_, nth) => last - nth);
    const joined = await since(undefined);
    assertEquals([joined?.id, batch(joined)], ["0", [[], 0]]);
    await many(3);
    const missed = await since(joined?.id);
    assertEquals([missed?.id, batch(missed)], ["3", [[3, 2, 1], 0]]);
    await many(22);
    const more = await since(missed?.id);
    assertEquals([more?.id, batch(more)], ["25", [downFrom(25, 20), 2]]);
    await many(20);
    // The first 15 have left the ring.
    const [numbers, skipped] = batch(await since("3"));
    assertEquals([numbers, skipped], [downFrom(45, 20), 22]);
    // A number that is still to come is of another process: all that this one has is new to it.
    assertEquals(batch(await since("46")), [downFrom(45, 20), 25]);
    for (const id of ["999999999999999", "46"]) assertEquals((await since(id))?.id, "45", id);
    // What is no number of ours is none.
    for (const id of ["x", "-1", "1.5", "1e3", "1".repeat(16)]) {
      assertEquals(batch(await since(id)), [[], 0], id);
    }
  });
});

Deno.test("dialogue: as it is said, and to its last line", async () => {
  await watched({}, async ({ stage, ask }) => {
    const client = await stage.ready();
    const { sessions: [{ id }] } = await read(await ask("/api/sessions"));
    const path = `/api/sessions/${id}/stream`;
    const viewer = new Viewer(await ask(path));
    const texts = (told: Told | undefined) =>
      told?.data.lines.map(({ text }: { text: string }) => text.split("\n")[0]);
    const first = await viewer.next();
    assertEquals(first?.event, "dialogue");
    assertEquals(texts(first).slice(0, 2), ["220 proxy.example ESMTP", "EHLO client.example"]);
    assertEquals(first?.data.ended, false);
    await say(client, ["NOOP", "250 *"]);
    await stage.clock.advance(250);
    const second = await viewer.next();
    assertEquals(texts(second), ["NOOP", "250 2.0.0 Ok"]);
    const again = new Viewer(await ask(path, { headers: { "last-event-id": first!.id! } }));
    assertEquals(await again.next(), second);
    await again.leave();
    await say(client, ["QUIT", "221 2.0.0 Closing"]);
    client.close();
    await letGo(stage);
    await stage.clock.advance(250);
    const last = await viewer.next();
    assertEquals([texts(last), last?.data.ended], [["QUIT", "221 2.0.0 Closing"], true]);
    assertEquals(await viewer.next(), undefined);
    assertEquals(stage.clock.timers, 0);
  });
});

Deno.test("a viewer that does not read is dropped and counted, also by the metrics", async () => {
  await watched({}, async ({ stage, ask }) => {
    const stalled = await ask("/api/stats/stream");
    await stage.clock.advance(40_000);
    const { viewers } = await read(await ask("/api/stats"));
    assertEquals(viewers, { open: 0, dropped: 1 });
    for (let scrape = 0; scrape < 2; scrape++) {
      const metrics = await (await ask("/metrics")).text();
      assert(metrics.includes("\nsluice_admin_viewers_dropped_total 1\n"), metrics);
      assert(metrics.includes("\nsluice_admin_viewers 0\n"));
    }
    await stalled.body?.cancel().catch(() => {});
    await rest();
  });
});
