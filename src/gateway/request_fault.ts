/**
 * Why a request is refused before any mail transaction.
 *
 * @module
 */

/** What is wrong with a request, for `refuse`. */
export class RequestFault extends Error {
  /** Tells it apart in logs. */
  override readonly name = "RequestFault";

  /**
   * Is thrown while a request is read.
   *
   * @param code For programs, and never changed: `bad-envelope`.
   * @param message What was attempted, found and allowed.
   */
  constructor(
    readonly status: 400 | 408 | 415 | 422,
    readonly code: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
