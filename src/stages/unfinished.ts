/**
 * What a stage says when its input ends before its message does.
 *
 * @module
 */

/**
 * The client has gone in the middle of a message. Thrown by `flush`, so that in a chain of streams
 * nothing behind it takes the end of the connection for the end of the mail data.
 */
export class UnfinishedDataFault extends Error {
  override readonly name = "UnfinishedDataFault";
}
