/** `sluice stdio` as a process: by a pipe, and as inetd starts it. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { encode } from "../../src/bytes.ts";
import { Client } from "../interop/_client.ts";
import { MESSAGES } from "../interop/_messages.ts";
import { interop } from "../interop/_tools.ts";
import { run } from "./_run.ts";
import { programArgs } from "./_serving.ts";

const directory = await Deno.makeTempDir({ prefix: "sluice-stdio-" });
const message = `${directory}/message.eml`;
await Deno.writeTextFile(message, "From: a@example.org\nTo: b@example.org\n\nHello\n");

Deno.test.afterAll(() => Deno.remove(directory, { recursive: true }));

function start(...args: string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: programArgs("stdio", "--hostname", "mx.example", ...args)
      .toSpliced(1, 0, `--allow-write=${directory}`),
    env: { NO_COLOR: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** The messages that are there now, which are taken away. */
async function delivered(): Promise<string[]> {
  const texts: string[] = [];
  for await (const { name } of Deno.readDir(`${directory}/mail/new`)) {
    texts.push(await Deno.readTextFile(`${directory}/mail/new/${name}`));
    await Deno.remove(`${directory}/mail/new/${name}`);
  }
  return texts;
}

const upstream = ["--upstream", `capture:${directory}/mail`];
await Deno.mkdir(`${directory}/mail`);

/** Writes all of a dialogue, and waits for the end. */
async function tell(
  child: Deno.ChildProcess,
  text: string,
): Promise<{ code: number; out: string; err: string }> {
  const writer = child.stdin.getWriter();
  await writer.write(encode(text));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

const POLICY = import.meta.resolve("../../src/policy/mod.ts");
const MAIL = "MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\n";
const CHUNK = "BDAT 16 LAST\r\nSubject: Hi\r\n\r\n!";

Deno.test("stdio: one session; the log is on standard error", async () => {
  const child = start(...upstream, "--client-address", "192.0.2.7");
  const { code, out, err } = await tell(child, `EHLO x\r\n${MAIL}${CHUNK}QUIT\r\n`);
  assertEquals(code, 0);
  const replies = out.split("\r\n");
  assertEquals(replies[0], "220 mx.example ESMTP");
  assertEquals(replies.at(-2), "221 2.0.0 Closing");
  assert(replies.slice(0, -1).every((line) => /^\d{3}[ -]/.test(line)), out);
  assertMatch(err, / accepted .* listener=stdio client=192\.0\.2\.7 .* from=<a@example\.org>/);
  const [text] = await delivered();
  assertStringIncludes(text, "from x ([192.0.2.7])");
});

Deno.test("stdio: who hangs up in a message has sent none", async () => {
  const { code, out } = await tell(start(...upstream), `EHLO x\r\n${MAIL}BDAT 99\r\nSubject`);
  assertEquals(code, 1);
  assertMatch(out, /250 2\.0\.0 Ok\r\n$/);
  assertEquals(await Array.fromAsync(Deno.readDir(`${directory}/mail/new`)), []);
});

Deno.test("stdio: what a policy prints is no part of the dialogue", async () => {
  const policy = `${directory}/policy.ts`;
  await Deno.writeTextFile(
    policy,
    `import { definePolicy } from ${JSON.stringify(POLICY)};
     console.log("loaded");
     console.table([["a table"]]);
     console.group("a group");
     console.clear();
     export default definePolicy({ mail: () => { console.dir({ asked: 1 }), console.count(); } });`,
  );
  const child = start(...upstream, "--policy", policy);
  const { code, out, err } = await tell(child, `EHLO x\r\n${MAIL}QUIT\r\n`);
  assertEquals(code, 0);
  assert(out.split("\r\n").slice(0, -1).every((line) => /^\d{3}[ -]/.test(line)), out);
  for (const printed of ["loaded", "a table", "a group", "asked"]) {
    assertStringIncludes(err, printed);
  }
});

Deno.test("stdio: a configuration file, but for its listeners", async () => {
  const file = `${directory}/sluice.toml`;
  await Deno.writeTextFile(
    file,
    `upstream.url = "capture:mail"
     [[listen]]
     address = "unix:socket"
     [[rule]]
     name = "nobody"
     at = "mail"
     then.reject = "550 5.7.1 Not you"`,
  );
  const { code, out } = await tell(start("--config", file), `EHLO x\r\n${MAIL}QUIT\r\n`);
  assertEquals(code, 0);
  assertStringIncludes(out, "550 5.7.1 Not you\r\n");
});

Deno.test("stdio: what cannot be obeyed", async (t) => {
  const cases: readonly [args: readonly string[], says: string][] = [
    [[], '"--upstream": found "capture:", allowed is a server, or capture:directory'],
    [[...upstream, "--client-address", "x"], '"--client-address": found "x", allowed is'],
    [[...upstream, "--client-address", "mx.example:25"], "allowed is an IP address"],
    [[...upstream, "--implicit-tls"], '"--implicit-tls": found "no certificate", allowed is only'],
    [[...upstream, "--listen", ":25"], "Unknown option '--listen'"],
  ];
  for (const [args, says] of cases) {
    await t.step(args.join(" "), async () => {
      const { code, out, err } = await tell(start(...args), "");
      assertEquals([code, out], [2, ""]);
      assertStringIncludes(err, says);
      assertEquals(err.split("\n").length, 2);
    });
  }
});

Deno.test("stdio: send, by a listener that starts one for a connection", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const served = (async () => {
    const conn = await listener.accept();
    const { hostname, port } = conn.remoteAddr as Deno.NetAddr;
    const child = start(...upstream, "--client-address", `${hostname}:${port}`);
    await Promise.all([
      conn.readable.pipeTo(child.stdin).catch(() => {}),
      child.stdout.pipeTo(conn.writable).catch(() => {}),
    ]);
    await child.stderr.cancel();
    return (await child.status).code;
  })();
  const server = `smtp://127.0.0.1:${listener.addr.port}`;
  assertEquals((await run("send", "--server", server, message)).status, 0);
  assertEquals(await served, 0);
  const [text] = await delivered();
  assertStringIncludes(text, "from [127.0.0.1] ([127.0.0.1])");
  assert(text.endsWith("\r\n\r\nHello\r\n"));
});

/** inetd's way: the connection itself is both streams. */
const INETD = `
import socket, subprocess, sys
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
connection, _ = listener.accept()
sys.exit(subprocess.call(sys.argv[1:], stdin=connection, stdout=connection))
`;

interop("stdio: as inetd starts it", ["python3"], async () => {
  const args = programArgs("stdio", "--quiet", ...upstream)
    .toSpliced(1, 0, `--allow-write=${directory}`);
  const child = new Deno.Command("python3", {
    args: ["-c", INETD, Deno.execPath(), ...args],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  using client = await Client.connect(Number(new TextDecoder().decode(value)));
  for (const message of MESSAGES) assertMatch(await client.attempt(message), /^250 /);
  await client.commands("QUIT");
  client.close();
  assertEquals((await child.status).code, 0);
  await reader.cancel();
  assertEquals((await delivered()).length, MESSAGES.length);
});
