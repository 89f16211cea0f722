import { assertEquals, assertMatch } from "@std/assert";
import { type AdminClient, adminClient } from "../../src/admin/client.ts";
import { follow, toJson, toText } from "../../src/cli/tail.ts";
import type { TransactionView } from "../../src/stats/views.ts";
import { run } from "./_run.ts";
import { linesOf, spawn, startServing } from "./_serving.ts";

const directory = await Deno.makeTempDir({ prefix: "sluice-tail-" });
const message = `${directory}/message.eml`;
await Deno.writeTextFile(message, "Subject: Hi\n\nHello\n");

Deno.test.afterAll(() => Deno.remove(directory, { recursive: true }));

const plain: TransactionView = {
  number: 7,
  id: "8da0a6f4-0-1",
  session: "8da0a6f4-0",
  startedAt: Date.UTC(2026, 10, 23, 9, 12, 44),
  took: 501.26,
  listener: "smtp",
  client: "192.0.2.1",
  hello: "client.example",
  from: "",
  to: [{ address: "b@mx.example", reply: "250 2.1.5 Ok" }],
  octets: 1234,
  outcome: "accepted",
  reply: "250 2.0.0 Ok",
  upstream: "default",
};

Deno.test("lines", async (t) => {
  const rows: Record<string, readonly [change: Partial<TransactionView>, line: string]> = {
    "accepted": [
      {},
      "2026-11-23T09:12:44.501Z accepted id=8da0a6f4-0-1 session=8da0a6f4-0 listener=smtp " +
      "client=192.0.2.1 hello=client.example from=<> to=<b@mx.example> octets=1234 " +
      'reply="250 2.0.0 Ok" upstream=default took=501.3',
    ],
    "refused by a rule": [
      {
        name: "host.example",
        tls: "TLSv1.3",
        login: "me",
        from: "a@client.example",
        to: [
          { address: "b@mx.example", reply: "250 2.1.5 Ok" },
          { address: "c@mx.example", reply: "550 5.1.1 No" },
          { address: "d@mx.example" },
        ],
        outcome: "deferred",
        refusedAt: "message",
        reply: "450 4.7.1 Later",
        rule: "graylist",
        upstream: undefined,
      },
      "2026-11-23T09:12:44.501Z deferred id=8da0a6f4-0-1 session=8da0a6f4-0 listener=smtp " +
      "client=192.0.2.1 name=host.example hello=client.example tls=TLSv1.3 login=me " +
      "from=<a@client.example> to=<b@mx.example> to=<d@mx.example> " +
      'refused="<c@mx.example> 550 5.1.1 No" octets=1234 refusedAt=message ' +
      'reply="450 4.7.1 Later" rule=graylist took=501.3',
    ],
    "hostile": [
      {
        hello: "x outcome=accepted",
        login: '"\x1b[2J',
        from: "a\u202eb\n@c",
        to: [],
        outcome: "broken",
        reply: undefined,
        upstream: undefined,
      },
      "2026-11-23T09:12:44.501Z broken id=8da0a6f4-0-1 session=8da0a6f4-0 listener=smtp " +
      'client=192.0.2.1 hello="x outcome=accepted" login="\\"\\u001b[2J" ' +
      'from="<a\\u202eb\\n@c>" octets=1234 took=501.3',
    ],
  };
  for (const [name, [change, line]] of Object.entries(rows)) {
    await t.step(name, () => assertEquals(toText({ ...plain, ...change }), line));
  }
});

Deno.test("JSON holds the same, and nothing that moves a terminal", () => {
  const hostile = { ...plain, hello: "\x1b[2J\u202e\u0085\n", login: "\u{e0001}" };
  const line = toJson(hostile);
  assertMatch(line, /^[ -~]*$/);
  assertEquals(JSON.parse(line), hostile);
});

