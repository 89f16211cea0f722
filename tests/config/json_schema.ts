/**
 * Prints the JSON Schema of the configuration file; `--write` puts it beside the README.
 *
 * @module
 */

import { jsonSchema } from "../../src/config/schema.ts";

/** The file as it should be. */
export const schemaText = `${JSON.stringify(jsonSchema(), null, 2)}\n`;

/** Where it lies. */
export const schemaFile: URL = new URL("../../sluice.schema.json", import.meta.url);

if (import.meta.main) {
  if (Deno.args.includes("--write")) await Deno.writeTextFile(schemaFile, schemaText);
  else console.log(schemaText);
}
