import { assertEquals } from "@std/assert";
import { answerOf } from "../../src/gateway/answer.ts";
import { Path } from "../../src/rfc5321/path.ts";
import { Reply } from "../../src/rfc5321/reply.ts";

Deno.test("the status of what became of the recipients", () => {
  for (
    const [status, code, ...replies] of [
      [200, undefined, "250 2.0.0 Ok"],
      [200, undefined, "250 Ok", "250 2.1.5 Ok"],
      [207, undefined, "250 Ok", "550 5.1.1 No"],
      [207, undefined, "452 4.2.2 Full", "250 Ok"],
      [503, "deferred", "451 4.3.0 Later"],
      [503, "deferred", "421 Closing"],
      [503, "deferred", "550 5.1.1 No", "452 4.2.2 Full"],
      [422, "rejected", "550 5.1.1 No"],
      [422, "rejected", "550 No"],
      [422, "rejected", "552 5.2.2 Mailbox full"],
      [413, "too-large", "552 5.3.4 Too big"],
      [413, "too-large", "554 5.3.4 Too big"],
      [413, "too-large", "552 Too big"],
      [413, "too-large", "552 5.0.0 Too big"],
      [403, "forbidden", "550 5.7.1 No"],
      [403, "forbidden", "530 5.7.0 Log in", "550 5.7.26 No SPF"],
      [422, "rejected", "550 5.7.1 No", "550 5.1.1 No"],
    ] as const
  ) {
    const recipients = replies.map(() => ({
      forwardPath: Path.from("b@y.example"),
      parameters: {},
    }));
    const answer = answerOf(recipients, replies.map((reply) => Reply.parse(reply)));
    assertEquals(answer.status, status, replies.join());
    assertEquals("error" in answer.body ? answer.body.error.code : undefined, code);
  }
});

Deno.test("code, enhanced code and text apart", () => {
  const path = Path.from('"b c"@y.example');
  const told = (reply: Reply) =>
    answerOf([{ forwardPath: path, parameters: {} }], [reply]).body.recipients![0];
  assertEquals(told(new Reply(550, ["5.1.1 Not here", "5.1.1 Try elsewhere", "5.1.1 "])), {
    address: '"b c"@y.example',
    code: 550,
    enhanced: "5.1.1",
    text: "Not here Try elsewhere",
  });
  assertEquals(told(new Reply(550, "4.1.1 Not here")), {
    address: '"b c"@y.example',
    code: 550,
    text: "4.1.1 Not here",
  });
  assertEquals(told(new Reply(250, "2.0.0")).text, "");
});
