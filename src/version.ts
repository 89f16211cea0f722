/**
 * Which version this is: the one of the manifest.
 *
 * @module
 */

import manifest from "../deno.json" with { type: "json" };

/** As in `sluice version`. */
export const version: string = manifest.version;
