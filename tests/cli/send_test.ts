import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { createTlsServer, staticCertificates } from "../../src/adapters/deno/mod.ts";
import { progressLine } from "../../src/cli/send_progress.ts";
import { makeCertificates } from "../_certificates.ts";
import { run } from "./_run.ts";
import { type Script, startProxy, startScripted } from "./_servers.ts";

const directory = await Deno.makeTempDir({ prefix: "sluice-send-" });
const certificates = await makeCertificates();

Deno.test.afterAll(async () => {
  await Deno.remove(directory, { recursive: true });
  await certificates.remove();
});

const text = (octets: Uint8Array) => new TextDecoder("latin1").decode(octets);

/** Writes a file, one octet for each character. */
async function file(name: string, content: string): Promise<string> {
  const path = `${directory}/${name}`;
  await Deno.writeFile(path, Uint8Array.from(content, (character) => character.charCodeAt(0)));
  return path;
}

const envelope = ["--from", "a@example.org", "--to", "b@example.org"];

Deno.test("content arrives, with the line ends that were asked for", async (t) => {
  const cases: readonly [name: string, content: string, options: string[], arrives: string][] = [
    ["CRLF", "Subject: x\r\n\r\n.dot\r\n..\r\n", [], "Subject: x\r\n\r\n.dot\r\n..\r\n"],
    ["LF", "Subject: x\n\n.dot\n.\n", [], "Subject: x\r\n\r\n.dot\r\n.\r\n"],
    ["mixed, and a bare CR", "a\r\nb\nc\rd\n", [], "a\r\nb\r\nc d\r\n"],
    ["binarymime is as it is", "a\nb\r\0", ["--body", "binarymime"], "a\nb\r\0"],
    ["8bitmime", "Subject: x\n\n\xe4\n", ["--body", "8BITMIME"], "Subject: x\r\n\r\n\xe4\r\n"],
    ["no last line end", "a\nb", [], "a\r\nb\r\n"],
    ["a CR at the end", "a\nb\r", [], "a\r\nb \r\n"],
    ["empty", "", [], ""],
  ];
  for (const [name, content, options, arrives] of cases) {
    await t.step(name, async () => {
      await using proxy = await startProxy();
      const path = await file("content.eml", content);
      const { status, out, err } = await run(
        "send",
        "-s",
        proxy.url,
        ...envelope,
        ...options,
        path,
      );
      assertEquals([status, err], [0, []]);
      assertMatch(out.join("\n"), /^250 2\.0\.0 /);
      assertEquals(proxy.messages.map((message) => text(message.content)), [arrives]);
    });
  }
});

Deno.test("--as-is leaves the octets alone, stuffs dots, and needs no end of line", async () => {
  await using server = await startScripted();
  const path = await file("as-is.eml", "a\nb\r\n.c\rd");
  const { status } = await run("send", "-s", server.url, ...envelope, "--as-is", path);
  assertEquals(status, 0);
  assertEquals(server.messages, ["a\nb\r\n..c\rd"]);
});

Deno.test("a large message arrives whole, in BDAT chunks and behind DATA", async () => {
  const lines = Array.from({ length: 40_000 }, (_, nth) => `.${nth} a line of a large message`);
  const path = await file("large.eml", lines.join("\n") + "\n");
  await using proxy = await startProxy();
  for (const chunking of ["always", "never"]) {
    const server = `${proxy.url}?chunking=${chunking}`;
    assertEquals((await run("send", "-s", server, ...envelope, path)).status, 0);
  }
  const expected = lines.join("\r\n") + "\r\n";
  assertEquals(proxy.messages.map(({ content }) => text(content) === expected), [true, true]);
  // Counted before it was sent, line ends as they will be.
  assertEquals(proxy.messages.map(({ parameters }) => parameters.size), [
    expected.length,
    expected.length,
  ]);
});

