import { assert, assertEquals } from "@std/assert";
import { verbs } from "../../src/rfc5321/mod.ts";
import { handlers } from "../../src/session/commands.ts";
import { replyTexts } from "../../src/session/replies.ts";
import { barriers, legality, type State, table } from "../../src/session/state.ts";

/** The verbs that are a mistake in each state; every other pair of state and verb has its row. */
const absent: Readonly<Record<State, readonly string[]>> = {
  connected: ["MAIL", "RCPT", "DATA", "BDAT", "STARTTLS", "AUTH"],
  ready: ["RCPT", "DATA", "BDAT"],
  refused: [],
  sender: ["MAIL", "STARTTLS", "AUTH", "XCLIENT", "XFORWARD"],
  recipients: ["MAIL", "STARTTLS", "AUTH", "XCLIENT", "XFORWARD"],
  chunks: ["MAIL", "RCPT", "DATA", "STARTTLS", "AUTH", "XCLIENT", "XFORWARD"],
  ended: [...verbs],
};

const states = Object.keys(table) as State[];

Deno.test("state: every pair of state and verb is listed or deliberately absent", () => {
  assertEquals(states.toSorted(), Object.keys(absent).toSorted());
  for (const state of states) {
    const missing = verbs.filter((verb) => legality(state, verb) === undefined);
    assertEquals(missing.toSorted(), absent[state].toSorted(), state);
  }
});

Deno.test("state: every row leads to a state, and to nowhere only by QUIT", () => {
  for (const state of states) {
    for (const verb of verbs) {
      const row = legality(state, verb);
      if (row === undefined || "refuse" in row) continue;
      assert(row.next in table, `${state} ${verb}`);
      assertEquals(row.next === "ended", verb === "QUIT", `${state} ${verb}`);
    }
  }
});

Deno.test("state: every state but the first is reached, and every one can be left", () => {
  const reached = new Set<State>(["connected"]);
  for (const state of reached) {
    for (const row of Object.values(table[state])) if ("next" in row) reached.add(row.next);
  }
  // Not by a command but by its refusal.
  reached.add("refused");
  assertEquals([...reached].toSorted(), states.toSorted());
});

Deno.test("state: RSET and EHLO end a transaction wherever they are (RFC 5321 §4.1.4)", () => {
  for (const state of states.filter((one) => one !== "ended" && one !== "connected")) {
    for (const verb of ["RSET", "EHLO", "HELO", "LHLO"] as const) {
      assertEquals(legality(state, verb), { next: "ready" }, `${state} ${verb}`);
    }
  }
});

Deno.test("state: LMTP has 503 where there is no recipient (RFC 2033 §4.2)", () => {
  for (const verb of ["DATA", "BDAT"] as const) {
    assertEquals(legality("sender", verb, "lmtp"), { refuse: "noRecipientsInLmtp" });
    assertEquals(legality("recipients", verb, "lmtp"), legality("recipients", verb));
  }
  assert(replyTexts.noRecipientsInLmtp.startsWith("503 "));
});

Deno.test("state: BDAT wherever it is refused has its octets read away (RFC 3030 §2)", () => {
  assert(handlers.BDAT.swallow !== undefined);
});

Deno.test("state: what ends a group in RFC 2920 §3.1 waits for the replies before it", () => {
  // VRFY, EXPN and NOOP mean the same whatever was answered before.
  for (const verb of ["EHLO", "DATA", "QUIT"] as const) assert(barriers.has(verb), verb);
  for (const verb of ["RCPT", "NOOP"] as const) assert(!barriers.has(verb), verb);
});
