/** A client at a proxy with a policy, and an upstream that takes everything. */

import type { Policy } from "../../src/policy/policy.ts";
import { onStage, type Peer, type Stage, type StageOptions } from "../_dialogue.ts";
import { Robots } from "../_robot.ts";

/** See the module. */
export class Play {
  readonly robots: Robots;

  constructor(readonly stage: Stage, readonly client: Peer) {
    this.robots = new Robots(stage);
  }

  /** Says one line or a group, lets everything come to rest, and expects these lines. */
  async say(octets: string, ...expected: string[]): Promise<void> {
    await this.client.send(`${octets}\r\n`);
    await this.robots.rest();
    await this.client.expect(...expected);
  }

  /** What the upstream has been told. */
  get upstream(): string[] {
    return this.robots.commands;
  }

  /** The messages that it has taken. */
  get messages(): string[] {
    return this.robots.messages;
  }
}

/** Plays a client that has said EHLO. */
export async function withPolicy(
  policy: Policy,
  play: (play: Play) => Promise<void>,
  { proxy, ...options }: StageOptions = {},
): Promise<void> {
  const offers = ["PIPELINING", "CHUNKING", "SMTPUTF8", "8BITMIME"];
  await onStage({ offers, ...options, proxy: { ...proxy, policy } }, async (stage) => {
    const it = new Play(stage, await stage.ready());
    await play(it);
    it.client.close();
    await it.robots.rest();
  });
}
