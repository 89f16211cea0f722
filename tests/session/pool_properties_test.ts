/**
 * However several clients and the failures of their upstream meet: a connection that has learnt who
 * somebody is serves nobody else, a transaction is one client's from MAIL to its end, and what a client
 * was told of a message is what has become of it.
 */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { random } from "../_chunking.ts";
import { settle } from "../_clock.ts";
import { type Peer, Stage, type StageOptions } from "../_dialogue.ts";

const OFFERS = ["AUTH PLAIN", "CHUNKING"];

const worlds: Readonly<Record<string, StageOptions>> = {
  "nobody is told of": { offers: [...OFFERS, "PIPELINING"], pool: { connections: 2, refusals: 3 } },
  "without PIPELINING": { offers: OFFERS, pool: { connections: 2, messages: 3 } },
  "small messages by BDAT": {
    offers: [...OFFERS, "PIPELINING"],
    upstream: { chunking: "small" },
    pool: { connections: 2 },
    proxy: { eagerMail: false },
  },
  "XFORWARD": {
    offers: [...OFFERS, "PIPELINING", "XFORWARD HELO"],
    upstream: { identify: "xforward", xforward: true },
    pool: { connections: 3, idleTime: 5_000 },
  },
  "XCLIENT": {
    offers: [...OFFERS, "PIPELINING", "XCLIENT HELO"],
    upstream: { identify: "xclient" },
    pool: { connections: 2 },
  },
};

type Fate = "obey" | "refuse" | "close" | "421 and close" | "421";

/** An upstream connection, which fails by chance and watches who speaks on it. */
class Witness {
  /** Messages taken, by the name of their transaction. */
  readonly messages: string[] = [];
  #input = "";
  /** Whose connection it has become, by XCLIENT or by a login. */
  #learnt: string | undefined;
  #login = false;
  /** Whose message is next, by XFORWARD. */
  #forwarded: string | undefined;
  /** Of the last MAIL, whatever the reply to it was. */
  #transaction = "";
  #open = false;
  #recipients = 0;
  #data: string | undefined;
  #chunks = "";

  /** @param lazy Whether the next answer is still to be thought about. */
  constructor(
    readonly peer: Peer,
    readonly stage: Stage,
    readonly fate: () => Fate,
    readonly lazy: () => boolean,
  ) {}

  async step(): Promise<boolean> {
    if (this.peer.closed) return false;
    this.#input += this.peer.take();
    let answered = false;
    for (let answer; this.#answers && (answer = this.#next()) !== undefined;) {
      answered = true;
      if (answer.text !== "") await this.peer.send(answer.text).catch(() => {});
      if (answer.close) this.peer.close();
    }
    return answered;
  }