Deno.test("the envelope: options first, then the header", async (t) => {
  const header = 'From: "A, B" <a@example.org>\nTo: b@example.org, G: c@example.org;\n' +
    "Cc: (x) B <b@EXAMPLE.org>\n\nTo: not@example.org\n";
  const cases: readonly [options: string[], from: string, to: string[]][] = [
    [[], "<a@example.org>", ["<b@example.org>", "<c@example.org>"]],
    [["--from", ""], "<>", ["<b@example.org>", "<c@example.org>"]],
    [["--to", "x@example.org", "-t", "y@example.org"], "<a@example.org>", [
      "<x@example.org>",
      "<y@example.org>",
    ]],
    [["-f", "z@example.org", "-t", "x@example.org", "-t", "x@example.org"], "<z@example.org>", [
      "<x@example.org>",
    ]],
  ];
  for (const [options, from, to] of cases) {
    await t.step(options.join(" "), async () => {
      await using proxy = await startProxy();
      const path = await file("envelope.eml", header);
      assertEquals((await run("send", "-s", proxy.url, ...options, path)).status, 0);
      const [{ reversePath, recipients }] = proxy.messages;
      assertEquals(String(reversePath), from);
      assertEquals(recipients.map(({ forwardPath }) => String(forwardPath)), to);
    });
  }
});

Deno.test("parameters of MAIL and RCPT", async () => {
  const offers = ["SIZE", "DSN", "SMTPUTF8", "8BITMIME"];
  await using server = await startScripted({ offers });
  const path = await file("parameters.eml", "a\n");
  const { status } = await run(
    ...["send", "-s", server.url, "--from", "ä@example.org", "--to", "b@example.org"],
    ...["--smtputf8", "--body", "8bitmime", "--ret", "hdrs", "--envid", "a+b c"],
    ...["--notify", "success,failure", path],
  );
  assertEquals(status, 0);
  assertEquals(server.lines.filter((line) => /^(MAIL|RCPT)/.test(line)), [
    "MAIL FROM:<\xc3\xa4@example.org> SIZE=3 SMTPUTF8 BODY=8BITMIME RET=HDRS ENVID=a+2Bb+20c",
    "RCPT TO:<b@example.org> NOTIFY=SUCCESS,FAILURE",
  ]);
});

Deno.test("what the server refuses is told in its words, with exit status 1", async (t) => {
  const cases: readonly [
    name: string,
    script: Script,
    options: string[],
    err: RegExp,
    accepted: number,
  ][] = [
    ["greeting", { replies: { greeting: "554 Go away" } }, [], /greeted with 554 Go away$/, 0],
    [
      "MAIL",
      { replies: { MAIL: "550 5.7.1 Not you" } },
      [],
      /^sluice: MAIL FROM:<a@example.org>: 550 5.7.1 Not you$/,
      0,
    ],
    [
      "every RCPT",
      { replies: { RCPT: "550 5.1.1 Nobody" } },
      [],
      /^sluice: RCPT TO:<b@example.org>: 550 5.1.1 Nobody$/,
      0,
    ],
    [
      "one RCPT",
      { replies: { "RCPT TO:<x": "450 4.2.1 Later" } },
      ["--to", "x@example.org"],
      /^sluice: RCPT TO:<x@example.org>: 450 4.2.1 Later$/,
      1,
    ],
    [
      "DATA",
      { replies: { DATA: "451 4.3.0 Not now" } },
      [],
      /^sluice: DATA: 451 4.3.0 Not now$/,
      0,
    ],
    [
      "mail data",
      { verdict: () => "554 5.6.0 Spam" },
      [],
      /^sluice: Mail data: 554 5.6.0 Spam$/,
      0,
    ],
    ["no reply to mail data", { verdict: () => "drop" }, [], /may have been accepted or not/, 0],
    ["DSN", {}, ["--ret", "full"], /does not offer DSN$/, 0],
    ["8BITMIME", {}, ["--body", "8bitmime"], /does not offer 8BITMIME$/, 0],
    [
      "BINARYMIME",
      { offers: ["BINARYMIME"] },
      ["--body", "binarymime"],
      /does not offer CHUNKING$/,
      0,
    ],
  ];
  for (const [name, script, options, message, accepted] of cases) {
    await t.step(name, async () => {
      await using server = await startScripted(script);
      const path = await file("refused.eml", "a\n");
      const { status, err } = await run("send", "-s", server.url, ...envelope, ...options, path);
      assertEquals([status, err.length], [1, 1], err.join("\n"));
      assertMatch(err[0], message);
      assertEquals(server.messages.length, accepted);
    });
  }
});

Deno.test("nobody listens: one line, exit status 1", async () => {
  await using server = await startScripted();
  await server[Symbol.asyncDispose]();
  const path = await file("nobody.eml", "a\n");
  const { status, err } = await run("send", "-s", server.url, ...envelope, path);
  assertEquals([status, err.length], [1, 1]);
});

