/**
 * Which attachments are found, how much is looked through, and that nothing odd is too much for it.
 *
 * @module
 */

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { encode } from "../../src/bytes.ts";
import { attachments, type AttachmentsOptions } from "../../src/content/attachments.ts";
import { type MimePart, readParts, TooComplex } from "../../src/content/mime_parts.ts";
import { OptionError } from "../../src/errors.ts";
import { addHeader, quarantine, score } from "../../src/policy/verdicts.ts";
import { openSession } from "../../src/testing/session.ts";
import { MemoryStore } from "../../src/upstream/capture.ts";
import { oddMessages, oddMessagesByData } from "./_odd_messages.ts";

const DEFAULT = { depth: 30, parts: 1000 };

/** A stream of a message in pieces. */
function streamOf(message: Uint8Array, size = 4096): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= message.length) return controller.close();
      controller.enqueue(message.slice(at, at += size));
    },
  }, { highWaterMark: 0 });
}

/** All parts as they are in the end: `name|type|size`. */
async function partsOf(message: string | Uint8Array, limits = DEFAULT, size?: number) {
  const parts = new Set<MimePart>();
  const octets = typeof message === "string" ? encode(message) : message;
  await readParts(streamOf(octets, size), limits, (part) => {
    parts.add(part);
    return false;
  });
  return [...parts].map(({ names, type, size }) => `${names.join("/")}|${type}|${size}`);
}

function within(boundary: string, ...parts: readonly string[]): string {
  const body = parts.map((part) => `--${boundary}\r\n${part}\r\n`).join("");
  return `Content-Type: multipart/mixed; boundary=${boundary}\r\n\r\n${body}--${boundary}--\r\n`;
}

const multipart = (...parts: readonly string[]): string => within("b", ...parts);

/** A part with that in its Content-Disposition. */
const file = (parameters: string, content = "x") =>
  `Content-Disposition: attachment; ${parameters}\r\n\r\n${content}`;

const named: Readonly<Record<string, string>> = {
  [file("filename=a.exe")]: "a.exe|application/octet-stream|1",
  [file('filename="a b.EXE"')]: "a b.EXE|application/octet-stream|1",
  [file("filename*=UTF-8''%C3%A4%2Eexe")]: "ä.exe|application/octet-stream|1",
  [file("filename*0=photo.jpg; filename*1=.e; filename*2=xe")]:
    "photo.jpg.exe|application/octet-stream|1",
  [file('filename="=?UTF-8?B?w6QuZXhl?="')]: "ä.exe|application/octet-stream|1",
  [file('filename="C:\\\\temp\\\\a.exe. . "')]: "a.exe|application/octet-stream|1",
  [file("filename*=UTF-8''a.exe%00.txt")]: "a.exe.txt/a.exe|text/plain|1",
  [file("filename*=UTF-8''a%E2%80%AEfdp.exe")]: "afdp.exe|application/octet-stream|1",
  "Content-Type: image/PNG; name=a.png\r\n\r\nxyz": "a.png|image/png|3",
  [`Content-Type: text/plain; name=a.exe\r\n${file("filename=a.txt")}`]: "a.txt/a.exe|text/plain|1",
  [file("filename=a.txt; filename=a.exe")]: "a.txt/a.exe|text/plain|1",
  [file('filename="a.txt"; filename="=?UTF-8?Q?a=2Eexe?="')]: "a.txt/a.exe|text/plain|1",
  [file("filename*=UTF-8''a.txt; filename=\"a.exe\"")]: "a.txt/a.exe|text/plain|1",
  [`Content-Disposition: inline\r\n${file("filename*=UTF-8''a%2Eexe")}`]: "a.exe|text/plain|1",
  [`Content-Type: text/plain\r\nContent-Type: x/y;\r\n\tname="a.exe"\r\n\r\nx`]:
    "a.exe|text/plain|1",
  "Content-Transfer-Encoding: base64\r\n\r\nQUJD\r\nRA==\r\n": "|text/plain|4.5",
  "Content-Type: text/html\r\n\r\n": "|text/html|0",
};

