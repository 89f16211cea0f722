/**
 * An admin over a proxy whose mail a test plays.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { type Admin, adminOf } from "../../src/admin/admin.ts";
import { readEvents } from "../../src/admin/event_reader.ts";
import type { AdminOptions } from "../../src/admin/options.ts";
import type { ChannelListener } from "../../src/channel.ts";
import { Stats, type StatsOptions } from "../../src/stats/stats.ts";
import { defer, definePolicy, discard, type Policy, reject } from "../../src/policy/mod.ts";
import { leave, type Peer, rest, Stage, type StageOptions } from "../_dialogue.ts";
import { guarded } from "../_peer.ts";
import { type Description, operationsOf } from "./_openapi.ts";

/** As the admin is addressed. */
export const ORIGIN = "http://localhost:8025";

/** What a request to change something has to say. */
export const JSON_TYPE = { "content-type": "application/json" };

/** A stage with an admin. */
export interface Watched {
  readonly stage: Stage;
  readonly stats: Stats;
  readonly admin: Admin;
  readonly ask: Ask;
}

/** Sends a request to an admin. */
export type Ask = (path: string, init?: RequestInit) => Promise<Response>;

/** What is set up. */
export interface WatchOptions extends StageOptions {
  readonly admin?: AdminOptions;
  readonly stats?: StatsOptions;
}

/** Runs a test on a stage that an admin watches, and makes sure that nothing is left of them. */
export async function watched(
  options: WatchOptions,
  play: (watched: Watched) => Promise<void>,
): Promise<void> {
  const stage = new Stage({ offers: [], ...options });
  const stats = new Stats({ clock: stage.clock, ...options.stats });
  const observing = stage.proxy.observe(stats.observer);
  const admin = adminOf(stage.proxy, stats, options.admin ?? {});
  await play({ stage, stats, admin, ask: asking(admin) });
  admin.close();
  await stage.end();
  observing[Symbol.dispose]();
}

/** Sends requests to an admin as a server would. */
export function asking({ fetch }: Pick<Admin, "fetch">): Ask {
  return async (path, init) => {
    const answer = Promise.resolve(fetch(new Request(ORIGIN + path, init)));
    return await guarded(answer, () => `${init?.method ?? "GET"} ${path}`);
  };
}

/** Sends a body as JSON. */
export function post(body: unknown, headers: Readonly<Record<string, string>> = {}): RequestInit {
  return { method: "POST", headers: { ...JSON_TYPE, ...headers }, body: JSON.stringify(body) };
}

/** Reads the body of an answer that must have this status. */
// deno-lint-ignore no-explicit-any
export async function read(response: Response, status = 200): Promise<any> {
  const text = await response.text();
  assertEquals(response.status, status, text);
  return JSON.parse(text);
}

/** The code of an error, which must have the one form. */
export async function codeOf(response: Response): Promise<string> {
  assertEquals(response.headers.get("content-type"), "application/json");
  const { error: { code, message, mistakes }, ...rest } = await response.json();
  assertEquals(rest, {});
  assertEquals([typeof code, typeof message], ["string", "string"]);
  assertEquals(mistakes === undefined || Array.isArray(mistakes), true);
  return code;
}

/** One event of a stream. */
export interface Told {
  readonly id?: string;
  readonly event: string;
  // deno-lint-ignore no-explicit-any
  readonly data: any;
}

/** A live stream that is being read. */
export class Viewer {
  readonly #events: ReturnType<typeof readEvents>;

  constructor(readonly response: Response) {
    assertEquals(response.status, 200);
    assertEquals(response.headers.get("content-type"), "text/event-stream");
    this.#events = readEvents(response.body!);
  }