Deno.test("command lines that cannot be obeyed: one line, exit status 2, nothing is sent", async (t) => {
  const good = await file("good.eml", "From: a@example.org\nTo: b@example.org\n\n");
  const empty = await file("empty.eml", "\n");
  const two = await file("two.eml", "From: a@example.org, b@example.org\n\n");
  const broken = await file("broken.eml", 'From: "a@example.org\n\n');
  const latin1 = await file("latin1.eml", "From: \xe4@example.org\n\n");
  const utf8 = await file("utf8.eml", "From: \xc3\xa4@example.org\nTo: b@example.org\n\n");
  const endless = await file("endless.eml", "X: y\n".repeat(20_000));
  const cases: readonly [args: string[], err: string][] = [
    [[`${directory}/absent`], "allowed is a file that can be read"],
    [[directory], "allowed is a file that can be read"],
    [[good, good], "allowed is [file]"],
    [["--server", "http://127.0.0.1", good], "--server"],
    [["--server", "capture:", good], "--server"],
    [["--from", "nonsense", good], '"--from": found "nonsense"'],
    [["--from", "a@b\r\nRCPT TO:<c@d>", good], '"--from"'],
    [["--to", "", good], '"--to": found ""'],
    [["--to", "b@example.org", empty], "found 0 addresses in From"],
    [["--from", "", empty], "found no address in To or Cc"],
    [[two], "found 2 addresses in From"],
    [[broken], 'found <"a@example.org>, which is no mailbox'],
    [[latin1], "found a header that is not UTF-8"],
    [[utf8], '"--smtputf8": found'],
    [[endless], "a header of at most 65536 octets"],
    [["--body", "9bit", good], "allowed is 7bit, 8bitmime, binarymime"],
    [["--ret", "half", good], "allowed is full, hdrs"],
    [["--envid", "\u00e4".repeat(40), good], '"--envid"'],
    [["--notify", "never,success", good], '"--notify"'],
    [["--hostname", "a b", good], '"--hostname"'],
    [["--timeout", "soon", good], '"--timeout"'],
    [["--user", "me", good], "only together with --password-file"],
    [["--password-file", good, good], "only together with --user"],
    [["--user", "", "--password-file", good, good], '"--user": found ""'],
    [["--user", "me", "--password-file", empty, good], '"--password-file"'],
    [["--user", "me", "--password-file", `${directory}/absent`, good], '"--password-file"'],
  ];
  await using server = await startScripted();
  for (const [args, message] of cases) {
    await t.step(JSON.stringify(args.map((arg) => arg.replace(directory, ""))), async () => {
      const { status, out, err } = await run("send", "-s", server.url, ...args);
      assertEquals([status, out, err.length], [2, [], 1], err.join("\n"));
      assertStringIncludes(err[0], message);
    });
  }
  assertEquals(server.lines, []);
});

Deno.test("a message that some servers would end early is not sent", async () => {
  await using server = await startScripted();
  const path = await file("nul.eml", "a\n\0.\n");
  const { status, err } = await run("send", "-s", server.url, ...envelope, path);
  assertEquals([status, err.length, server.lines], [1, 1, []]);
  assertStringIncludes(err[0], "found a NUL beside a dot");
  assertEquals((await run("send", "-s", server.url, ...envelope, "--as-is", path)).status, 0);
});

