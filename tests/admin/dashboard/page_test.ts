import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { dashboard } from "../../../src/admin/dashboard/page.tsx";
import { asset } from "./build.ts";

const page = dashboard("the-nonce", { version: "1.2.3<b>" });
const markup = page
  .replace(/<style[^]*?<\/style>/g, "")
  .replace(/(<script[^>]*>)[^]*?<\/script>/g, "$1");

Deno.test("the style and the script carry the nonce, and nothing else is inline", () => {
  assertEquals(page.match(/<(?:style|script)[^>]*>/g), [
    `<style nonce="the-nonce">`,
    `<script type="module" nonce="the-nonce">`,
  ]);
  assertEquals(markup.match(/\s(?:style|on\w+)=/g), null);
});

Deno.test("nothing is loaded from anywhere", () => {
  assertEquals(markup.match(/\s(?:src|href|action)="(?!#|data:)[^"]*"/g), null);
});

Deno.test("what is put into it is escaped", () => {
  assert(markup.startsWith("<!doctype html><html"));
  assertStringIncludes(markup, "1.2.3&lt;b&gt;");
});

Deno.test("each id is there once", () => {
  const ids = markup.match(/\sid="[^"]*"/g)!;
  assertEquals(ids.length, new Set(ids).size);
});

Deno.test("the asset is small, and cannot end its element", async () => {
  const script = await Deno.readTextFile(asset);
  assert(script.length < 120_000);
  assertEquals(/<\/script|<!--/i.test(script), false);
});

Deno.test("what is no total is not shown as one", () => {
  for (const id of ["top-clients", "top-senders", "top-recipients"]) {
    const list = markup.indexOf(`id="${id}"`);
    assertStringIncludes(markup.slice(markup.lastIndexOf("<h3>", list), list), "halved each hour");
  }
});