Deno.test("parts are told with the names that people see, their types and sizes", async (t) => {
  for (const [part, told] of Object.entries(named)) {
    await t.step(JSON.stringify(part), async () => {
      const [message, only] = await partsOf(multipart(part));
      assertEquals([message, only?.replace("4.5", "4")], [
        "|multipart/mixed|0",
        told.replace("4.5", "4"),
      ]);
    });
  }
});

Deno.test("messages within messages are looked into, attached ones too", async () => {
  const inner = within("inner", file("filename=deep.exe"));
  for (const disposition of ["", "Content-Disposition: attachment; filename=m.eml\r\n"]) {
    const attached = (message: string) =>
      `Content-Type: message/rfc822\r\n${disposition}\r\n${message}`;
    const twice = within("twice", attached(inner));
    const thrice = within("thrice", attached(twice), "\r\nlast");
    for (const size of [1, 7, 100_000]) {
      const parts = await partsOf(thrice, DEFAULT, size);
      assertEquals(parts.filter((part) => /deep\.exe/.test(part)).length, 1, disposition);
      assertEquals(parts.at(-1), "|text/plain|4");
    }
  }
});

Deno.test("so are those that are encoded, though they must not be", async (t) => {
  const inner = within("inner", file('filename="deep.exe"'));
  const quoted = inner.replaceAll("=", "=3D").replaceAll("dee", "d=\r\ne=65").replaceAll(
    "--",
    "=2D-",
  );
  const encoded = {
    "base64": btoa(inner).replace(/.{60}/g, "$&\r\n"),
    "Quoted-Printable": quoted,
    "x-unknown": inner,
  };
  for (const [encoding, content] of Object.entries(encoded)) {
    const field = `Content-Transfer-Encoding: ${encoding}\r\n`;
    const message = multipart(`Content-Type: message/rfc822\r\n${field}\r\n${content}`);
    for (const size of [1, 2, 3, 7, 100_000]) {
      await t.step(`${encoding} in pieces of ${size}`, async () => {
        const parts = await partsOf(message, DEFAULT, size);
        assertEquals(parts.filter((part) => /^deep[.]exe/.test(part)).length, 1);
      });
    }
  }
});

Deno.test("what is nested deeper, or has more parts, than is read is told so", async () => {
  const deep = oddMessages.get("nested 200 deep")!;
  await assertRejects(() => partsOf(deep, { depth: 199, parts: 1000 }), TooComplex, "199 deep");
  assertEquals((await partsOf(deep, { depth: 200, parts: 1000 })).length, 201);
  const many = oddMessages.get("10,000 parts")!;
  await assertRejects(() => partsOf(many, { depth: 1, parts: 9_999 }), TooComplex);
  assertEquals((await partsOf(many, { depth: 1, parts: 10_000 })).length, 10_001);
});

Deno.test("reading ends with what was looked for, and lets go of the message", async () => {
  let cancelled = false;
  const stream = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(encode(multipart(file("filename=a.exe")))),
    cancel: () => void (cancelled = true),
  });
  await readParts(stream, DEFAULT, ({ names }) => names.includes("a.exe"));
  assertEquals(cancelled, true);
});

Deno.test("no odd message is too much, in whatever pieces it comes", async (t) => {
  for (const [name, message] of oddMessages) {
    await t.step(name, async () => {
      const whole = await partsOf(message, { depth: 500, parts: 20_000 }, 65_536);
      assertEquals(whole.length >= 1, true);
      if (message.length > 4_000) return;
      for (const size of [1, 3, 100]) {
        assertEquals(await partsOf(message, { depth: 500, parts: 20_000 }, size), whole);
      }
    });
  }
});

