import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import type { Target } from "../../src/channel.ts";
import type { ListenTarget } from "../../src/config/units.ts";
import {
  parseAddress,
  parseDuration,
  parseListen,
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

Deno.test("addresses to listen at", async (t) => {
  const unix = { transport: "unix", path: "/run/sluice" } as const;
  const websocket = { transport: "websocket", url: "ws://127.0.0.1:8080/smtp" } as const;
  const cases: readonly [text: string, at: ListenTarget][] = [
    ["127.0.0.1:25", { transport: "tcp", host: "127.0.0.1", port: 25 }],
    ["unix:/run/sluice", unix],
    ["unix:/run/sluice?mode=0660", { ...unix, mode: 0o660 }],
    ["unix:/run/sluice?mode=600", { ...unix, mode: 0o600 }],
    ["ws://127.0.0.1:8080/smtp", websocket],
    ["ws://127.0.0.1:8080/smtp?token=/run/token", { ...websocket, token: "/run/token" }],
    ["wss://[::1]?token=env:TOKEN&origin=https://a.example&origin=https://b.example", {
      transport: "websocket",
      url: "wss://[::1]/",
      token: "env:TOKEN",
      origins: ["https://a.example", "https://b.example"],
    }],
  ];
  for (const [text, at] of cases) {
    await t.step(text, () => assertEquals(parseListen(text, "--this"), at));
  }
  await refuses(t, parseListen, [
    ...["", "unix:/a?mode", "unix:/a?mode=9", "unix:/a?mode=0999", "unix:/a?mode=01777"],
    ...["unix:/a?mode=0660&mode=0600", "unix:/a?token=a", "a:25?mode=0660", "http://a/smtp"],
    ...["ws:", "ws://", "ws://a:b/", "ws://me@a/", "ws://a/#b", "ws://a/?mode=0660"],
    ...["ws://a/?token=a&token=b", "ws://a/?key=a"],
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
