import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  createTlsClient,
  createTlsServer,
  denoDialer,
  staticCertificates,
} from "../../src/adapters/deno/mod.ts";
import type { Finding, Status } from "../../src/cli/probe_finding.ts";
import { maildirSearch } from "../../src/cli/probe_maildir.ts";
import { falseEnds, strictFindings, type StrictOptions } from "../../src/cli/probe_strict.ts";
import type { Target } from "../../src/channel.ts";
import { systemClock } from "../../src/clock.ts";
import { Path } from "../../src/rfc5321/path.ts";
import { resolveUpstreamOptions } from "../../src/upstream/smtp/options.ts";
import { makeCertificates } from "../_certificates.ts";
import { FakeClock } from "../_clock.ts";
import { run } from "./_run.ts";
import { type Script, startProxy, startScripted } from "./_servers.ts";

const certificates = await makeCertificates();
const tls = createTlsServer({ certificates: staticCertificates([certificates.a]) });

Deno.test.afterAll(() => certificates.remove());

const verified = `?tls=verify&name=a.example&ca=${encodeURIComponent(certificates.ca.certPath)}`;

/** A line of the output as its parts. */
function parsed(line: string): Finding {
  return {
    status: line.slice(0, 9).trimEnd() as Status,
    subject: line.slice(9, 37).trimEnd(),
    seen: line.slice(37),
  };
}

Deno.test("probe: Sluice has no weakness, with STARTTLS and verified", async () => {
  await using proxy = await startProxy({ tls, hostname: "mx.example" });
  const { status, out, err } = await run("probe", proxy.url + verified);
  assertEquals([status, err], [0, []], out.join("\n"));
  const findings = out.map(parsed);
  assertEquals(findings.map(({ subject }) => subject), [
    "greeting",
    "EHLO in the clear",
    "AUTH in the clear",
    "PIPELINING",
    "TLS",
    "certificate",
    "EHLO under TLS",
    "STARTTLS under TLS",
    "behind STARTTLS's reply",
  ]);
  const seen = Object.fromEntries(findings.map(({ subject, seen }) => [subject, seen]));
  assertStringIncludes(seen["greeting"], "220 mx.example");
  assertStringIncludes(seen["EHLO in the clear"], "STARTTLS");
  assertStringIncludes(seen["PIPELINING"], "250, 250, 250");
  assertStringIncludes(seen["TLS"], "TLSv1.3");
  const until = /until (\d{4}-\d\d-\d\d),/.exec(seen["certificate"])?.[1];
  assertEquals(
    seen["certificate"],
    `"a.example" by "ca.example" until ${until}, sha256:${certificates.a.fingerprint}, verified`,
  );
});

Deno.test("probe --json says the same", async () => {
  await using server = await startScripted({ offers: ["SIZE 1000"] });
  const { status, out } = await run("probe", "--json", `${server.url}?tls=none`);
  assertEquals(status, 0);
  assertEquals(JSON.parse(out.join("\n")), {
    server: `${server.url}?tls=none`,
    findings: [
      { subject: "greeting", status: "ok", seen: "220 scripted.example ESMTP" },
      { subject: "EHLO in the clear", status: "ok", seen: "SIZE 1000" },
      { subject: "AUTH in the clear", status: "ok", seen: "no PLAIN or LOGIN" },
      { subject: "PIPELINING", status: "unknown", seen: "not offered, so not tried" },
    ],
  });
});

Deno.test("probe: each weakness of an offer is one WEAK line, and the exit status 3", async (t) => {
  const cases: readonly [name: string, script: Script, query: string, weak: string[]][] = [
    ["no STARTTLS", {}, "", ["TLS"]],
    ["not verified", { tls }, "", ["certificate"]],
    ["another name", { tls }, verified.replace("a.example", "b.example"), ["TLS"]],
    ["STARTTLS refused", { tls, replies: { STARTTLS: "454 Later" } }, "", ["TLS"]],
    ["AUTH in the clear", { offers: ["AUTH GSSAPI PLAIN"] }, "?tls=none", ["AUTH in the clear"]],
    ["pipelining", { offers: ["PIPELINING"], replies: { NOOP: "drop" } }, "?tls=none", [
      "PIPELINING",
    ]],
    ["offered again", { tls, offers: ["STARTTLS"] }, verified, ["STARTTLS under TLS"]],
    // A client that took these octets for its own handshake would fail; this one drops them.
    ["injection", { tls, injects: "250 x\r\n" }, verified, ["behind STARTTLS's reply"]],
  ];
  for (const [name, script, query, weak] of cases) {
    await t.step(name, async () => {
      await using server = await startScripted(script);
      const { status, out, err } = await run("probe", server.url + query);
      assertEquals([status, err], [3, []], out.join("\n"));
      const found = out.map(parsed).filter(({ status }) => status === "WEAK");
      assertEquals(found.map(({ subject }) => subject), weak);
    });
  }
});