/** What becomes of a message: the reply's code, and what has come of it. */
async function sent(options: AttachmentsOptions, message: string | Uint8Array): Promise<string> {
  const store = new MemoryStore();
  const policy = attachments(options);
  await using session = await openSession({ policy, quarantine: store });
  await session.cmd("MAIL FROM:<a@x.example>", "250");
  await session.cmd("RCPT TO:<b@y.example>", "250");
  const { code } = await session.message(message);
  const [{ content } = { content: undefined }] = session.captured;
  const text = content && new TextDecoder().decode(content);
  const where = store.messages.length > 0 ? " kept" : text?.startsWith("X-A: 1") ? " marked" : "";
  return `${code}${text === undefined ? "" : " passed"}${where}`;
}

const files = multipart(
  "Content-Type: text/plain\r\n\r\nHello",
  `Content-Transfer-Encoding: base64\r\n${file("filename=Invoice.PDF.Exe", "QUJD".repeat(100))}`,
  `Content-Type: image/png\r\n${file("filename=a.png")}`,
);

const decided: readonly (readonly [AttachmentsOptions, string])[] = [
  [{ names: "*.exe" }, "550"],
  [{ names: ["*.js", "*.pdf.*"] }, "550"],
  [{ names: "/^a[.]png$/" }, "550"],
  [{ names: "exe" }, "250 passed"],
  [{ types: "image/*" }, "550"],
  [{ types: ["video/*", "text/plain"] }, "550"],
  [{ types: "image/gif" }, "250 passed"],
  [{ largerThan: 299 }, "550"],
  [{ largerThan: 300 }, "250 passed"],
  [{ moreThan: 1 }, "550"],
  [{ moreThan: 2 }, "250 passed"],
  [{ names: "*.gif", moreThan: 1 }, "550"],
  [{ names: "*.exe", then: score(3) }, "250 passed"],
  [{ names: "*.exe", then: addHeader("X-A", "1") }, "250 passed marked"],
  [{ names: "*.exe", then: quarantine() }, "250 kept"],
  [{ names: "*.gif", parts: 2 }, "554"],
  [{ names: "*.gif", parts: 2, complex: "defer" }, "451"],
  [{ names: "*.gif", parts: 2, complex: "accept" }, "250 passed"],
];

Deno.test("a message is answered as its attachments deserve", async (t) => {
  for (const [options, outcome] of decided) {
    await t.step(`${JSON.stringify(options)}: ${outcome}`, async () => {
      assertEquals(await sent(options, files), outcome);
    });
  }
});

Deno.test("odd messages pass through the filter octet for octet", async () => {
  const policy = attachments({ names: "*.none", depth: 100, parts: 20_000, complex: "accept" });
  await using session = await openSession({ policy });
  for (const [name, message] of oddMessagesByData) {
    await session.cmd("MAIL FROM:<a@x.example>", "250");
    await session.cmd("RCPT TO:<b@y.example>", "250");
    await session.message(message, "250");
    assertEquals(session.captured.at(-1)!.content, message, name);
  }
});

Deno.test("options that cannot be used are refused", () => {
  const wrong: readonly (readonly [AttachmentsOptions, string])[] = [
    [{}, "attachments"],
    [{ names: [] }, "attachments"],
    [{ names: "" }, "attachments.names"],
    [{ names: ["*.exe", "/(/"] }, "attachments.names"],
    [{ types: "a\nb" }, "attachments.types"],
    [{ largerThan: 0 }, "attachments.largerThan"],
    [{ moreThan: 1.5 }, "attachments.moreThan"],
    [{ names: "*", depth: 101 }, "attachments.depth"],
    [{ names: "*", parts: 0 }, "attachments.parts"],
    [{ names: "*", complex: "discard" as "accept" }, "attachments.complex"],
    [{ names: "*", then: [] }, "attachments.then"],
    [{ names: "*", timeLimit: 0 }, "attachments.timeLimit"],
  ];
  for (const [options, option] of wrong) {
    assertEquals(assertThrows(() => attachments(options), OptionError).option, option);
  }
});
