/**
 * What is thrown at the author of a rule.
 *
 * @module
 */

/** Keys and places in arrays, from the rule down: `["when", "not", "client", 0]`. */
export type RulePath = readonly (string | number)[];

/** A rule that cannot be used. */
export class RuleError extends Error {
  /** Tells it apart in logs. */
  override readonly name = "RuleError";
  /** Where it is wrong, as it is written: `when.not.client[0]`. */
  readonly key: string;
  /**
   * Puts all of it into one message.
   *
   * @param rule Name of the rule.
   * @param number Its place in the list, from 1.
   * @param path Where in the rule it is wrong.
   * @param found What was found there, texts in quotes.
   * @param allowed What may be there.
   * @param options `cause`: the error behind it.
   */
  constructor(
    readonly rule: string,
    readonly number: number,
    readonly path: RulePath,
    readonly found: string,
    readonly allowed: string,
    options?: ErrorOptions,
  ) {
    const key = path.reduce<string>(
      (text, step) =>
        typeof step === "number" ? `${text}[${step}]` : text === "" ? step : `${text}.${step}`,
      "",
    );
    super(
      `Cannot use rule ${JSON.stringify(rule)} (number ${number}): ${key}: found ${found}, ` +
        `allowed is ${allowed}`,
      options,
    );
    this.key = key;
  }
}
