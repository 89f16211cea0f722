import { assertEquals } from "@std/assert";
import { type KeyPath, Places, printPath } from "../../src/config/places.ts";

const text = `# a = 1
a = "x # = [" # b = 2
b.c = 'd = 3'
"e f" = { g = 1, 'h' = [1, [2, 3]], "\\u0069".j = 4 }

[k]
l = """
m = 1\\"""
""\""
n = 1979-05-27 07:32:00
 [ o . "p.q" ]
r = '''
s = 1''''
t = [
  # comment ]
  { u = 1 }, { v = 2,
  w = 3 },
]
[[x]]
y = 1\r
[[x]]
[x.z]
a = 1
[[x.b]]
c = 1
[[x.b]]
c = true
`;

/** Where each key and element of the text stands. */
const places: readonly (readonly [path: KeyPath, line: number, column: number])[] = [
  [["a"], 2, 1],
  [["b"], 3, 1],
  [["b", "c"], 3, 3],
  [["e f"], 4, 1],
  [["e f", "g"], 4, 11],
  [["e f", "h"], 4, 18],
  [["e f", "h", 0], 4, 25],
  [["e f", "h", 1], 4, 28],
  [["e f", "h", 1, 1], 4, 32],
  [["e f", "i"], 4, 37],
  [["e f", "i", "j"], 4, 46],
  [["k"], 6, 2],
  [["k", "l"], 7, 1],
  [["k", "n"], 10, 1],
  [["o"], 11, 4],
  [["o", "p.q"], 11, 8],
  [["o", "p.q", "r"], 12, 1],
  [["o", "p.q", "t", 0, "u"], 16, 5],
  [["o", "p.q", "t", 1], 16, 14],
  [["o", "p.q", "t", 1, "w"], 17, 3],
  [["x"], 19, 3],
  [["x", 0], 19, 3],
  [["x", 0, "y"], 20, 1],
  [["x", 1], 21, 3],
  [["x", 1, "z"], 22, 4],
  [["x", 1, "z", "a"], 23, 1],
  [["x", 1, "b", 1, "c"], 27, 1],
  // What is not there has the place of what would hold it.
  [["x", 1, "z", "absent"], 22, 4],
  [["absent"], 1, 1],
  // What only looks like a key is none.
  [["k", "m"], 6, 2],
  [["o", "p.q", "s"], 11, 8],
];

Deno.test("places of keys and elements", () => {
  const found = new Places(text);
  for (const [path, line, column] of places) {
    assertEquals(found.of(path), { line, column }, printPath(path));
  }
});

Deno.test("paths as they are written", () => {
  assertEquals(printPath(["rule", 2, "when", "client", 0]), "rule[2].when.client[0]");
  assertEquals(printPath(["a b", "c"]), '"a b".c');
});
