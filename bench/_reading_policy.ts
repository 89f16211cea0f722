/**
 * The least that a filter can do: it reads every message.
 *
 * @module
 */

import { definePolicy, type Policy } from "../src/policy/mod.ts";

const READ = 16_384;

/** See the module. */
const policy: Policy = definePolicy({
  name: "reader",
  filter: async ({ message }) => {
    const reader = message.stream().getReader({ mode: "byob" });
    for (let memory = new Uint8Array(READ);;) {
      const { done, value } = await reader.read(memory);
      if (done) return;
      memory = new Uint8Array(value.buffer);
    }
  },
});

export default policy;
