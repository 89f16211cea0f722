import { assertEquals, assertMatch } from "@std/assert";
import { run } from "../cli/_run.ts";
import { startScripted } from "../cli/_servers.ts";
import { makeCertificates } from "../_certificates.ts";

const certificates = await makeCertificates();
const { dir } = certificates;

Deno.test.afterAll(() => certificates.remove());

const tls = (cert: string, key: string): string =>
  `[tls]\ncertificates = [\n  { cert = "${cert}", key = "${key}" },\n]\n`;

async function check(text: string, ...options: string[]): Promise<[number, readonly string[]]> {
  const file = `${dir}/check.toml`;
  await Deno.writeTextFile(file, text);
  const { status, out, err } = await run("check", ...options, file);
  assertEquals(err, []);
  return [status, out.map((line) => line.replaceAll(`${dir}/`, ""))];
}

Deno.test("check: what is right, with a warning for what soon is not", async () => {
  assertEquals(await check(""), [0, ["check.toml: ok"]]);
  const [status, [warning, ok]] = await check(tls("a.crt", "a.key"));
  assertEquals([status, ok], [0, "check.toml: ok"]);
  assertMatch(
    warning,
    /^check\.toml:3:3: warning: tls\.certificates\[0\]: found "a\.crt", valid to .* GMT$/,
  );
});

Deno.test("check: every mistake has its line, and the exit status is 1", async () => {
  const { a, expired } = certificates;
  const table = `${dir}/table.txt`;
  await Deno.writeTextFile(table, "a.example\n/(/\n");
  const cases: readonly (readonly [text: string, lines: readonly RegExp[]])[] = [
    ["trace = 1\nverify = 1", [/^check\.toml:1:1: trace: /, /^check\.toml:2:1: verify: /]],
    [
      `${tls("absent.crt", "a.key")}[tables.t]\nfile = "table.txt"\n` +
      `[[rule]]\nname = "r"\nat = "rcpt"\nwhen.sender = "@t"\nthen.route = "nowhere"`,
      [
        /^check\.toml:2:1: tls\.certificates: found "absent\.crt", allowed is certificate files/,
        /^check\.toml:6:1: tables\.t\.file: found "table\.txt", .*table\.txt:2:2: Cannot read pattern/,
        /^check\.toml:11:6: rule\[0\]\.then\.route: found "nowhere", allowed is an upstream/,
      ],
    ],
    [tls("a.crt", "b.key"), [/^check\.toml:2:1: tls\.certificates: found "a\.crt"/]],
    [
      tls(a.certPath, a.keyPath) + 'client-authorities = "a.key"',
      [/^check\.toml:5:1: tls\.client-authorities: found "a\.key"/],
    ],
    [
      tls(expired.certPath, expired.keyPath),
      [/^check\.toml:3:3: tls\.certificates\[0\]: found "expired\.crt", valid to .*, allowed is one /],
    ],
  ];
  await Deno.writeTextFile(`${dir}/short`, "hunter2\n");
  const admin = (listen: string, more: string) => `[admin]\nlisten = "${listen}"\n${more}`;
  const admins: typeof cases = [
    [admin("0.0.0.0:8025", ""), [
      /^check\.toml:2:1: admin\.listen: found "0\.0\.0\.0:8025", .*token$/,
    ]],
    [
      admin("0.0.0.0:8025", 'operator-token = "absent"\nreader-token = "env:SLUICE_NONE"'),
      [
        /^check\.toml:3:1: admin\.operator-token: found "absent", allowed is a secret that can be/,
        /^check\.toml:4:1: admin\.reader-token: found "env:SLUICE_NONE", allowed is a secret that/,
      ],
    ],
    [
      admin("127.0.0.1:8025", 'reader-token = "short"'),
      [/^check\.toml:3:1: admin\.reader-token: found "a token of 7 characters", allowed is at least/],
    ],
    [
      admin("127.0.0.1:8025", 'hosts = ["mail.example", "a b"]'),
      [/^check\.toml:3:26: admin\.hosts\[1\]: found "a b", allowed is a host name/],
    ],
    [
      `${tls(expired.certPath, expired.keyPath)}${admin("192.0.2.1:8025", "")}`,
      [/^check\.toml:3:3: tls\.certificates\[0\]: /, /^check\.toml:6:1: admin\.listen: /],
    ],
  ];
  for (const [text, lines] of [...cases, ...admins]) {
    const [status, out] = await check(text, "--offline");
    assertEquals([status, out.length], [1, lines.length], out.join("\n"));
    for (const line of lines) {
      assertEquals(out.some((one) => line.test(one)), true, `${line} in ${out.join("\n")}`);
    }
  }
});

Deno.test("check: upstreams are asked unless it is told not to", async () => {
  await using server = await startScripted();
  const text = `[upstream]\nurl = "${server.url}?tls=none"\n[upstreams.a]\nurl = "unix:/absent"\n`;
  assertEquals(await check(text, "--offline"), [0, ["check.toml: ok"]]);
  const [status, out] = await check(text);
  assertEquals([status, out.length], [1, 1], out.join("\n"));
  assertMatch(
    out[0],
    /^check\.toml:4:1: upstreams\.a\.url: found "unix:\/absent", allowed is an upstream that answers/,
  );
});

Deno.test("check: it needs a file that can be read", async () => {
  const { status, err } = await run("check");
  assertEquals([status, err], [2, [
    "sluice: check: found no operand, needed is a configuration file",
  ]]);
  const absent = await run("check", `${dir}/absent.toml`);
  assertEquals(absent.status, 1);
  assertMatch(absent.out[0], /absent\.toml: found .*, allowed is a file that can be read$/);
});
