import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { codeOf, post, read, Viewer } from "../admin/_admin.ts";
import { Fixture } from "../admin/_service.ts";
import { guarded } from "../_peer.ts";
import { run } from "./_run.ts";
import { startScripted } from "./_servers.ts";
import { linesOf, spawn } from "./_serving.ts";

const directory = await Deno.makeTempDir({ prefix: "sluice-admin-" });
Deno.test.afterAll(() => Deno.remove(directory, { recursive: true }));

const OPERATOR = "operator-0123456789abcdef";
const READER = "reader-0123456789abcdef";
const ENVIRONMENT = "SLUICE_TEST_ADMIN_TOKEN";

/** A file that holds this. */
async function fileOf(name: string, text: string): Promise<string> {
  const path = `${directory}/${name}`;
  await Deno.writeTextFile(path, text);
  return path;
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

const LISTEN = `[[listen]]\naddress = "127.0.0.1:0"\n`;
const ADMIN = `${LISTEN}[admin]\nlisten = "127.0.0.1:0"\n`;

Deno.test("serve: an admin that cannot be served is one line and status 2, and nothing is open", async () => {
  await using taken = await startScripted();
  const port = taken.url.split(":").at(-1);
  const [operator, short] = [await fileOf("a", `${OPERATOR}\n`), await fileOf("b", "hunter2\n")];
  const loopback = "allowed is a loopback address, or one with a token";
  const inside = "127.0.0.1:0";
  const token = (where: string) => ["--admin", inside, "--admin-token", where];
  const rows: readonly (readonly [args: readonly string[], says: string])[] = [
    [["--admin", "0.0.0.0:0"], `"--admin": found "0.0.0.0:0", ${loopback}`],
    [["--admin", "[::]:0"], `"--admin": found "[::]:0", ${loopback}`],
    [["--admin", "192.0.2.1:8025"], `"--admin": found "192.0.2.1:8025", ${loopback}`],
    [["--admin", "mail.example:8025"], `"--admin": found "mail.example:8025", ${loopback}`],
    [["--admin", ":0"], loopback],
    [["--admin", "unix:/socket"], `"--admin": found "unix:/socket", allowed is host:port`],
    [["--admin", `127.0.0.1:${port}`], `"--admin": found "127.0.0.1:${port}", allowed is an add`],
    [["--admin-token", operator], `"--admin-token": found "${operator}", allowed is only together`],
    [token(`${directory}/none`), `"--admin-token": found "${directory}/none", allowed is a secret`],
    [token(directory), `"--admin-token": found "${directory}", allowed is a secret that can be`],
    [token("env:SLUICE_NONE"), `found "env:SLUICE_NONE", allowed is a secret that can be read (SL`],
    [token(short), `"--admin-token": found "a token of 7 characters", allowed is at least 16`],
    [token(await fileOf("c", "")), `"--admin-token": found "a token of 0 characters", allowed`],
    [token(await fileOf("d", `${OPERATOR}\n${READER}\n`)), `"--admin-token": found "other char`],
    [
      [...token(operator), "--admin-reader-token", operator],
      `"--admin-reader-token": found "a token of operator again", allowed is each token once`,
    ],
    [["--admin", inside, "--admin-host", "a b"], `"--admin-host": found "a b", allowed is a host`],
  ];
  for (const [args, says] of rows) {
    const { status, out, err } = await run("serve", "-q", "--listen", "127.0.0.1:0", ...args);
    const listening = out.filter((line) => !line.startsWith("listening "));
    assertEquals([status, listening, err.length], [2, [], 1], args.join(" "));
    assertStringIncludes(err[0], says);
    for (const secret of ["hunter2", OPERATOR]) assert(!err[0].includes(secret), err[0]);
  }
});

Deno.test("admin: tokens of a file and of the environment, and what each is good for", async () => {
  const operator = await fileOf("operator", `\n${OPERATOR}\r\n`);
  Deno.env.set(ENVIRONMENT, READER);
  await using fixture = await new Fixture(
    `${LISTEN}[admin]\nlisten = "0.0.0.0:0"\noperator-token = "${operator}"\n` +
      `reader-token = "env:${ENVIRONMENT}"\n`,
  ).start();
  Deno.env.delete(ENVIRONMENT);
  const address = `http://127.0.0.1:${fixture.admin.port}/`;
  const statuses = async (headers: Record<string, string>): Promise<number[]> => {
    const answers = [
      await fetch(`${address}api/stats`, { headers }),
      await fetch(`${address}api/reload`, post({}, headers)),
    ];
    return await Promise.all(answers.map(async (one) => (await one.text(), one.status)));
  };
  assertEquals(await statuses({}), [401, 401]);
  assertEquals(await statuses(bearer("wrong-0123456789abcdef")), [401, 401]);
  assertEquals(await statuses(bearer(READER)), [200, 403]);
  // What the reload would read is not there any more.
  assertEquals(await statuses(bearer(OPERATOR)), [200, 422]);
  assertEquals(await statuses(bearer(OPERATOR.slice(0, -1))), [401, 401]);
  assertEquals((await fetch(`${address}healthz`).then((one) => read(one))).alive, true);
});

Deno.test("reload: other tokens, hosts and addresses, each without a gap", async () => {
  const [one, two] = [await fileOf("one", OPERATOR), await fileOf("two", `${OPERATOR}-2`)];
  await using fixture = await new Fixture(ADMIN).start();
  const first = fixture.admin;
  const status = async (headers: Record<string, string> = {}): Promise<number> => {
    const answer = await fixture.ask("api/stats", { headers });
    await answer.text();
    return answer.status;
  };
  const viewer = new Viewer(await fixture.ask("api/stats/stream"));
  await viewer.next();

  // The same again changes nothing for who watches.
  await fixture.reload(`${ADMIN}# the same\n`);
  assertEquals((await statsOf(String(first))).viewers.open, 1);

  await fixture.reload(`${ADMIN}operator-token = "${one}"\n`);
  // Whoever watched without a token does so no longer.
  await ended(viewer);
  assertEquals([await status(), await status(bearer(OPERATOR))], [401, 200]);
  await fixture.reload(`${ADMIN}operator-token = "${two}"\n`);
  assertEquals([await status(bearer(OPERATOR)), await status(bearer(`${OPERATOR}-2`))], [401, 200]);

  const named = ["GET /healthz HTTP/1.1", "Host: admin.example", "Connection: close", ""];
  assertMatch(await fixture.raw(...named), /^HTTP\/1\.1 421 /);
  await fixture.reload(`${ADMIN}hosts = ["admin.example"]\n`);
  assertMatch(await fixture.raw(...named), /^HTTP\/1\.1 200 /);
  assertEquals(await status(), 200);
  assertEquals(String(fixture.admin), String(first));

  const wrong = [
    `${ADMIN}operator-token = "${directory}/none"\n`,
    `${ADMIN}hosts = ["a b"]\n`,
    ADMIN.replace('127.0.0.1:0"\n[admin]', '127.0.0.1:0"\n[admin]').replace(
      `[admin]\nlisten = "127.0.0.1:0"`,
      `[admin]\nlisten = "0.0.0.0:0"`,
    ),
  ];
  for (const text of wrong) {
    const answer = await fixture.ask("api/reload", (fixture.text = text, post({})));
    assertEquals((await read(answer, 422)).error.mistakes.length, 1, text);
    assertMatch(await fixture.raw(...named), /^HTTP\/1\.1 200 /);
  }
  assertMatch(await (await fixture.ask("metrics")).text(), /\nsluice_admin_viewers 0\n/);

  await fixture.reload(ADMIN.replace(`listen = "127.0.0.1:0"`, `listen = "localhost:0"`));
  assertEquals(fixture.said.slice(-2, -1), [`closed admin ${first}`]);
  assert(fixture.admin.port !== first.port);
  assertEquals(await status(), 200);
});

/** Reads what is left. */
async function ended(viewer: Viewer): Promise<void> {
  try {
    while (await viewer.next() !== undefined);
  } catch {
    // It may have been cut off.
  }
}

Deno.test("a stranger's page that leads its own name to us learns nothing (DNS rebinding)", async () => {
  await using fixture = await new Fixture(ADMIN).start();
  const { port } = fixture.admin;
  const request = (target: string, ...headers: string[]) =>
    fixture.raw(`GET ${target} HTTP/1.1`, ...headers, "Connection: close", "");
  // The browser takes the page and the admin for one origin, so that is what it says.
  const sameOrigin = ["Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: cors"];
  for (const target of ["/", "/api/stats", "/api/stats/stream", "/metrics", "/openapi.json"]) {
    const text = await request(target, `Host: evil.example:${port}`, ...sameOrigin);
    assertMatch(text, /^HTTP\/1\.1 421 /, target);
    assertStringIncludes(text, `"code":"forbidden-host"`);
    assert(!/access-control-/i.test(text));
    assert(!text.includes("sessions"), text);
  }
  const hosts: readonly (readonly [headers: readonly string[], status: string])[] = [
    [[`Host: localhost:${port}`], "200"],
    [[`Host: 127.0.0.1:${port}`], "200"],
    [[`Host: 127.0.0.1.evil.example:${port}`], "421"],
    [[`Host: 0.0.0.0:${port}`], "421"],
    [[`Host: localhost:${port}`, `Host: evil.example`], "400"],
    [[`Host: evil.example`, `X-Forwarded-Host: localhost`], "421"],
    [["Host:"], "400"],
  ];
  for (const [headers, status] of hosts) {
    const text = await request("/api/stats", ...headers);
    assertEquals(text.slice(9, 12), status, headers.join());
  }
  const absolute = `http://localhost:${port}/api/stats`;
  assertMatch(await request(absolute, "Host: evil.example"), /^HTTP\/1\.1 4/);
});

Deno.test("a stranger's page that posts to us changes nothing (cross-site requests)", async () => {
  await using fixture = await new Fixture(ADMIN).start();
  const { host } = fixture.admin;
  const send = (method: string, ...headers: string[]) =>
    fixture.raw(
      `${method} HTTP/1.1`,
      ...[`Host: ${host}`, "Connection: close", "Content-Length: 2", ...headers, "", "{}"],
    );
  const cross = ["Origin: http://evil.example", "Sec-Fetch-Site: cross-site"];
  const type = (text: string) => `Content-Type: ${text}`;
  const forms = [
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=a",
  ];
  const rows: [headers: string[], status: string][] = [
    [[...cross, type("application/json")], "403"],
    [["Origin: null", type("application/json")], "403"],
    [[`Origin: http://${host}0`, type("application/json")], "403"],
    [["Origin: http://localhost", type("application/json")], "403"],
    [["Sec-Fetch-Site: same-site", type("application/json")], "403"],
    [["Sec-Fetch-Site: cross-site", "Sec-Fetch-Dest: document", type("application/json")], "403"],
    // A browser of old days tells nothing of the page, and its form cannot say that it is JSON.
    ...forms.map((form): [string[], string] => [[type(form)], "415"]),
    [[type("text/plain, application/json")], "415"],
    [[], "415"],
  ];
  for (const method of ["POST /api/drain", "POST /api/reload", "DELETE /api/sessions/x"]) {
    for (const [headers, status] of rows) {
      const text = await send(method, ...headers);
      assertEquals(text.slice(9, 12), status, `${method} ${headers.join()}`);
      assert(!/access-control-/i.test(text));
    }
    const preflight = await send(
      `OPTIONS ${method.split(" ")[1]}`,
      ...[...cross, "Access-Control-Request-Method: POST"],
      "Access-Control-Request-Headers: content-type",
    );
    assertMatch(preflight, /^HTTP\/1\.1 403 /);
    assert(!/access-control-/i.test(preflight));
  }
  assertEquals((await read(await fixture.ask("api/stats"))).draining, false);
  assertMatch(await fixture.mail("a@x.example"), /^250 /);
  // What the dashboard itself sends is obeyed.
  const own = [`Origin: http://${host}`, "Sec-Fetch-Site: same-origin", type("application/json")];
  assertMatch(await send("POST /api/reload", ...own), /^HTTP\/1\.1 200 /);
});

Deno.test("serve: logs as it is told, follows SIGHUP, and ends whatever viewers do", async () => {
  const token = await fileOf("token", `${OPERATOR}\n`);
  const config = await fileOf(
    "sluice.toml",
    `${ADMIN}[log]\nformat = "json"\nlevel = "error"\naddresses = "redacted"\n`,
  );
  const child = spawn(["serve", "--config", config, "--log-level", "info"], "piped");
  const [lines, errors] = [linesOf(child.stdout), new Response(child.stderr).text()];
  const line = async (): Promise<string> =>
    (await guarded(lines.read(), () => "a line")).value ?? "";
  const [{ address: smtp, ...listening }, { address: admin, service }] = [
    JSON.parse(await line()),
    JSON.parse(await line()),
  ];
  assertEquals([Object.keys(listening), listening.level, listening.event, listening.service], [
    ["time", "level", "event", "service"],
    ...["info", "listening", "smtp"],
  ]);
  assertEquals(service, "admin");
  assertMatch(admin, /^http:\/\/127\.0\.0\.1:\d+\/$/);

  const message = await fileOf("message", "From: a@x.example\n\nHello\n");
  const { status } = await run(
    ...["send", "--server", `smtp://${smtp}`, "--from", "alice@x.example"],
    ...["--to", "bob@y.example", message],
  );
  assertEquals(status, 0);
  const logged = JSON.parse(await line());
  assertEquals([logged.event, logged.from, logged.to], [
    "accepted",
    "<…@x.example>",
    ["<…@y.example>"],
  ]);

  await Deno.writeTextFile(config, `${ADMIN}operator-token = "${token.split("/").at(-1)}"\n`);
  child.kill("SIGHUP");
  assertEquals(JSON.parse(await line()).event, "reloaded");
  assertEquals(await codeOf(await fetch(`${admin}api/stats`)), "unauthorized");

  const headers = bearer(OPERATOR);
  const viewer = new Viewer(await fetch(`${admin}api/stats/stream`, { headers }));
  await viewer.next();
  const { port } = new URL(admin);
  const stubborn = await Promise.all([
    // Never reads, never ends its request, never sends what it has announced.
    `GET /api/stats/stream HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${OPERATOR}\r\n\r\n`,
    "GET /healthz HTTP/1.1\r\nHost: local",
    "POST /api/policy/explain HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n" +
    `Content-Type: application/json\r\nAuthorization: Bearer ${OPERATOR}\r\n\r\n{`,
  ].map(async (request) => {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port: Number(port) });
    await conn.write(new TextEncoder().encode(request));
    return conn;
  }));
  // All of them have been heard.
  while ((await statsOf(admin, headers)).viewers.open < 2);
  child.kill("SIGTERM");
  await guarded(ended(viewer), () => "the end of the live stream");
  const draining = JSON.parse(await line());
  assertEquals([draining.event, typeof draining.sessions], ["draining", "number"]);
  const { code } = await guarded(child.status, () => "the process to end");
  // The runtime may have had to fetch a library first.
  const said = (await errors).replaceAll(/^Download .*\n/gm, "");
  assertEquals([code, await line(), said], [0, "", ""]);
  for (const conn of stubborn) conn.close();
  await lines.cancel();
});

// deno-lint-ignore no-explicit-any
async function statsOf(admin: string, headers: Record<string, string> = {}): Promise<any> {
  return await read(await fetch(`${admin}api/stats`, { headers }));
}

Deno.test("serve: a drain that is asked for over the API ends the process", async () => {
  const child = spawn(
    ["serve", "-q", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"],
    "piped",
  );
  const [lines, errors] = [linesOf(child.stdout), new Response(child.stderr).text()];
  const line = async (): Promise<string> =>
    (await guarded(lines.read(), () => "a line")).value ?? "";
  await line();
  const admin = (await line()).split(" ")[2];
  assertEquals((await read(await fetch(`${admin}api/drain`, post({})))).drained, true);
  assertEquals(await line(), "draining 0 sessions");
  const { code } = await guarded(child.status, () => "the process to end");
  assertEquals([code, await errors], [0, ""]);
  await lines.cancel();
});
