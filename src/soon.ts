/**
 * Values that are there already, or will be. On the way of every command nearly all are: a promise for
 * each of them, and the turn of the event loop that it takes, would cost more than what is done.
 *
 * @module
 */

/** There already, or later. */
export type Soon<T> = T | Promise<T>;

/** Goes on with a value, at once if it is there; then what `goOn` throws is thrown at once, too. */
export function when<T, R>(value: Soon<T>, goOn: (value: T) => Soon<R>): Soon<R> {
  return value instanceof Promise ? value.then(goOn) : goOn(value);
}
