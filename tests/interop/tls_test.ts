import { assert, assertEquals, assertMatch, assertNotEquals, assertNotMatch } from "@std/assert";
import { encode } from "../../src/bytes.ts";
import { type Certificate, createAuthority } from "./_authority.ts";
import { Client } from "./_client.ts";
import { assertArrived, SMALL } from "./_messages.ts";
import { startPostfix } from "./_postfix.ts";
import { startSluice } from "./_sluice.ts";
import { freePort, interop, run, shared } from "./_tools.ts";

/** A second port of the same Postfix that does not offer STARTTLS. */
const clearPort = freePort();

const authority = shared(createAuthority);
const stranger = shared(createAuthority);

const certificates = new Map<string, Promise<Certificate>>();
async function certificate(name: string): Promise<Certificate> {
  const issuer = await authority();
  if (!certificates.has(name)) certificates.set(name, issuer.issue(name));
  return certificates.get(name)!;
}

const upstream = shared(async () =>
  await startPostfix({
    tls: await certificate("mx.test.example"),
    settings: { smtpd_tls_received_header: "yes" },
    master: [
      `127.0.0.1:${clearPort} inet n - n - - smtpd -o smtpd_tls_security_level=none`,
    ],
  })
);

const needs = ["postfix", "openssl"];

interop("a client chooses the certificate and the version of TLS", needs, async (t) => {
  const [a, b] = [await certificate("a.test.example"), await certificate("b.test.example")];
  await using sluice = await startSluice([
    ...["--listen", "127.0.0.1:0", "--tls-listen", "127.0.0.1:0"],
    ...["--cert", a.cert, "--key", a.key, "--cert", b.cert, "--key", b.key],
    ...["--upstream", `smtp://127.0.0.1:${(await upstream()).port}?tls=none`],
  ]);
  const authorityFile = (await authority()).file;
  const [startTlsPort, tlsPort] = sluice.ports;
  const handshake = (...args: string[]) =>
    run("openssl", [
      ...["s_client", "-CAfile", authorityFile, "-verify_return_error", "-crlf", ...args],
    ], { input: encode("QUIT\n") });

  const ways = [
    { way: "STARTTLS", args: ["-starttls", "smtp", "-connect", `127.0.0.1:${startTlsPort}`] },
    { way: "implicit TLS", args: ["-connect", `127.0.0.1:${tlsPort}`] },
  ];
  for (const { way, args } of ways) {
    const names = [
      { asked: ["-servername", "a.test.example"], shown: "a.test.example" },
      { asked: ["-servername", "b.test.example"], shown: "b.test.example" },
      { asked: ["-servername", "B.Test.Example"], shown: "b.test.example" },
      { asked: ["-servername", "c.test.example"], shown: "a.test.example" },
      { asked: ["-noservername"], shown: "a.test.example" },
    ];
    for (const { asked, shown } of names) {
      await t.step(`${way} ${asked.join(" ")}`, async () => {
        const { code, output } = await handshake(...args, ...asked, "-verify_hostname", shown);
        assertEquals(code, 0, output);
        // OpenSSL 3.2 has dropped the spaces around the equals sign.
        assertMatch(output, new RegExp(`^subject=CN ?= ?${shown}$`, "m"));
        assertMatch(output, /Verify return code: 0 \(ok\)/);
      });
    }
    for (const version of ["1.2", "1.3"]) {
      await t.step(`${way} with TLS ${version}`, async () => {
        const { code, output } = await handshake(...args, `-tls${version.replace(".", "_")}`);
        assertEquals(code, 0, output);
        assert(output.includes(`New, TLSv${version}, Cipher is`), output);
      });
    }
    await t.step(`${way} with TLS 1.1 is refused`, async () => {
      const old = ["-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"];
      const { code, output } = await handshake(...args, ...old);
      assertNotEquals(code, 0);
      assert(output.includes("New, (NONE), Cipher is (NONE)"), output);
    });
  }
});

/** What is asked of the connection to the upstream, and what must come of it. */
const rows: {
  name: string;
  query: () => Promise<string>;
  scheme?: "smtps";
  port?: number;
  outcome: "in the clear" | "under TLS" | "refused";
}[] = [
  { name: "none", query: () => Promise.resolve("tls=none"), outcome: "in the clear" },
  {
    name: "opportunistic",
    query: () => Promise.resolve("tls=opportunistic"),
    outcome: "under TLS",
  },
  {
    name: "opportunistic, not offered",
    query: () => Promise.resolve("tls=opportunistic"),
    port: clearPort,
    outcome: "in the clear",
  },
  { name: "required", query: () => Promise.resolve("tls=required"), outcome: "under TLS" },
  {
    name: "required, not offered",
    query: () => Promise.resolve("tls=required"),
    port: clearPort,
    outcome: "refused",
  },
  {
    name: "verified by authority and name",
    query: async () => `tls=verify&ca=${(await authority()).file}&name=mx.test.example`,
    outcome: "under TLS",
  },
  {
    name: "verified, implicit TLS",
    query: async () => `tls=verify&ca=${(await authority()).file}&name=mx.test.example`,
    scheme: "smtps",
    outcome: "under TLS",
  },
  {
    name: "verified, another authority",
    query: async () => `tls=verify&ca=${(await stranger()).file}&name=mx.test.example`,
    outcome: "refused",
  },
  {
    name: "verified, another authority, implicit TLS",
    query: async () => `tls=verify&ca=${(await stranger()).file}&name=mx.test.example`,
    scheme: "smtps",
    outcome: "refused",
  },
  {
    name: "verified, another name",
    query: async () => `tls=verify&ca=${(await authority()).file}&name=other.example`,
    outcome: "refused",
  },
  {
    name: "pinned",
    query: async () => `pin=sha256:${(await certificate("mx.test.example")).fingerprint}`,
    outcome: "under TLS",
  },
  {
    name: "pinned to another certificate",
    query: async () => `pin=sha256:${(await certificate("a.test.example")).fingerprint}`,
    outcome: "refused",
  },
];

for (const { name, query, scheme, port, outcome } of rows) {
  interop(`TLS to the upstream: ${name}: ${outcome}`, needs, async () => {
    const postfix = await upstream();
    const server = scheme === "smtps"
      ? `smtps://127.0.0.1:${postfix.tlsPort}`
      : `smtp://127.0.0.1:${port ?? postfix.port}`;
    await using sluice = await startSluice([
      ...["--listen", "127.0.0.1:0", "--upstream", `${server}?${await query()}`],
    ]);
    if (outcome === "refused") {
      // EHLO needs to know what the upstream offers and can only answer 421; HELO does not.
      for (const [verb, refusal] of [["EHLO", /^421 /], ["HELO", /^451 4\.7\.5 /]] as const) {
        using client = await Client.connect(sluice.ports[0]);
        assertMatch(await client.attempt(SMALL, { verb }), refusal);
      }
      await sluice.stop();
      await postfix.sessionsEnded();
      await postfix.delivered(0);
      return;
    }
    using client = await Client.connect(sluice.ports[0]);
    assertMatch(await client.attempt(SMALL), /^250 /);
    const [{ file }] = await postfix.delivered(1);
    assertArrived(file, SMALL);
    const trace = new TextDecoder().decode(file);
    if (outcome === "under TLS") assertMatch(trace, /\(using TLSv1\.[23] with cipher /);
    else assertNotMatch(trace, /\(using TLS/);
  });
}
