/**
 * Assembles the scanner. With `--write` its octets are written; without, octets that are not what
 * scanner.wat makes of them are an error.
 *
 * @module
 */

import wabt from "wabt";

const folder = new URL("../../../src/stages/scanner/", import.meta.url);

/** The module that holds the octets. */
export const assembled: URL = new URL("scanner_wasm.ts", folder);

/** The same as its source makes it. */
export async function assemble(): Promise<string> {
  const { parseWat } = await wabt();
  const source = await Deno.readTextFile(new URL("scanner.wat", folder));
  const module = parseWat("scanner.wat", source, { simd: true });
  try {
    module.validate();
    const base64 = module.toBinary({}).buffer.toBase64();
    const lines = base64.match(/.{1,90}/g)!.map((line) => `  "${line}"`);
    return `// Generated from scanner.wat by \`deno task scanner --write\`.

/** The scanner's WebAssembly module in base64. */
export const SCANNER_WASM: string =
${lines.join(" +\n")};
`;
  } finally {
    module.destroy();
  }
}

if (import.meta.main) {
  const built = await assemble();
  if (Deno.args.includes("--write")) await Deno.writeTextFile(assembled, built);
  else if (built !== await Deno.readTextFile(assembled)) {
    console.error("scanner_wasm.ts is not what scanner.wat makes: run `deno task scanner --write`");
    Deno.exit(1);
  }
}
