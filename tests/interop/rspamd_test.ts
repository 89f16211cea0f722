import { assertEquals } from "@std/assert";
import { rspamd } from "../../src/content/rspamd.ts";
import { compose, definePolicy } from "../../src/policy/policy.ts";
import { openSession } from "../../src/testing/session.ts";
import { deliver } from "../content/_deliver.ts";
import { GTUBE, startRspamd } from "./_rspamd.ts";
import { interop, shared } from "./_tools.ts";

const server = shared(startRspamd);
const KEPT = "250 2.0.0 Ok: kept as memory";
const client = {
  ...{ address: "192.0.2.9", name: "n.example", login: "ann" },
  tls: { version: "TLSv1.3" },
};
const seen =
  "X-Seen: a@x.example|b@y.example c@y.example|192.0.2.9|client.example|n.example|ann|TLSv1.3|mx.example";

function message(subject: string, body: string): string {
  return [
    ...[`Subject: ${subject}`, "From: a@x.example", "X-All: 1", "X-All: 2", "X-Last: 1"],
    ...["X-Last: 2", "", body, ""],
  ].join("\r\n");
}

interop("Rspamd's verdicts are obeyed, and its changes made", ["rspamd"], async (t) => {
  const { url } = await server();
  const policy = rspamd({ url, hostname: "mx.example" });
  const send = (subject: string, body = "Hi") =>
    deliver(policy, message(subject, body), { client, to: ["b@y.example", "c@y.example"] });
  await t.step("no action", async () => {
    const { reply, content } = await send("Hi");
    assertEquals(reply, KEPT);
    assertEquals(content?.replace("\r\n ", " ").split("\r\n"), [
      ...["X-Top: a", "\tb", "Subject: Hi", "From: a@x.example", "X-Last: 1"],
      ...[seen, "", "Hi", ""],
    ]);
  });
  await t.step("greylist", async () => {
    assertEquals(await send("greylist"), { reply: "451 4.7.1 because greylist" });
  });
  await t.step("soft reject", async () => {
    assertEquals(await send("soft reject"), { reply: "451 4.7.1 because soft reject" });
  });
  await t.step("add header", async () => {
    const { content } = await send("add header");
    assertEquals(content?.startsWith("X-Spam: Yes\r\nX-Top: a\r\n"), true, content);
  });
  await t.step("rewrite subject", async () => {
    const { content } = await send("rewrite subject");
    assertEquals(content?.includes("\r\nSubject: [SPAM] rewrite subject\r\n"), true, content);
  });
  await t.step("reject", async () => {
    assertEquals(await send("Hi", GTUBE), { reply: "550 5.7.1 Gtube pattern" });
  });
});

interop("Rspamd's score and symbols are there to decide by", ["rspamd"], async () => {
  const { url } = await server();
  const found: unknown[] = [];
  const policy = compose(
    rspamd({ url, decide: ({ symbols }) => void found.push(symbols.get("TEST_SEEN")) }),
    definePolicy({ content: ({ score }) => void found.push(score) }),
  );
  assertEquals((await deliver(policy, message("Hi", "Hi"), { client })).reply, KEPT);
  assertEquals(found, [{ score: 2.5, options: ["found"] }, 2.5]);
});

interop("thirty refusals in a row, and a message of 20 MB", ["rspamd"], async () => {
  const { url } = await server();
  await using session = await openSession({ policy: rspamd({ url, headers: false }), client });
  const send = async (content: string, expected: string): Promise<void> => {
    await session.cmd("MAIL FROM:<a@x.example>", "250");
    await session.cmd("RCPT TO:<b@y.example>", "250");
    await session.message(content, expected);
  };
  for (let nth = 0; nth < 30; nth++) await send(message("Hi", GTUBE), "550 5.7.1 Gtube pattern");
  const large = message("Hi", `${"x".repeat(998)}\r\n`.repeat(20_000));
  await send(large, "250");
  assertEquals(new TextDecoder().decode(session.captured[0].content), large);
});