Deno.test("probe: no session, one line, exit status 1", async (t) => {
  const scripts: readonly Script["replies"][] = [
    { greeting: "554 No" },
    { greeting: "drop" },
    { EHLO: "421 No" },
  ];
  for (const replies of scripts) {
    await t.step(JSON.stringify(replies), async () => {
      await using server = await startScripted({ replies });
      const { status, out, err } = await run("probe", server.url);
      assertEquals([status, out, err.length], [1, [], 1]);
    });
  }
});

Deno.test("probe: command lines that cannot be obeyed", async (t) => {
  await using server = await startScripted();
  const { url } = server;
  const strict = ["--strict", "--from", "a@example.org", "--to", "b@example.org"];
  const cases: readonly [args: string[], err: string][] = [
    [[], "needed is the URL of a server"],
    [[url, url], "allowed is url"],
    [["capture:"], '"url": found "capture:"'],
    [["mail.example"], '"url"'],
    [["--strict", url], "--strict needs --from"],
    [["--strict", "--from", "a@example.org", url], "--strict needs --to"],
    [[...strict, "--to", "x", url], '"--to": found "x"'],
    [[...strict, "--wait", "now", url], '"--wait"'],
    [[...strict, "--wait", "0", url], '"--wait": found "0", allowed is 1s or more'],
    [[...strict, "--maildir", "/absent", url], '"--maildir"'],
    [["--from", "a@example.org", url], '"--from": found "a@example.org", allowed is only'],
    [["--maildir", ".", url], '"--maildir"'],
    [["--wait", "1s", url], '"--wait"'],
  ];
  for (const [args, message] of cases) {
    await t.step(args.join(" "), async () => {
      const { status, out, err } = await run("probe", ...args);
      assertEquals([status, out, err.length], [2, [], 1], err.join("\n"));
      assertStringIncludes(err[0], message);
    });
  }
  assertEquals(server.lines, []);
});

function strictOptions(target: Target, own: Partial<StrictOptions> = {}): StrictOptions {
  return {
    connect: resolveUpstreamOptions({
      target,
      dialer: denoDialer,
      tlsClient: createTlsClient(),
      clock: systemClock,
    }),
    from: Path.from("a@example.org"),
    to: Path.from("b@example.org"),
    wait: 20,
    token: "token",
    ...own,
  };
}

async function findingsOf(options: StrictOptions): Promise<Finding[]> {
  const findings: Finding[] = [];
  for await (const finding of strictFindings(options)) findings.push(finding);
  return findings;
}

/** The subjects of those with one status. */
function having(status: Status, findings: readonly Finding[]): string[] {
  return findings.filter((finding) => finding.status === status).map(({ subject }) => subject);
}

Deno.test("strict: Sluice takes nothing but CRLF.CRLF, and no half message", async (t) => {
  for (const bareNewline of ["reject", "normalize"] as const) {
    await t.step(bareNewline, async () => {
      await using proxy = await startProxy({ tls, bareNewline });
      const findings = await findingsOf(strictOptions(proxy.target));
      assertEquals(having("WEAK", findings), []);
      // Only the mailbox could tell what became of the half message.
      assertEquals(having("unknown", findings), ["data ended by closing"]);
      assertEquals(findings.length, falseEnds.length + 2);
      assertEquals(proxy.messages, []);
    });
  }
});

Deno.test("strict: each false end that a server takes is found, and no other", async (t) => {
  for (const [name, octets] of falseEnds) {
    await t.step(name, async () => {
      const clock = new FakeClock();
      const wait = 2_000;
      await using server = await startScripted({
        ends: ["\r\n.\r\n", octets],
        // The server has seen all there is and says nothing: now the wait may be over.
        swallowed: () => void clock.advance(wait),
      });
      const options = strictOptions(server.target, { wait });
      const findings = await findingsOf({ ...options, connect: { ...options.connect, clock } });
      assert(having("WEAK", findings).includes(`data ended by ${name}`));
      // A server that takes CRLF.LF takes no other of the table but those that contain it.
      const contained = falseEnds.filter(([, other]) => other.includes(octets));
      assertEquals(
        having("WEAK", findings),
        contained.map(([other]) => `data ended by ${other}`),
      );
      const seen = findings.find(({ status }) => status === "WEAK")?.seen;
      assertEquals(seen, "accepted: 250 Accepted");
      assertEquals(server.messages.length, contained.length);
      assertEquals(clock.timers, 0);
    });
  }
});

