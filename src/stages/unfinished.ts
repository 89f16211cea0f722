/**
 * What a stage says when its input ends before its message does.
 *
 * @module
 */

/**
 * The client has gone in the middle of a message. Thrown by `flush`, so that in a chain of streams
 * nothing behind it takes the end of the connection for the end of the mail data.
 *
 * @example A client that dies in mid-data
 * ```ts
 * import { assertRejects } from "@std/assert";
 * import { DotUnstuffer, toTransformStream, UnfinishedDataFault } from "@sluice/sluice/stages";
 *
 * const halfAMessage = new Blob(["Subject: Hi\r\n\r\nHel"]).stream();
 * const events = halfAMessage.pipeThrough(toTransformStream(new DotUnstuffer()));
 * await assertRejects(() => Array.fromAsync(events), UnfinishedDataFault);
 * ```
 */
export class UnfinishedDataFault extends Error {
  /** Tells it apart in logs, and where two copies of a module make `instanceof` fail. */
  override readonly name = "UnfinishedDataFault";
}
