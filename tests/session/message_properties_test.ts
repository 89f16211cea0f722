import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { CaptureUpstream, MemoryStore } from "../../src/upstream/capture.ts";
import { text } from "../_chunking.ts";
import { type Peer, Stage, type StageOptions } from "../_dialogue.ts";
import { Robots } from "../_robot.ts";

/** Messages without bare newlines, rich in dots and line ends. */
const content = fc.array(
  fc.constantFrom("\r\n", "\r\n.", ".", "..", "a", " ", "Subject: x\r\n", "\xff\x80", "\r\n\r\n"),
  { maxLength: 30 },
).map((parts) => parts.join(""));
const cuts = fc.array(fc.nat(60), { maxLength: 5 });

function pieces(octets: string, at: readonly number[]): string[] {
  const places = [0, ...at.filter((place) => place < octets.length), octets.length]
    .sort((one, other) => one - other);
  return places.slice(1).map((place, index) => octets.slice(places[index], place));
}

/** How a client sends its message: what it says, in pieces. */
const clients: Readonly<Record<string, (content: string, at: readonly number[]) => string[]>> = {
  DATA: (content, at) => {
    const stuffed = content.replace(/(?<=^|\r\n)\./g, "..");
    return ["DATA\r\n", ...pieces(`${stuffed}.\r\n`, at)];
  },
  BDAT: (content, at) => {
    const chunks = pieces(content, at);
    return chunks.map((chunk, nth) =>
      `BDAT ${chunk.length}${nth === chunks.length - 1 ? " LAST" : ""}\r\n${chunk}`
    );
  },
};

const store = new MemoryStore(1);
const upstreams: Readonly<Record<string, StageOptions>> = {
  "DATA": { offers: ["PIPELINING"] },
  "BDAT": { offers: ["PIPELINING", "CHUNKING"], upstream: { chunking: "always", chunkSize: 16 } },
  "BDAT without PIPELINING": { offers: ["CHUNKING"], upstream: { chunkSize: 16 } },
  "BDAT where it is small": {
    offers: ["PIPELINING", "CHUNKING"],
    upstream: { chunking: "small", chunkSize: 24 },
    proxy: { eagerMail: false },
  },
  "capture": { offers: [], proxy: { upstream: new CaptureUpstream("capture:", store) } },
};

async function relay(stage: Stage, robots: Robots, said: readonly string[]): Promise<Peer> {
  const client = stage.connect();
  const opening = ["EHLO x\r\n", "MAIL FROM:<a@b.example>\r\n", "RCPT TO:<c@d.example>\r\n"];
  for (const octets of [...opening, ...said]) {
    await client.send(octets);
    await robots.rest();
  }
  return client;
}

for (const [from, say] of Object.entries(clients)) {
  for (const [to, options] of Object.entries(upstreams)) {
    Deno.test(`property: octets are the same, ${from} to ${to}`, async () => {
      const stage = new Stage(options);
      const robots = new Robots(stage);
      await fc.assert(
        fc.asyncProperty(content, cuts, async (octets, at) => {
          // DATA carries whole lines only.
          const whole = octets === "" || octets.endsWith("\r\n");
          const message = from === "DATA" && !whole ? `${octets}\r\n` : octets;
          const client = await relay(stage, robots, say(message, at));
          const taken = to === "capture"
            ? text(store.messages.at(-1)!.content)
            : robots.messages.at(-1);
          const completed = to === "DATA" && !whole && from === "BDAT" ? `${message}\r\n` : message;
          assertEquals(taken, completed);
          await client.send("QUIT\r\n");
          await robots.rest();
          assertEquals(client.take().split("\r\n").at(-2), "221 2.0.0 Closing");
          client.close();
          await robots.rest();
        }),
        { numRuns: 150, seed: 5321 },
      );
      await stage.end();
    });
  }
}
