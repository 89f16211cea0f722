import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import type { Target } from "../../src/channel.ts";
import {
  parseAddress,
  parseDuration,
  parseSize,
  printAddress,
  readFile,
} from "../../src/cli/address.ts";
import { OptionError } from "../../src/errors.ts";

/** Each text is refused, with the option's name and what was found. */
async function refuses(
  t: Deno.TestContext,
  parse: (text: string, option: string) => unknown,
  texts: readonly string[],
): Promise<void> {
  for (const text of texts) {
    await t.step(JSON.stringify(text), () => {
      const { message } = assertThrows(() => parse(text, "--this"), OptionError);
      assertStringIncludes(message, `"--this": found "${text}"`);
    });
  }
}

Deno.test("addresses", async (t) => {
  const tcp = (host: string, port: number): Target => ({ transport: "tcp", host, port });
  const cases: readonly [text: string, address: Target, printed: string][] = [
    ["127.0.0.1:25", tcp("127.0.0.1", 25), "127.0.0.1:25"],
    ["mx.example:0", tcp("mx.example", 0), "mx.example:0"],
    [":65535", tcp("0.0.0.0", 65535), "0.0.0.0:65535"],
    ["[::1]:25", tcp("::1", 25), "[::1]:25"],
    ["[::]:00025", tcp("::", 25), "[::]:25"],
    ["unix:/run/sluice", { transport: "unix", path: "/run/sluice" }, "unix:/run/sluice"],
    ["unix:relative:1", { transport: "unix", path: "relative:1" }, "unix:relative:1"],
  ];
  for (const [text, address, printed] of cases) {
    await t.step(text, () => {
      assertEquals(parseAddress(text, "--this"), address);
      assertEquals(printAddress(address), printed);
    });
  }
  await refuses(t, parseAddress, [
    ...["", "25", "a", "a:", "a:b", "a:65536", "a:-1", "a:1.5", "a:1e3", "a:999999", "::1:25"],
    ...["[::1]", "[a.example]:25", "a b:25", "a:25 ", "a:25\n", "[::1:25", "a:\u0661"],
  ]);
});

Deno.test("sizes", async (t) => {
  const cases: readonly [text: string, octets: number][] = [
    ["0", 0],
    ["1000", 1000],
    ["64k", 65_536],
    ["64K", 65_536],
    ["50m", 52_428_800],
    ["1g", 1_073_741_824],
    ["007", 7],
  ];
  for (const [text, octets] of cases) {
    await t.step(text, () => assertEquals(parseSize(text, "--this"), octets));
  }
  await refuses(t, parseSize, [
    ...["", "k", "1t", "1kb", "-1", "+1", "1.5m", "1e6", "0x10", " 1", "1\n", "1234567890123"],
    "\u212a",
  ]);
});

Deno.test("durations", async (t) => {
  const cases: readonly [text: string, milliseconds: number][] = [
    ["0", 0],
    ["30", 30_000],
    ["30s", 30_000],
    ["5m", 300_000],
    ["1h", 3_600_000],
  ];
  for (const [text, milliseconds] of cases) {
    await t.step(text, () => assertEquals(parseDuration(text, "--this"), milliseconds));
  }
  await refuses(t, parseDuration, [
    "",
    "s",
    "1d",
    "1.5",
    "-1",
    "1 s",
    "1M",
    "1ms",
    "1s\n",
    "1234567",
  ]);
});

Deno.test("a file that an option names", async () => {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, "text");
    assertEquals(await readFile(path, "--this"), "text");
  } finally {
    await Deno.remove(path);
  }
  const { message } = await assertRejects(() => readFile(path, "--this"), OptionError);
  assertStringIncludes(message, `"--this": found "${path}"`);
});
