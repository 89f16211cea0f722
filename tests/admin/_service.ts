/**
 * A service with an admin at a port of its own, whose file a test rewrites.
 *
 * @module
 */

import { announcementText } from "../../src/cli/announcement.ts";
import { Service } from "../../src/cli/service.ts";
import { systemClock } from "../../src/clock.ts";
import { loadConfiguration } from "../../src/config/load.ts";
import { MemoryCounters } from "../../src/state/counters.ts";
import { Client } from "../config/_client.ts";
import { guarded } from "../_peer.ts";

/** See the module. */
export class Fixture implements AsyncDisposable {
  readonly said: string[] = [];
  service!: Service;

  constructor(public text: string) {}

  async start(): Promise<this> {
    this.service = await Service.start({
      surroundings: {
        clock: systemClock,
        observers: [],
        counters: {
          live: new MemoryCounters(systemClock),
          shadow: new MemoryCounters(systemClock),
        },
        trouble: (error) => {
          throw error;
        },
      },
      load: () => loadConfiguration("a.toml", () => Promise.resolve(this.text)),
      announce: (what) => this.said.push(announcementText(what)),
    });
    return this;
  }

  reload(text: string): Promise<void> {
    this.text = text;
    return this.service.reload();
  }

  /** The last place at which the admin has said to listen. */
  get admin(): URL {
    const lines = this.said.filter((line) => line.startsWith("listening admin "));
    return new URL(lines.at(-1)!.split(" ")[2]);
  }

  ask(path: string, init?: RequestInit): Promise<Response> {
    return guarded(fetch(new URL(path, this.admin), init), () => path);
  }

  /** Sends octets to the admin and reads to the end of the connection. */
  async raw(...lines: readonly string[]): Promise<string> {
    using conn = await Deno.connect({ hostname: "127.0.0.1", port: Number(this.admin.port) });
    await conn.write(new TextEncoder().encode(lines.map((line) => `${line}\r\n`).join("")));
    const text = new Response(conn.readable).text();
    return await guarded(text, () => `an answer to ${lines[0]}`);
  }

  /** Connects, greets and sends MAIL; the reply to it. */
  async mail(from: string): Promise<string> {
    const client = await Client.connect(this.service.addresses[0]);
    await client.reply();
    await client.say("HELO client.example");
    const reply = await client.say(`MAIL FROM:<${from}>`);
    await client.close();
    return reply;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.service.close(0);
  }
}