Deno.test("login: the mechanism that both know, and only where it is safe", async (t) => {
  const password = await file("password", "secret\nsecond line\n");
  const { a, ca } = certificates;
  const tls = createTlsServer({ certificates: staticCertificates([a]) });
  const login = ["--user", "me", "--password-file", password];
  const verified = `?tls=verify&name=a.example&ca=${encodeURIComponent(ca.certPath)}`;
  const cases: readonly [
    name: string,
    script: Script,
    query: string,
    options: string[],
    status: number,
    lines: string[],
  ][] = [
    ["PLAIN", { tls, offers: ["AUTH LOGIN PLAIN"], replies: { AUTH: "235 Ok" } }, verified, [], 0, [
      "AUTH PLAIN AG1lAHNlY3JldA==",
    ]],
    [
      "LOGIN",
      {
        tls,
        offers: ["AUTH CRAM-MD5 LOGIN"],
        replies: { AUTH: "334 VXNlcm5hbWU6", "bWU=": "334 UGFzc3dvcmQ6", "c2VjcmV0": "235 Ok" },
      },
      verified,
      [],
      0,
      ["AUTH LOGIN", "bWU=", "c2VjcmV0"],
    ],
    [
      "refused",
      { tls, offers: ["AUTH PLAIN"], replies: { AUTH: "535 5.7.8 No" } },
      verified,
      [],
      1,
      ["AUTH PLAIN AG1lAHNlY3JldA=="],
    ],
    [
      "asks on",
      { tls, offers: ["AUTH PLAIN"], replies: { AUTH: "334 ", "*": "501 Bad" } },
      verified,
      [],
      1,
      ["AUTH PLAIN AG1lAHNlY3JldA==", "*"],
    ],
    ["not offered", { tls }, verified, [], 1, []],
    ["unknown", { tls, offers: ["AUTH GSSAPI"] }, verified, [], 1, []],
    ["not verified", { tls, offers: ["AUTH PLAIN"] }, "", [], 1, []],
    ["no TLS", { offers: ["AUTH PLAIN"] }, "", [], 1, []],
    [
      "no TLS, insecure",
      { offers: ["AUTH PLAIN"], replies: { AUTH: "235 Ok" } },
      "",
      ["--insecure-auth"],
      0,
      ["AUTH PLAIN AG1lAHNlY3JldA=="],
    ],
  ];
  for (const [name, script, query, options, status, lines] of cases) {
    await t.step(name, async () => {
      await using server = await startScripted(script);
      const path = await file("login.eml", "a\n");
      const done = await run(
        "send",
        "-v",
        "-s",
        server.url + query,
        ...login,
        ...options,
        ...envelope,
        path,
      );
      assertEquals(done.status, status, done.err.join("\n"));
      assertEquals(
        server.lines.filter((line) => !/^(EHLO|STARTTLS|MAIL|RCPT|DATA|QUIT)/.test(line)),
        lines,
      );
      assertEquals(server.messages.length, status === 0 ? 1 : 0);
      for (const secret of ["c2VjcmV0", "AG1lAHNlY3JldA", "bWU="]) {
        assertEquals(done.err.filter((line) => line.includes(secret)), []);
      }
    });
  }
});

Deno.test("--verbose shows commands and replies, no mail data", async () => {
  await using server = await startScripted({ offers: ["PIPELINING"] });
  const path = await file("verbose.eml", "Subject: private\n");
  const { err } = await run(
    "send",
    "-v",
    "--hostname",
    "c.example",
    "-s",
    server.url,
    ...envelope,
    path,
  );
  assertEquals(err, [
    "S: 220 scripted.example ESMTP",
    "C: EHLO c.example",
    "S: 250-scripted.example",
    "S: 250 PIPELINING",
    "C: MAIL FROM:<a@example.org>",
    "C: RCPT TO:<b@example.org>",
    "S: 250 Ok",
    "S: 250 Ok",
    "C: DATA",
    "S: 354 Go on",
    "S: 250 Accepted",
    "C: QUIT",
    "S: 221 Bye",
  ]);
});

Deno.test("standard input", async () => {
  await using proxy = await startProxy();
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--no-lock", "--no-prompt", "--allow-net=127.0.0.1"],
      ...[new URL("../../src/cli/main.ts", import.meta.url).pathname],
      ...["send", "-s", proxy.url, "-f", "", "-"],
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode("To: b@example.org\n"));
  await writer.write(new TextEncoder().encode("\nHello\n"));
  await writer.close();
  const { code, stderr } = await child.output();
  assertEquals([code, text(stderr)], [0, ""]);
  assertEquals(text(proxy.messages[0].content), "To: b@example.org\r\n\r\nHello\r\n");
  // A pipe cannot be counted beforehand.
  assertEquals(proxy.messages[0].parameters.size, undefined);
});

Deno.test("progress in words", () => {
  const mebibyte = 1024 ** 2;
  assertEquals(progressLine(12.9 * mebibyte, 50 * mebibyte), "12 of 50 MiB (25 %)");
  assertEquals(progressLine(60 * mebibyte, 50 * mebibyte), "60 of 50 MiB (100 %)");
  assertEquals(progressLine(3 * mebibyte, undefined), "3 MiB");
});