Deno.test("strict: a refusal is good only if what follows is no command", async (t) => {
  const ends = ["\r\n.\r\n", ...falseEnds.map(([, octets]) => octets)];
  const cases: readonly [name: string, verdict: string, status: Status, seen: string][] = [
    ["and the session ends", "421 4.7.0 Bare newline", "ok", "refused: 421 4.7.0 Bare newline"],
    ["and the session goes on", "550 5.6.0 Bare newline", "WEAK", "what follows is a command"],
    ["hangs up", "drop", "ok", "closed without a reply"],
  ];
  for (const [name, verdict, status, seen] of cases) {
    await t.step(name, async () => {
      await using server = await startScripted({ ends, verdict: () => verdict });
      const findings = (await findingsOf(strictOptions(server.target, { wait: 2_000 })))
        .slice(0, falseEnds.length);
      assertEquals(findings.map((finding) => finding.status), falseEnds.map(() => status));
      for (const finding of findings) assertStringIncludes(finding.seen, seen);
    });
  }
});

Deno.test("strict: a server that takes no test mail leaves everything unknown", async () => {
  await using server = await startScripted({ replies: { RCPT: "550 5.1.1 Nobody" } });
  const findings = await findingsOf(strictOptions(server.target));
  assertEquals(new Set(findings.map(({ status }) => status)), new Set<Status>(["unknown"]));
  assertEquals(findings[0].seen, "RCPT TO:<b@example.org>: 550 5.1.1 Nobody");
});

Deno.test("strict: half a message", async (t) => {
  const finding = async (script: Script, own: Partial<StrictOptions> = {}) => {
    await using server = await startScripted(script);
    const findings = await findingsOf(strictOptions(server.target, own));
    return findings.find(({ subject }) => subject === "data ended by closing");
  };
  await t.step("accepted with a reply", async () => {
    assertEquals((await finding({ acceptsHalf: true }))?.status, "WEAK");
  });
  await t.step("refused with a reply", async () => {
    const found = await finding({ acceptsHalf: true, verdict: () => "451 4.3.0 Lost" });
    assertEquals([found?.status, found?.seen], ["ok", "refused: 451 4.3.0 Lost"]);
  });
  await t.step("delivered without a reply", async () => {
    const asked: string[] = [];
    const delivered = (text: string) => Promise.resolve(asked.push(text) > 0);
    assertEquals((await finding({}, { delivered }))?.seen, "delivered half a message");
    assertEquals(asked, ["token closing"]);
  });
  await t.step("not delivered", async () => {
    const delivered = () => Promise.resolve(false);
    assertEquals((await finding({}, { delivered }))?.status, "ok");
  });
});

Deno.test("strict: plaintext behind STARTTLS", async (t) => {
  const cases: readonly [name: string, script: Script, status: Status, seen: string][] = [
    ["discarded", { tls }, "ok", "discarded"],
    ["obeyed", { tls, keepsPlaintext: true }, "WEAK", "were answered by 250, 250"],
    ["answered", { tls, injects: "250 Ok\r\n" }, "WEAK", "8 octets in the clear"],
    ["refused", { tls, replies: { STARTTLS: "554 No" } }, "ok", "refused: 554 No"],
    ["not offered", {}, "unknown", "STARTTLS is not offered"],
  ];
  for (const [name, script, status, seen] of cases) {
    await t.step(name, async () => {
      // Nothing else is tried: it would only take time.
      const replies = { RCPT: "550 No", ...script.replies };
      await using server = await startScripted({ ...script, replies });
      const last = (await findingsOf(strictOptions(server.target))).at(-1);
      assertEquals([last?.subject, last?.status], ["plaintext behind STARTTLS", status]);
      assertStringIncludes(last!.seen, seen);
    });
  }
});

Deno.test("maildirSearch finds what arrives after it was made, near its beginning", async () => {
  const directory = await Deno.makeTempDir({ prefix: "sluice-probe-" });
  try {
    for (const folder of ["new", "cur"]) await Deno.mkdir(`${directory}/${folder}`);
    await Deno.writeTextFile(`${directory}/new/1`, "Subject: token a");
    const search = await maildirSearch(directory, "--maildir");
    assertEquals(await search("token a"), false);
    await Deno.writeTextFile(`${directory}/cur/2`, "Subject: token b");
    await Deno.writeTextFile(`${directory}/new/3`, " ".repeat(70_000) + "token c");
    assertEquals(await search("token b"), true);
    assertEquals(await search("token c"), false);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
