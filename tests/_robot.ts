/** An upstream that takes everything, and remembers all of it. */

import type { Peer, Stage } from "./_dialogue.ts";
import { settle } from "./_clock.ts";

/** Says 250 to commands and messages; plays one connection behind its EHLO. */
export class Robot {
  /** Command lines, without CRLF. */
  readonly commands: string[] = [];
  /** Complete messages, dots unstuffed. */
  readonly messages: string[] = [];
  #input = "";
  #data: string | undefined;
  #chunks = "";

  constructor(readonly peer: Peer) {}

  /** What has come of a message that is not complete. */
  get unfinished(): string {
    return this.#data ?? this.#chunks;
  }

  /** Answers what has come; whether there was anything. */
  async step(): Promise<boolean> {
    if (this.peer.closed) return false;
    this.#input += this.peer.take();
    let answers = "";
    for (let answer; (answer = this.#next()) !== undefined;) answers += answer;
    if (answers === "") return false;
    await this.peer.send(answers).catch(() => {});
    if (answers.includes("221 ")) this.peer.close();
    return true;
  }

  #next(): string | undefined {
    return this.#data === undefined ? this.#command() : this.#mailData();
  }

  #command(): string | undefined {
    const end = this.#input.indexOf("\r\n");
    if (end < 0) return undefined;
    const line = this.#input.slice(0, end);
    const chunk = /^BDAT ([0-9]+)( LAST)?$/.exec(line);
    const size = Number(chunk?.[1] ?? 0);
    if (this.#input.length < end + 2 + size) return undefined;
    this.commands.push(line);
    const octets = this.#input.slice(end + 2, end + 2 + size);
    this.#input = this.#input.slice(end + 2 + size);
    if (line === "QUIT") return "221 2.0.0 Bye\r\n";
    if (line === "DATA") {
      this.#data = "\r\n";
      return "354 Go on\r\n";
    }
    if (line === "RSET") this.#chunks = "";
    if (chunk === null) return "250 2.0.0 Ok\r\n";
    this.#chunks += octets;
    if (chunk[2] === undefined) return "250 2.0.0 Ok\r\n";
    this.messages.push(this.#chunks);
    this.#chunks = "";
    return "250 2.0.0 Queued\r\n";
  }

  #mailData(): string | undefined {
    // The line before the first one has ended too.
    this.#data += this.#input;
    this.#input = "";
    const end = this.#data!.indexOf("\r\n.\r\n");
    if (end < 0) return undefined;
    this.#input = this.#data!.slice(end + 5);
    this.messages.push(this.#data!.slice(2, end + 2).replace(/(?<=^|\r\n)\./g, ""));
    this.#data = undefined;
    return "250 2.0.0 Queued\r\n";
  }
}

/** Robots for all upstream connections of a stage. */
export class Robots {
  readonly all: Robot[] = [];

  constructor(readonly stage: Stage) {}

  /** All that the upstream has taken. */
  get messages(): string[] {
    return this.all.flatMap((robot) => robot.messages);
  }

  get commands(): string[] {
    return this.all.flatMap((robot) => robot.commands);
  }

  /** Lets everything happen that needs no more octets and no more time. */
  async rest(): Promise<void> {
    for (let idle = 0; idle < 6; idle++) {
      await settle();
      for (const upstream of [this.stage.upstream, ...Object.values(this.stage.others)]) {
        while (upstream.called) this.all.push(new Robot(await upstream.accept()));
      }
      for (const robot of this.all) if (await robot.step()) idle = 0;
    }
  }
}
