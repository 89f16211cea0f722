import { assertEquals, assertRejects } from "@std/assert";
import { assemblePolicy } from "../../src/cli/assemble_policy.ts";
import type { FilterEnvironment } from "../../src/config/filter_row.ts";
import { loadConfiguration } from "../../src/config/load.ts";
import { ConfigurationError } from "../../src/config/mistake.ts";
import { resolveOptions } from "../../src/options.ts";
import { verifyRequest } from "../../src/upstream/http/signature.ts";
import { FakeClock } from "../_clock.ts";
import { deliver } from "../content/_deliver.ts";

const SECRET = "a-secret-that-is-long";

function load(text: string) {
  return loadConfiguration("conf/a.toml", () => Promise.resolve(text));
}

/** @param answer Of whoever is asked over HTTP. */
function environment(answer: (request: Request) => Promise<Response>): FilterEnvironment {
  const unused = (): never => {
    throw new Error("Nobody needs it here");
  };
  return {
    clock: new FakeClock(),
    hostname: "mx.example",
    dialer: { connect: unused },
    resolver: { reverse: unused, addresses: unused, mx: unused, srv: unused },
    fetch: (url, init) => answer(new Request(url as string, init)),
    secret: (where) => Promise.resolve(where === "conf/secret" ? SECRET : `of ${where}`),
    file: unused,
    beside: (path) => path,
  };
}

Deno.test("what all filters have in common is their definition's", async () => {
  const { filters } = await load(`
    [[filter]]
    use = "rspamd"
    url = "http://127.0.0.1:11333"
    [[filter]]
    name = "mine"
    use = "http"
    url = "http://127.0.0.1:8080"
    time-limit = "10s"
    on-failure = "accept"
    max-size = "1m"
    larger = "reject"
    concurrency = 5
    window = "128k"
  `);
  assertEquals(filters.map(({ name, use }) => [name, use]), [["rspamd", "rspamd"], [
    ...["mine", "http"],
  ]]);
  const nobody = environment(() => Promise.reject(new Error("Nobody is asked")));
  const [{ definitions: [plain] }, { definitions: [mine] }] = await Promise.all(
    filters.map(({ make }) => make(nobody)),
  );
  assertEquals([plain.name, plain.timeLimit, plain.onFailure, plain.window], [
    ...["rspamd", undefined, undefined, undefined],
  ]);
  const { name, timeLimit, onFailure, window, reading } = mine;
  assertEquals({ name, timeLimit, onFailure, window, reading }, {
    ...{ name: "mine", timeLimit: 10_000, onFailure: "accept", window: 131_072 },
    reading: { octets: 1_048_576, concurrency: 5, larger: "reject" },
  });
});

Deno.test("keys of Rspamd are its options", async () => {
  const { filters: [{ make }] } = await load(`
    [[filter]]
    use = "rspamd"
    url = "http://127.0.0.1:11333"
    password = "env:RSPAMD"
    reply = "554 5.7.0 No"
    mark = "X-Junk"
    headers = false
    actions = { "add header" = "reject", reject = "header" }
  `);
  let action = "add header";
  const asked: (string | null)[] = [];
  const policy = await make(environment(async (request) => {
    await request.text();
    asked.push(request.headers.get("password"), request.headers.get("mta-name"));
    return Response.json({ action, score: 1, milter: { add_headers: { "X-A": "b" } } });
  }));
  assertEquals(await deliver(policy, "Subject: Hi\r\n\r\n"), { reply: "554 5.7.0 No" });
  action = "reject";
  const { content } = await deliver(policy, "Subject: Hi\r\n\r\n");
  assertEquals(content, "X-Junk: Yes\r\nSubject: Hi\r\n\r\n");
  assertEquals(asked, ["of env:RSPAMD", "mx.example", "of env:RSPAMD", "mx.example"]);
});

Deno.test("the secret of a program of one's own is beside the file", async () => {
  const { filters: [{ make }] } = await load(`
    [[filter]]
    use = "http"
    url = "http://127.0.0.1:8080/judge"
    secret = "secret"
  `);
  const now = new FakeClock().now();
  const policy = await make(environment(async (request) => {
    const { content } = await verifyRequest(request, SECRET, { now });
    await new Response(content).text();
    return Response.json({ verdict: "reject", reply: "550 5.7.1 Signed" });
  }));
  assertEquals(await deliver(policy, "Subject: Hi\r\n\r\n"), { reply: "550 5.7.1 Signed" });
});

Deno.test("what cannot be made is told with the place of the filter", async () => {
  const configuration = await load(`
    [[filter]]
    use = "http"
    url = "http://127.0.0.1:8080"
    [[filter]]
    name = "other"
    use = "http"
    url = "http://127.0.0.1:8080"
    secret = "env:SLUICE_TEST_SHORT"
  `);
  Deno.env.set("SLUICE_TEST_SHORT", "short");
  const surroundings = { clock: new FakeClock(), observers: [], trouble: () => {} };
  const { message } = await assertRejects(
    () => assemblePolicy(configuration, surroundings),
    ConfigurationError,
  );
  Deno.env.delete("SLUICE_TEST_SHORT");
  assertEquals(
    message,
    'conf/a.toml:5:7: filter[1]: found "a secret of 5 characters", allowed is at least 16 of them',
  );
});

Deno.test("filters are asked behind the rules, before the module", async () => {
  const configuration = await load(`
    [[rule]]
    name = "a"
    at = "content"
    when.score.above = 5
    then.discard = true
    [[filter]]
    use = "http"
    url = "http://127.0.0.1:8080"
  `);
  const surroundings = { clock: new FakeClock(), observers: [], trouble: () => {} };
  const { definitions } = await assemblePolicy(configuration, surroundings);
  assertEquals(definitions.map(({ name }) => name), ["rules", "http"]);
});

Deno.test("the window is an option of the proxy", async () => {
  const { options } = await load('content.window = "256k"');
  assertEquals(resolveOptions(options).settings.window, 262_144);
});
