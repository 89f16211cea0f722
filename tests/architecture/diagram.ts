/**
 * Prints the state table as a Mermaid diagram; `--write` puts it into the README.
 *
 * @module
 */

import { type State, table } from "../../src/session/state.ts";

const BEGIN = "<!-- state diagram: begin -->";
const END = "<!-- state diagram: end -->";

/** The diagram. Commands that leave a state as it is, or that exist everywhere, are left out. */
export function diagram(): string {
  const lines = ["```mermaid", "stateDiagram-v2", "  [*] --> connected"];
  for (const [from, rows] of Object.entries(table)) {
    const byTarget = new Map<State, string[]>();
    for (const [verb, row] of Object.entries(rows)) {
      if ("refuse" in row || row.next === from || row.next === "ended" || verb === "LHLO") continue;
      byTarget.set(row.next, [...byTarget.get(row.next) ?? [], verb]);
    }
    for (const [to, verbs] of byTarget) lines.push(`  ${from} --> ${to}: ${verbs.join(" ")}`);
  }
  return [...lines, "  connected --> [*]: QUIT, anywhere", "```"].join("\n");
}

/** The README with the diagram in its place. */
export function withDiagram(readme: string): string {
  const [before, rest] = readme.split(BEGIN);
  const [, after] = rest.split(END);
  return `${before}${BEGIN}\n\n${diagram()}\n\n${END}${after}`;
}

if (import.meta.main) {
  const readme = new URL("../../README.md", import.meta.url);
  if (Deno.args.includes("--write")) {
    await Deno.writeTextFile(readme, withDiagram(await Deno.readTextFile(readme)));
  } else console.log(diagram());
}
