/**
 * Work in steps that are the same on every machine: how often code units of strings are read.
 *
 * @module
 */

/** How many code units `work` reads of all strings. */
export function readsOf(work: () => unknown): number {
  const { charCodeAt, codePointAt } = String.prototype;
  let reads = 0;
  String.prototype.charCodeAt = function (place: number): number {
    reads++;
    return charCodeAt.call(this, place);
  };
  String.prototype.codePointAt = function (place: number): number | undefined {
    reads++;
    return codePointAt.call(this, place);
  };
  try {
    work();
  } finally {
    Object.assign(String.prototype, { charCodeAt, codePointAt });
  }
  return reads;
}