Deno.test("the oldest first; what is missing is said, and cannot move a terminal", async () => {
  const other = { ...plain, number: 8, outcome: "rejected" as const };
  const written: string[] = [];
  const said: string[] = [];
  const asked: unknown[] = [];
  const client: Pick<AdminClient, "followTransactions"> = {
    async *followTransactions(filter, options) {
      asked.push(filter);
      yield { transactions: [], skipped: 0 };
      yield { transactions: [other, plain], skipped: 3 };
      options!.lost!(new Error("gone\n\x1b[2J"), 2000);
      yield await Promise.resolve({ transactions: [plain], skipped: 0 });
      options!.lost!(undefined, 1500);
    },
  };
  await follow(client, { rule: "x" }, {
    print: ({ outcome }) => outcome,
    write: (lines) => Promise.resolve(void written.push(lines)),
    say: (line) => said.push(line),
  });
  assertEquals(asked, [{ rule: "x" }]);
  assertEquals(written, ["accepted\nrejected\n", "accepted\n"]);
  assertEquals(said, [
    "3 more are not shown: too many in too short a time",
    "Connection lost, again in 2 s: gone\\u000a\\u001b[2J",
    "Connection lost, again in 1.5 s",
  ]);
});

Deno.test("while mail flows, as long as somebody reads", async () => {
  await using serving = await startServing("--upstream", "capture:");
  const send = async (from: string): Promise<void> => {
    const options = ["-s", serving.smtp, "-f", from, "-t", "b@mx.example", message];
    assertEquals((await run("send", ...options)).status, 0);
  };
  const filter = ["--outcome", "accepted", "--address", "A@CLIENT", "--client", "127.0.0.1"];
  const child = spawn(["tail", "--admin", serving.admin, ...filter]);
  const client = adminClient(serving.admin);
  // It goes on from when it is there.
  while ((await client.stats()).viewers.open === 0);
  await send("other@client.example");
  await send("a@client.example");
  const lines = linesOf(child.stdout);
  const { value = "" } = await lines.read();
  assertMatch(value, / accepted id=\S+ .* from=<a@client\.example> to=<b@mx\.example> /);
  await lines.cancel();
  await send("a@client.example");
  assertEquals((await child.status).code, 0);
});

Deno.test("what cannot be followed is one line", async (t) => {
  const token = `${directory}/token`;
  await Deno.writeTextFile(token, "two words\n");
  await using serving = await startServing("--upstream", "capture:");
  const rows: readonly (readonly [args: readonly string[], status: number, says: RegExp])[] = [
    [["--outcome", "lost"], 2, /"--outcome": found "lost", allowed is accepted, discarded, /],
    [["--admin", "localhost:8025"], 2, /"--admin": found "localhost:8025", allowed is an http:/],
    [["--token", `${directory}/none`], 2, /"--token": found ".*none", allowed is a file that/],
    [["--token", token], 2, /"--token": found "other characters", allowed is one or more of/],
    [["--admin", "http://127.0.0.1:2"], 1, /Cannot reach the admin at http:\/\/127\.0\.0\.1:2\/: /],
    [["--admin", `${serving.admin}x/`], 1, /Cannot find this path/],
    [["--admin", serving.admin, "--rule", ""], 1, /Cannot use the request: rule/],
    [["operand"], 2, /tail: found "operand", no operand is allowed/],
  ];
  for (const [args, status, says] of rows) {
    await t.step(args.join(" ").replaceAll(directory, ""), async () => {
      const { status: found, out, err } = await run("tail", ...args);
      assertEquals([found, out, err.length], [status, [], 1], err.join("\n"));
      assertMatch(err[0], says);
    });
  }
});

Deno.test("options reach the API, and the token with them", async () => {
  const asked: string[] = [];
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const { pathname, search } = new URL(request.url);
    asked.push(`${pathname}${search} ${request.headers.get("authorization")}`);
    // Whoever is told 204 does not come again.
    return pathname === "/mail/api/access"
      ? Response.json({})
      : new Response(null, { status: 204 });
  });
  const token = `${directory}/good`;
  await Deno.writeTextFile(token, "secret\n");
  const { status, out, err } = await run(
    ...["tail", "--admin", `http://127.0.0.1:${server.addr.port}/mail`, "--token", token],
    ...[
      "--address",
      "a&b",
      "--client",
      "c",
      "--outcome",
      "broken",
      "--rule",
      "d",
      "--reply",
      "5 e",
    ],
  );
  assertEquals([status, out, err], [0, [], []]);
  assertEquals(asked, [
    "/mail/api/access Bearer secret",
    "/mail/api/transactions/stream?address=a%26b&client=c&outcome=broken&rule=d&reply=5+e " +
    "Bearer secret",
  ]);
});