  get #answers(): boolean {
    return !this.peer.closed && !this.lazy();
  }

  #next(): { readonly text: string; readonly close: boolean } | undefined {
    const taken = this.#data === undefined ? this.#command() : this.#text();
    if (taken === undefined) return undefined;
    const { line, act } = taken;
    if (line === "QUIT") return { text: "221 2.0.0 Bye\r\n", close: true };
    // Whoever does not obey to RSET, or to what is said before a transaction, is out of our story.
    const must = /^(?:RSET|EHLO|XCLIENT|XFORWARD)/.test(line);
    const fate = must ? "obey" : this.fate();
    const reply = act(fate === "obey");
    if (fate === "close") return { text: "", close: true };
    if (fate.startsWith("421")) {
      return { text: "421 4.3.2 Going down\r\n", close: fate === "421 and close" };
    }
    return { text: `${reply}\r\n`, close: false };
  }

  #command(): { line: string; act: (obey: boolean) => string } | undefined {
    const end = this.#input.indexOf("\r\n");
    if (end < 0) return undefined;
    const line = this.#input.slice(0, end);
    const size = Number(/^BDAT ([0-9]+)/.exec(line)?.[1] ?? 0);
    if (this.#input.length < end + 2 + size) return undefined;
    const octets = this.#input.slice(end + 2, end + 2 + size);
    this.#input = this.#input.slice(end + 2 + size);
    return { line, act: (obey) => this.#obey(line, octets, obey) };
  }

  #obey(line: string, octets: string, obey: boolean): string {
    const [verb] = line.split(" ");
    const named = /(?:<|HELO=|EXPN |VRFY )(c[0-9]+)(?:-(t[0-9]+))?/.exec(line);
    const client = named?.[1];
    if (client !== undefined && verb !== "XCLIENT") {
      assertEquals(this.#learnt ?? client, client, `${line} on a connection of somebody else`);
    }
    const name = `${client}-${named?.[2]}`;
    switch (verb) {
      case "XCLIENT":
        assertEquals(this.#learnt, undefined, "two identities");
        this.#learnt = client;
        return "220 upstream.example";
      case "EHLO":
        return ["upstream.example", ...this.stage.upstream.offers!]
          .map((word, nth, all) => `250${nth < all.length - 1 ? "-" : " "}${word}`).join("\r\n");
      case "XFORWARD":
        this.#forwarded = client;
        return "250 2.0.0 Ok";
      case "AUTH": {
        const [, login] = atob(line.split(" ")[2]).split("\0");
        assertEquals(this.#login, false, "a second login");
        assertEquals(this.#learnt ?? login, login, "a login on a connection of somebody else");
        if (!obey) return "535 5.7.8 No";
        this.#login = true;
        this.#learnt = login;
        return "235 2.7.0 Welcome";
      }
      case "MAIL":
        assertEquals(this.#open, false, `${line} within ${this.#transaction}`);
        assertEquals(this.#forwarded ?? client, client, "XFORWARD for somebody else");
        this.#forwarded = undefined;
        this.#transaction = name;
        this.#open = obey;
        this.#recipients = 0;
        return obey ? "250 2.1.0 Ok" : "550 5.7.1 No";
      case "RCPT":
        assertEquals(name, this.#transaction, "a recipient of another transaction");
        if (!this.#open) return "503 5.5.1 Need MAIL";
        if (obey) this.#recipients++;
        return obey ? "250 2.1.5 Ok" : "550 5.1.1 No";
      case "DATA":
        if (!this.#open || this.#recipients === 0) return "554 5.5.1 No valid recipients";
        if (!obey) return "451 4.3.0 Later";
        this.#data = "\r\n";
        return "354 Go on";
      case "BDAT":
        assert(this.#open && this.#recipients > 0, `${line} out of place`);
        if (!obey) return "452 4.3.1 Full";
        this.#chunks += octets;
        return line.endsWith("LAST") ? this.#take(this.#chunks, true) : "250 2.0.0 Ok";
      case "RSET":
        this.#over();
        return "250 2.0.0 Ok";
      default:
        return "252 2.0.0 Perhaps";
    }
  }

  #text(): { line: string; act: (obey: boolean) => string } | undefined {
    this.#data += this.#input;
    this.#input = "";
    const end = this.#data!.indexOf("\r\n.\r\n");
    if (end < 0) return undefined;
    const text = this.#data!.slice(2, end + 2);
    this.#input = this.#data!.slice(end + 5);
    this.#data = undefined;
    return { line: "", act: (obey) => this.#take(text, obey) };
  }

  #take(text: string, obey: boolean): string {
    const transaction = this.#transaction;
    assertEquals(text, `${transaction}\r\n`, "the message of another transaction");
    this.#over();
    if (!obey) return "554 5.6.0 No";
    this.messages.push(transaction);
    return `250 2.0.0 Queued ${transaction}`;
  }

  #over(): void {
    this.#open = false;
    this.#chunks = "";
    this.#transaction = "";
  }
}

/** What a client does, in steps: each is sent when the replies to the one before have come. */
const acts: Readonly<Record<string, (name: string) => readonly string[]>> = {
  "a message": (name) => [
    `MAIL FROM:<${name}@x.example>\r\n`,
    `RCPT TO:<${name}-b@x.example>\r\n`,
    "DATA\r\n",
    `${name}\r\n.\r\n`,
  ],
  "a message in one group": (name) => [
    `MAIL FROM:<${name}@x.example>\r\nRCPT TO:<${name}-b@x.example>\r\n` +
    `RCPT TO:<${name}-c@x.example>\r\nDATA\r\n`,
    `${name}\r\n.\r\n`,
  ],
  "a message in a chunk": (name) => [
    `MAIL FROM:<${name}@x.example>\r\nRCPT TO:<${name}-b@x.example>\r\n`,
    `BDAT ${name.length + 2} LAST\r\n${name}\r\n`,
  ],
  "a message and an envelope in one group": (name) => [
    `MAIL FROM:<${name}@x.example>\r\nRCPT TO:<${name}-b@x.example>\r\n` +
    `BDAT ${name.length + 2} LAST\r\n${name}\r\n` +
    `MAIL FROM:<${name}@x.example>\r\nRCPT TO:<${name}-b@x.example>\r\nRSET\r\n`,
  ],
  "a message in chunks": (name) => [
    `MAIL FROM:<${name}@x.example>\r\nRCPT TO:<${name}-b@x.example>\r\n`,
    `BDAT ${name.length}\r\n${name}`,
    `BDAT 2 LAST\r\n\r\n`,
  ],
  "half a message": (name) => [
    `MAIL FROM:<${name}@x.example>\r\nRCPT TO:<${name}-b@x.example>\r\n`,
    `BDAT ${name.length}\r\n${name}`,
  ],
  "a message without an end": (name) => [
    `MAIL FROM:<${name}@x.example>\r\nRCPT TO:<${name}-b@x.example>\r\n`,
    "DATA\r\n",
    name,
  ],
  "nothing but an envelope": (name) => [
    `MAIL FROM:<${name}@x.example>\r\n`,
    `RCPT TO:<${name}-b@x.example>\r\n`,
    "RSET\r\n",
  ],
  "EHLO in the middle": (name) => [
    `MAIL FROM:<${name}@x.example>\r\nRCPT TO:<${name}-b@x.example>\r\n`,
    `EHLO ${name.split("-")[0]}\r\n`,
  ],
  "a login": (name) => [`AUTH PLAIN ${btoa(`\0${name.split("-")[0]}\0x`)}\r\n`],
  "a question": (name) => [`VRFY ${name.split("-")[0]}\r\n`],
  "QUIT": () => ["QUIT\r\n"],
};

/** A client: when one of its sessions ends it begins another one, as somebody else. */
class Client {
  /** Messages that it was told are taken. */
  readonly queued: string[] = [];
  #peer: Peer | undefined;
  #name = "";
  #transactions = 0;
  #steps: readonly string[] = [];
  /** Replies still to come. */
  #owed = 0;
  #last = "";

  constructor(readonly stage: Stage, readonly newName: () => string) {}

  get peer(): Peer | undefined {
    return this.#peer;
  }

  listen(): void {
    for (const line of this.#peer?.take().match(/[^\n]*\n/g) ?? []) {
      if (line[3] === "-") continue;
      this.#owed--;
      this.#last = line.slice(0, 3);
      const [, queued] = / Queued (\S+)\r\n$/.exec(line) ?? [];
      if (queued === undefined) continue;
      assertEquals(queued, `${this.#name}-t${this.#transactions}`, "somebody else's reply");
      this.queued.push(queued);
    }
  }

  step(act: keyof typeof acts): void {
    if (this.#peer === undefined || this.#peer.ended || this.#peer.closed) {
      this.#name = this.newName();
      this.#peer = this.stage.connect();
      this.#steps = [`EHLO ${this.#name}\r\n`];
      this.#owed = 1;
      this.#transactions = 0;
      return;
    }
    if (this.#owed > 0) return;
    if (this.#steps.length === 0) {
      this.#steps = ["RSET\r\n", ...acts[act](`${this.#name}-t${++this.#transactions}`)];
    }
    const [step, ...steps] = this.#steps;
    this.#steps = steps;
    const text = /^c[0-9]/.test(step);
    // Refused mail data are not sent.
    if (text && this.#last !== "354") return;
    this.#owed = text
      ? (step.endsWith("\r\n.\r\n") ? 1 : 0)
      : step.match(/^(?!c)[A-Z]+ ?/gm)!.length;
    // A server that thinks does not let us read.
    void this.#peer.send(step).catch(() => {});
  }

  vanish(): void {
    this.#peer?.close();
  }
}

interface Event {
  readonly client: number;
  readonly act: keyof typeof acts;
  readonly kind: "step" | "vanish" | "time" | "upstream closes";
}

const event: fc.Arbitrary<Event> = fc.record({
  client: fc.nat(3),
  act: fc.constantFrom(...Object.keys(acts)),
  kind: fc.oneof(
    { weight: 60, arbitrary: fc.constant<Event["kind"]>("step") },
    fc.constantFrom<Event["kind"]>("vanish", "time", "upstream closes"),
  ),
});

async function play(options: StageOptions, events: readonly Event[], seed: number): Promise<void> {
  const proxy = { ...options.proxy, authWithoutTls: true, verify: "upstream" as const };
  const stage = new Stage({ ...options, proxy });
  const next = random(seed);
  const fates: readonly Fate[] = ["refuse", "refuse", "close", "421 and close", "421"];
  const fate = (): Fate => fates[Math.floor(next() * 40)] ?? "obey";
  let laziness = next() * 0.9;
  const lazy = (): boolean => next() < laziness;
  const witnesses: Witness[] = [];
  let names = 0;
  const clients = [0, 1, 2, 3].map(() => new Client(stage, () => `c${++names}`));
  const rest = async (): Promise<void> => {
    for (let idle = 0; idle < 5; idle++) {
      await settle();
      while (stage.upstream.called) {
        witnesses.push(new Witness(await stage.upstream.accept(), stage, fate, lazy));
      }
      for (const witness of witnesses) if (await witness.step()) idle = 0;
    }
    for (const client of clients) client.listen();
  };
  for (const { client, act, kind } of events) {
    if (kind === "step") clients[client].step(act);
    else if (kind === "vanish") clients[client].vanish();
    else if (kind === "upstream closes") witnesses.at(client)?.peer.close();
    else await stage.clock.advance(10_000);
    await rest();
    const pool = stage.proxy.upstreams.get("default")!.pool;
    if (pool !== undefined) assert(pool.open <= options.pool!.connections!, "too many connections");
  }
  for (const client of clients) client.vanish();
  laziness = 0;
  await rest();
  for (let hour = 0; hour < 2; hour++) {
    await stage.clock.advance(3_600_000);
    await rest();
  }
  assertEquals(stage.proxy.sessions, 0);
  const taken = witnesses.flatMap(({ messages }) => messages);
  assertEquals(taken.length, new Set(taken).size, "a message was sent twice");
  for (const queued of clients.flatMap(({ queued }) => queued)) assert(taken.includes(queued));
  assertEquals(stage.troubles.filter((trouble) => !trouble.startsWith("UpstreamFailure")), []);
  for (const { peer } of clients) peer?.take();
  for (const peer of stage.upstream.all) if (peer.closed) peer.take();
  await stage.end();
}

for (const [world, options] of Object.entries(worlds)) {
  Deno.test(`property: connections belong to one transaction at a time, ${world}`, async () => {
    const events = fc.array(event, { minLength: 100, maxLength: 300 });
    await fc.assert(
      fc.asyncProperty(events, fc.nat(), (events, seed) => play(options, events, seed)),
      { numRuns: Number(Deno.env.get("SLUICE_FUZZ_RUNS") ?? "40"), seed: 5321 },
    );
  });
}
