/**
 * Time as a parameter, so that a test can turn it and no core file asks the runtime.
 *
 * @module
 */

/** Something that can be called off. */
export interface Timer {
  /** Calls it off. Harmless once it has run. */
  cancel(): void;
}

/** Where time comes from. */
export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  now(): number;
  /** Milliseconds, with fractions, since some moment: for durations. Never goes back. */
  monotonic(): number;
  /** Calls `callback` once, `milliseconds` from now. */
  after(milliseconds: number, callback: () => void): Timer;
}

/** The runtime's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(milliseconds, callback) {
    const id = setTimeout(callback, milliseconds);
    return { cancel: () => clearTimeout(id) };
  },
};

/** A wait has lasted longer than its limit. */
export class TimeoutError extends Error {
  override readonly name = "TimeoutError";
  constructor(readonly waitedFor: string, readonly milliseconds: number) {
    super(`Timed out after ${milliseconds} ms: ${waitedFor}`);
  }
}

/**
 * Waits for `promise`, at most `milliseconds`.
 *
 * The promise itself is not cancelled: whoever owns the resource behind it does that.
 *
 * @throws {TimeoutError} When the limit passes first.
 */
export function within<T>(
  clock: Clock,
  milliseconds: number,
  waitedFor: string,
  promise: Promise<T>,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = clock.after(
      milliseconds,
      () => reject(new TimeoutError(waitedFor, milliseconds)),
    );
    promise.then(
      (value) => (timer.cancel(), resolve(value)),
      (error) => (timer.cancel(), reject(error)),
    );
  });
}
