import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { baseOf } from "../../../src/admin/dashboard/client/api.ts";
import { hashOf, parseHash, views } from "../../../src/admin/dashboard/client/route.ts";

Deno.test("each hash names a place", () => {
  const rows = [
    ["", "overview", "", ""],
    ["#", "overview", "", ""],
    ["#nowhere/x", "overview", "x", ""],
    ["#overview?span=1d", "overview", "", "span=1d"],
    ["#transactions", "transactions", "", ""],
    ["#transactions/a%2Fb%3F", "transactions", "a/b?", ""],
    ["#transactions/a/b", "transactions", "a/b", ""],
    ["#transactions/%", "transactions", "%", ""],
    ["#transactions?reply=550+5&rule=%3Cb%3E", "transactions", "", "reply=550+5&rule=%3Cb%3E"],
  ] as const;
  for (const [hash, view, id, query] of rows) {
    const route = parseHash(hash);
    assertEquals([route.view, route.id, route.query.toString()], [view, id, query], hash);
  }
});

Deno.test("parameters without a value are left out", () => {
  assertEquals(hashOf("transactions", "", { rule: "", reply: "5" }), "#transactions?reply=5");
  assertEquals(hashOf("explain", "", { rule: "" }), "#explain");
});

Deno.test("what is written is what is read", () => {
  const text = fc.string({ unit: "grapheme", minLength: 1 });
  fc.assert(fc.property(fc.constantFrom(...views), text, text, (view, id, value) => {
    const route = parseHash(hashOf(view, id, { rule: value }));
    assertEquals([route.view, route.id, route.query.get("rule")], [view, id, value]);
  }));
});

Deno.test("the base is the page's own directory, with a slash or without", () => {
  const origin = "http://127.0.0.1:8025";
  const rows = [["/", "/"], ["/admin", "/admin/"], ["/admin/", "/admin/"], [
    "/a/b",
    "/a/b/",
  ]] as const;
  for (const [pathname, base] of rows) {
    assertEquals(
      new URL("api/stats", baseOf({ origin, pathname })).href,
      `${origin}${base}api/stats`,
    );
  }
});
