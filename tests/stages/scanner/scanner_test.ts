import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  currentScanner,
  plainScanner,
  scannerOctets,
  setScanner,
  useScanner,
} from "../../../src/stages/scanner/scanner.ts";
import { octets } from "../../_chunking.ts";
import { assemble, assembled } from "./build.ts";

Deno.test("the scanner's octets are what its source makes of them", async () => {
  const made = await assemble();
  assertEquals(await Deno.readTextFile(assembled), made, "run `deno task scanner --write`");
});

Deno.test("a runtime that can has the SIMD scanner from the start", () => {
  assert(currentScanner() !== plainScanner);
});

/** What a new copy of the module chooses where `WebAssembly.Module` is `Module`. */
async function scannerWith(Module: unknown): Promise<unknown> {
  const original = WebAssembly.Module;
  Object.assign(WebAssembly, { Module });
  try {
    const url = new URL("../../../src/stages/scanner/scanner.ts", import.meta.url);
    const fresh: typeof import("../../../src/stages/scanner/scanner.ts") = await import(
      `${url.href}?${crypto.randomUUID()}`
    );
    return fresh.currentScanner() === fresh.plainScanner ? "plain" : "SIMD";
  } finally {
    Object.assign(WebAssembly, { Module: original });
  }
}

Deno.test("where code may not be compiled while running, the plain scanner does it", async () => {
  const refuse = function () {
    throw new WebAssembly.CompileError("Wasm code generation disallowed by embedder");
  };
  assertEquals(await scannerWith(refuse), "plain");
  assertEquals(await scannerWith(undefined), "plain");
  assertEquals(await scannerWith(WebAssembly.Module), "SIMD");
});

Deno.test("useScanner: takes a module that was compiled elsewhere, and no other", async () => {
  const before = currentScanner();
  try {
    setScanner(plainScanner);
    const empty = new WebAssembly.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
    assertThrows(() => useScanner(empty), TypeError, "Cannot use the module");
    assertStrictEquals(currentScanner(), plainScanner);
    useScanner(await WebAssembly.compile(scannerOctets()));
    assert(currentScanner() !== plainScanner);
    assertEquals(currentScanner().skip(octets("a".repeat(200) + "\n"), 0), 200);
  } finally {
    setScanner(before);
  }
});

Deno.test("memory: as much as a lease, in place, or none", () => {
  assertEquals(currentScanner().memory()?.length, 262_144);
  assertEquals(plainScanner.memory(), undefined);
});
