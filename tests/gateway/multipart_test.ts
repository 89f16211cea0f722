import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  boundaryOf,
  MultipartFault,
  MultipartSplitter,
  type PartHead,
} from "../../src/gateway/multipart.ts";
import { assertEveryCutting, cuttings, run, text } from "../_chunking.ts";

const head = (name: string, more = ""): string =>
  `Content-Disposition: form-data; name="${name}"${more}\r\n\r\n`;
const splitter = () => new MultipartSplitter("b");

Deno.test("a form, however it is cut", () => {
  for (
    const [form, expected] of [
      [`--b\r\n${head("from")}a@x\r\n--b--\r\n`, [{ name: "from" }, "a@x"]],
      [
        `preamble\r\n--b \t\r\n${head("to")}\r\n--b\r\n${head("message")}x\r\n\r\n--b--epilogue`,
        [{ name: "to" }, { name: "message" }, "x\r\n"],
      ],
      // What only looks like a delimiter.
      [
        `--b\r\n${head("message")}--b\r\r\n--\r\n-\r\n--c\r\n\r\n--b--`,
        [{ name: "message" }, "--b\r\r\n--\r\n-\r\n--c\r\n"],
      ],
      [
        `--b\r\nX: y\r\ncontent-disposition:form-data;filename="name=z";name=to\r\nContent-Type: a/b\r\n\r\n\r\n--b--`,
        [{ name: "to" }],
      ],
      ["--b--", []],
    ] as const
  ) assertEveryCutting(form, splitter, expected);
});

Deno.test("what is no form", () => {
  for (
    const [form, words] of [
      ["", "ends before"],
      ["--c\r\n", "ends before"],
      [`--b\r\n${head("to")}a`, "ends before"],
      [`--b\r\n${head("to")}a\r\n--b-`, "ends before"],
      ["--bb\r\n", "does not end its line"],
      [`--b\r\n${head("to")}a\r\n--b\nx`, "does not end its line"],
      [`--b${" ".repeat(65)}\r\n`, "goes on"],
      [`--b\r\n${"x".repeat(8_200)}`, "exceeds"],
      [`--b\r\nX: ${"x".repeat(8_200)}\r\n\r\n`, "exceeds"],
      ["--b\r\n\r\na\r\n--b--", "no name"],
      ["--b\r\nX: y\r\n\r\na\r\n--b--", "no name"],
      ['--b\r\nContent-Disposition: attachment; name="a"\r\n\r\na\r\n--b--', "no name"],
      ["--b\r\nContent-Disposition: form-data; filename=a\r\n\r\na\r\n--b--", "no name"],
      ["--b\r\nContent-Disposition: form-data; name=\xff\r\n\r\na\r\n--b--", "no name"],
      [
        `--b\r\nContent-Transfer-Encoding: base64\r\n${head("a")}a\r\n--b--`,
        "content-transfer-encoding",
      ],
      [
        `--b\r\nContent-Transfer-Encoding: base64\nX: y\r\n${head("a")}a\r\n--b--`,
        "content-transfer-encoding",
      ],
    ]
  ) {
    for (const [cut, chunks] of cuttings(form)) {
      assertThrows(() => run(splitter(), chunks), MultipartFault, words, `${form} ${cut}`);
    }
  }
});

Deno.test("any content comes out as it went in", () => {
  // Pieces of which delimiters are made, and anything else.
  const piece = fc.oneof(
    fc.constantFrom("\r", "\n", "\r\n", "-", "--", "--b", "b", "\r\n-"),
    fc.string({ unit: "binary", maxLength: 5 }).map((one) =>
      Array.from(one, (c) => String.fromCharCode(c.charCodeAt(0) & 0xff)).join("")
    ),
  );
  const content = fc.array(piece, { maxLength: 12 }).map((all) => all.join(""))
    .filter((one) => !`\r\n${one}`.includes("\r\n--b"));
  fc.assert(
    fc.property(content, fc.array(fc.nat(60), { maxLength: 6 }), (one, cuts) => {
      const form = `--b\r\n${head("message")}${one}\r\n--b--\r\n`;
      const places = [
        0,
        ...cuts.map((cut) => cut % form.length).sort((a, b) => a - b),
        form.length,
      ];
      const chunks = places.slice(1).map((end, nth) => form.slice(places[nth], end));
      const expected = one === "" ? [{ name: "message" }] : [{ name: "message" }, one];
      assertEquals(run(splitter(), chunks), expected);
    }),
    { numRuns: 300, seed: 1 },
  );
});

Deno.test("what the runtime makes of FormData", async () => {
  const form = new FormData();
  form.append("from", "jörg@x.example");
  form.append("message", new File(["Subject: Hi\r\n\r\n--\r\n"], 'a "b".eml'));
  const response = new Response(form);
  const boundary = boundaryOf(response.headers.get("content-type")!)!;
  const events: unknown[] = [];
  const one = new MultipartSplitter(boundary);
  const octets = new Uint8Array(await response.arrayBuffer());
  one.transform(octets, {
    enqueue: (event: PartHead | Uint8Array) =>
      events.push(event instanceof Uint8Array ? text(event) : event),
  });
  one.flush();
  assertEquals(events, [
    { name: "from" },
    "j\xc3\xb6rg@x.example",
    { name: "message" },
    "Subject: Hi\r\n\r\n--\r\n",
  ]);
});

Deno.test("the boundary in a Content-Type", () => {
  for (
    const [type, boundary] of [
      ["multipart/form-data; boundary=b", "b"],
      ["multipart/form-data;charset=utf-8;Boundary=----b-1 ; x=y", "----b-1"],
      [`multipart/form-data; boundary="a b/c"`, "a b/c"],
      ["multipart/form-data", undefined],
      ["multipart/form-data; boundary=", undefined],
      ["multipart/form-data; boundary=a b", undefined],
      [`multipart/form-data; boundary="a`, undefined],
      [`multipart/form-data; boundary=${"a".repeat(71)}`, undefined],
    ] as const
  ) assertEquals(boundaryOf(type), boundary, type);
});
