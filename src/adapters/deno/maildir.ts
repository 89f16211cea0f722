/**
 * Captured messages as a Maildir on disk.
 *
 * @module
 */

import {
  type CapturedEnvelope,
  deliveryFields,
  type MessageStore,
  type MessageWriter,
} from "../../upstream/capture.ts";

/**
 * Writes each message to `tmp` and moves it to `new` when it is whole, as maildir(5) asks: whoever
 * looks into `new` never sees half a message.
 *
 * The message stands there octet for octet, CRLF as line end, below the fields that final delivery
 * puts on top (`Return-Path`, `Delivered-To`).
 */
export class MaildirStore implements MessageStore {
  readonly #prefix = `${crypto.randomUUID().slice(0, 8)}`;
  #count = 0;

  private constructor(readonly directory: string) {}

  /** @throws {Deno.errors} If the directories cannot be made. */
  static async open(directory: string): Promise<MaildirStore> {
    for (const name of ["tmp", "new", "cur"]) {
      await Deno.mkdir(`${directory}/${name}`, { recursive: true });
    }
    return new MaildirStore(directory);
  }

  async open(envelope: CapturedEnvelope): Promise<MessageWriter> {
    const name = `${Math.trunc(Date.now() / 1000)}.${this.#prefix}_${this.#count++}.sluice`;
    const path = `${this.directory}/tmp/${name}`;
    const file = await Deno.open(path, { createNew: true, write: true });
    const write = async (octets: Uint8Array): Promise<void> => {
      for (let at = 0; at < octets.length;) at += await file.write(octets.subarray(at));
    };
    const discard = async (): Promise<void> => {
      file.close();
      await Deno.remove(path).catch(() => {});
    };
    try {
      await write(deliveryFields(envelope));
    } catch (error) {
      await discard();
      throw error;
    }
    return {
      write,
      discard,
      commit: async () => {
        try {
          await file.sync().finally(() => file.close());
          await Deno.rename(path, `${this.directory}/new/${name}`);
        } catch (error) {
          await Deno.remove(path).catch(() => {});
          throw error;
        }
        return name;
      },
    };
  }
}