  /** The next event; `undefined` at the end. */
  async next(): Promise<Told | undefined> {
    const { value } = await guarded(this.#events.next(), () => "an event");
    return value === undefined ? undefined : { ...value, data: JSON.parse(value.data) };
  }

  async leave(): Promise<void> {
    // What has not been read yet has nobody to let go of it.
    if (!this.response.body!.locked) await this.response.body!.cancel();
    await this.#events.return(undefined);
  }
}

/** A listener to which nobody connects. */
export function idleListener(): ChannelListener {
  const { promise, resolve } = Promise.withResolvers<void>();
  const next = async (): Promise<IteratorReturnResult<undefined>> => {
    await promise;
    return { done: true, value: undefined };
  };
  return {
    address: { transport: "memory", name: "idle" },
    close: resolve,
    [Symbol.asyncIterator]: () => ({ next }),
  };
}

/** The description that an admin gives of itself. */
export async function descriptionOf(ask: Ask): Promise<Description> {
  return await read(await ask("/openapi.json"));
}

/** Every GET of a description that is no stream, with `id` in the place of ids. */
export function readable(
  description: Description,
  ids: Readonly<Record<string, string>> = {},
): string[] {
  return [...operationsOf(description)].flatMap(([name, { responses }]) => {
    const [method, path] = name.split(" ");
    if (method !== "GET" || "text/event-stream" in responses[200].content) return [];
    return path.includes("{id}")
      ? Object.entries(ids).flatMap(([where, id]) =>
        path.startsWith(where) ? [path.replace("{id}", id)] : []
      )
      : [path];
  });
}

/** Sends mail whose end the upstream decides, by its reply to the message. */
export async function send(stage: Stage, reply: string): Promise<void> {
  const { client, upstream } = await stage.data();
  await client.send("Subject: Hi\r\n\r\nHello\r\n.\r\n");
  await upstream.through("\r\n.\r\n");
  await upstream.send(`${reply}\r\n`);
  await client.expect(reply);
  await client.send("QUIT\r\n");
  await client.expect("221 2.0.0 Closing");
}

/** Decides by the local-part of the sender, or of the recipient. */
export const sorting: Policy = definePolicy({
  name: "sorting",
  mail: ({ reversePath: { localPart } }) => {
    if (localPart === "banned") return reject("550 5.7.1 Banned");
    if (localPart === "early") return defer("451 4.7.1 Too early");
    return localPart === "nobody" ? discard() : undefined;
  },
  rcpt: ({ forwardPath: { localPart } }) =>
    localPart === "absent" ? reject("550 5.1.1 Absent") : undefined,
});

/** Says commands, each of which must be answered so. */
export async function say(client: Peer, ...lines: readonly [line: string, reply: string][]) {
  for (const [line, reply] of lines) {
    await client.send(`${line}\r\n`);
    await client.expect(reply);
  }
}

/** A mail transaction for each way in which one can end; the policy has to be {@linkcode sorting}. */
export async function sendMail(stage: Stage): Promise<void> {
  await send(stage, "250 2.0.0 Ok");
  await send(stage, "554 5.7.1 No");
  await send(stage, "451 4.3.0 Later");
  const client = await stage.ready();
  await say(
    client,
    ["MAIL FROM:<banned@client.example>", "550 5.7.1 Banned"],
    ["MAIL FROM:<early@client.example>", "451 4.7.1 Too early"],
    ["MAIL FROM:<nobody@client.example>", "250 *"],
    ["RCPT TO:<b@upstream.example>", "250 *"],
    ["DATA", "354 *"],
    ["Hello\r\n.", "250 *"],
  );
  client.reset();
  const { client: other, upstream } = await stage.recipients();
  await say(other, ["RCPT TO:<absent@upstream.example>", "550 5.1.1 Absent"]);
  await other.send("RSET\r\n");
  await upstream.expect("RSET");
  await upstream.send("250 2.0.0 Ok\r\n");
  await other.expect("250 2.0.0 Reset");
  other.reset();
  const { client: third } = await stage.recipients();
  third.reset();
  await letGo(stage);
}

/** Plays the upstream's part of ends that are under way. */
export async function letGo({ upstream: { all } }: Stage): Promise<void> {
  await rest();
  for (const peer of all) if (peer.unread === "QUIT\r\n" && !peer.closed) await leave(peer);
  await rest();
}
