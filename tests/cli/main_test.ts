import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import manifest from "../../deno.json" with { type: "json" };
import { makeCertificates } from "../_certificates.ts";
import { run } from "./_run.ts";

const certificates = await makeCertificates();

Deno.test.afterAll(() => certificates.remove());

Deno.test("the overview names every command", async () => {
  const { status, out, err } = await run("--help");
  assertEquals([status, err], [0, []]);
  for (const command of ["serve", "send", "top", "tail", "probe", "version"]) {
    assertEquals(out.filter((line) => line.startsWith(`  ${command} `)).length, 1);
  }
  for (const args of [["-h"], ["help"]]) assertEquals((await run(...args)).out, out);
});

Deno.test("--help of each command goes to standard output", async () => {
  for (const command of ["serve", "send", "top", "tail", "probe", "version"]) {
    for (const option of ["--help", "-h"]) {
      const { status, out, err } = await run(command, option);
      assertEquals([status, err], [0, []]);
      assert(out.some((line) => line.startsWith(`Usage: sluice ${command} [options]`)));
    }
  }
});

Deno.test("version", async () => {
  const { status, out } = await run("version");
  assertEquals([status, out], [0, [`sluice ${manifest.version} (deno ${Deno.version.deno})`]]);
});

/** A command line that cannot be obeyed, and what the one line about it says. */
type Mistake = readonly [args: readonly string[], says: string];

async function refuses(t: Deno.TestContext, mistakes: readonly Mistake[]): Promise<void> {
  for (const [args, says] of mistakes) {
    await t.step(args.join(" "), async () => {
      const { status, out, err } = await run(...args);
      assertEquals([status, out, err.length], [2, [], 1], err.join("\n"));
      assert(err[0].startsWith("sluice: "), err[0]);
      assertStringIncludes(err[0], says);
    });
  }
}

Deno.test("usage errors: one line, exit status 2", async (t) => {
  await refuses(t, [
    [
      ["relay"],
      'Unknown command "relay"; allowed are serve, stdio, check, send, explain, replay, top, tail, probe, version',
    ],
    [["constructor"], 'Unknown command "constructor"'],
    [["--unknown"], "serve: Unknown option '--unknown'"],
    [["--listen"], "serve: Option '-l, --listen <value>' argument missing"],
    [["serve", "operand"], 'serve: found "operand", no operand is allowed'],
    [["version", "operand"], 'version: found "operand", no operand is allowed'],
    [["version", "--quiet"], "version: Unknown option '--quiet'"],
    [["send", "a", "b"], 'send: found "b", allowed is [file]'],
    [["probe"], "probe: found no operand"],
    [["--unknown\nsecond line"], "'--unknown second line'"],
    [["--help", "--unknown"], "serve: Unknown option '--unknown'"],
  ]);
});

const { a, b } = certificates;

Deno.test("serve refuses each mistake", async (t) => {
  const mistakes: readonly (readonly [args: readonly string[], says: string])[] = [
    [["--listen", "2525"], '"--listen": found "2525", allowed is host:port'],
    [["--listen", "127.0.0.1:65536"], '"--listen"'],
    [["--listen", "unix:/absent/directory/socket"], "an address that is free"],
    [["--tls-listen", "nowhere"], '"--tls-listen": found "nowhere"'],
    [["--upstream", "127.0.0.1:25"], '"--upstream": found "127.0.0.1:25"'],
    [["--upstream", "http://mail.example"], '"--upstream"'],
    [["--upstream", "smtp://user@127.0.0.1"], '"--upstream"'],
    [["--upstream", "smtp://127.0.0.1/path"], '"--upstream"'],
    [["--upstream", "smtp://127.0.0.1?tls=maybe"], 'found "tls=maybe"'],
    [["--upstream", "smtps://127.0.0.1?tls=none"], 'found "tls=none"'],
    [["--upstream", "smtp://127.0.0.1?port=25"], 'found "port=25"'],
    [["--upstream", "smtp://127.0.0.1?chunking=no"], 'found "no", allowed is small, as-received'],
    [["--upstream", "smtp://127.0.0.1?pin=sha256:12"], "64 hexadecimal digits"],
    [["--upstream", "smtp://127.0.0.1?tls=verify&tls=none"], "two of tls"],
    [["--upstream", "smtp://127.0.0.1?ca=x"], "only together with tls=verify"],
    [["--upstream", "smtp://127.0.0.1?tls=verify&ca=/absent"], "a file that can be read"],
    [["--upstream", "capture:/dev/null/mail"], "a directory that can be written"],
    [["--cert", a.certPath], "one for each --cert"],
    [["--key", a.keyPath], "one for each --cert"],
    [["--cert", "/absent", "--key", a.keyPath], '"--cert": found "/absent"'],
    [["--cert", a.certPath, "--key", b.keyPath], '"--cert"'],
    [["--cert", a.keyPath, "--key", a.keyPath], '"--cert"'],
    [["--cert", a.certPath, "--key", a.keyPath, "--client-ca", "/absent"], '"--client-ca"'],
    [["--cert", a.certPath, "--key", a.keyPath, "--client-ca", a.keyPath], '"--client-ca"'],
    [["--require-tls"], "only together with --cert"],
    [["--client-ca", a.certPath], "only together with --cert"],
    [["--trusted", "10.0.0.1/8"], 'found "10.0.0.1/8", allowed is an IP address, or address/bits'],
    [["--auth", "maybe"], 'found "maybe", allowed is relay, off, require'],
    [["--trusted", "localhost"], "--trusted"],
    [["--trusted", "10.0.0.0/33"], "--trusted"],
    [["--accept", "xclient"], "only together with --trusted"],
    [["--accept", "magic", "--trusted", "::1"], "allowed is xclient, xforward, proxy"],
    [["--upstream", "smtp://127.0.0.1", "--identify", "me"], '"--identify": found "me"'],
    [["--hostname", "a b"], 'found "a b", allowed is a domain name'],
    [["--max-size", "50MB"], '"--max-size": found "50MB"'],
    [["--max-size", "0"], "a whole number of at least 1"],
    [["--max-recipients", "many"], "a whole number of at least 1"],
    [["--max-recipients", "0"], "a whole number of at least 1"],
    [["--max-recipients", "1.5"], "a whole number of at least 1"],
    [["--idle-timeout", "5 minutes"], '"--idle-timeout": found "5 minutes"'],
    [["--upstream-timeout", "-1"], "--upstream-timeout"],
    [["--bare-newline", "keep"], 'found "keep", allowed is reject, normalize'],
    [["--verify", "never"], 'found "never", allowed is local, upstream'],
    [["--drain", "soon"], '"--drain": found "soon"'],
  ];
  await refuses(t, mistakes.map(([args, says]) => [["serve", ...args], says]));
});
