import { assertEquals } from "@std/assert";
import {
  typedAddresses,
  typedMessage,
  withoutBrackets,
} from "../../../src/admin/dashboard/client/message.ts";

Deno.test("a typed message has CRLF at the end of each line", () => {
  const rows = [
    ["", undefined],
    ["a", "a\r\n"],
    ["a\nb\n", "a\r\nb\r\n"],
    ["a\r\nb\rc", "a\r\nb\r\nc\r\n"],
    ["\n", "\r\n"],
  ] as const;
  for (const [typed, message] of rows) assertEquals(typedMessage(typed), message);
});

Deno.test("addresses are typed in any way", () => {
  assertEquals(typedAddresses(" a@b\n<c@d>, e@f;\t\n"), ["a@b", "c@d", "e@f"]);
  assertEquals(typedAddresses(" \n"), []);
  assertEquals(["<a@b>", "<>", " a@b ", "<a"].map(withoutBrackets), ["a@b", "", "a@b", "<a"]);
});
