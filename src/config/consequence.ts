/**
 * What becomes of a message in which a filter has found what it was told to look for: `then` of a
 * `[[filter]]`.
 *
 * @module
 */

import * as z from "zod";
import { addHeader, defer, discard, quarantine, reject, score } from "../policy/verdicts.ts";
import type { Verdict } from "../policy/mod.ts";
import { type Piece, written } from "./values.ts";

type Given = Verdict<"filter">;

const TABLE = 'a table, as { reject = "550 5.7.1 Not accepted" }';
const HEADER = 'a table, as { name = "X-Attachment", value = "yes" }';

const isTrue = (verdict: () => Given) =>
  z.literal(true, { error: "true" }).transform((): Given => verdict());

/** A row for each key. */
const rows = {
  "add-header": z.strictObject({ name: z.string(), value: z.string() }, { error: HEADER })
    .transform(({ name, value }, context): Given => {
      try {
        return addHeader(name, value);
      } catch {
        context.addIssue({ code: "custom", message: "a header field that can be written" });
        return z.NEVER;
      }
    }).optional(),
  score: z.number({ error: "a number" }).transform((points): Given => score(points)).optional(),
  reject: written("a 4xx or 5xx reply, as 550 5.7.1 Not accepted", (text): Given => reject(text))
    .optional(),
  defer: written("a 4xx reply, as 451 4.7.1 Try again later", (text): Given => defer(text))
    .optional(),
  discard: isTrue(discard).optional(),
  quarantine: isTrue(quarantine).optional(),
};

/** See the module. */
export const consequence: Piece<readonly Given[], unknown> = z.strictObject(rows, { error: TABLE })
  .transform((then, context): readonly Given[] => {
    const verdicts = Object.values(then).filter((verdict) => verdict !== undefined);
    if (verdicts.length === 0) {
      const allowed = `at least one of ${Object.keys(rows).join(", ")}`;
      context.addIssue({ code: "custom", message: allowed, params: { said: "nothing" } });
    }
    return verdicts;
  });
