import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { memoryPair } from "../../src/adapters/memory.ts";
import { nodeDialer } from "../../src/adapters/node/dialer.ts";
import { listen } from "../../src/adapters/node/listener.ts";
import { createTlsClient, staticCertificates } from "../../src/adapters/node_tls.ts";
import { ChannelError, type TlsVerification } from "../../src/channel.ts";
import { makeCertificates } from "../_certificates.ts";
import { readAll } from "./_channel_contract.ts";
import { assertClosed, closeAll, handshake, loopback, never, serverOf } from "./_tls.ts";

const certificates = await makeCertificates();
const { a, b, ca, chained, expired, misissued, stolen, stranger } = certificates;
Deno.test.afterAll(() => certificates.remove());

Deno.test("TLS client: a server must hold its certificate's key, whatever is verified", async (t) => {
  const verifications: TlsVerification[] = [
    { kind: "none" },
    { kind: "name", name: "a.example", authorities: [ca.cert] },
    { kind: "fingerprint", fingerprints: [stolen.fingerprint] },
  ];
  for (const version of ["-tls1_2", "-tls1_3"]) {
    for (const [shown, accepted] of [[a, true], [stolen, false]] as const) {
      const port = await freePort();
      const process = new Deno.Command("openssl", {
        args: [
          ...["s_server", "-accept", `127.0.0.1:${port}`, version],
          ...["-cert", shown.certPath, "-key", shown.keyPath],
        ],
        stdin: "piped", // It stops at the end of its input.
        stdout: "piped",
        stderr: "null",
      }).spawn();
      const output = process.stdout.pipeThrough(new TextDecoderStream());
      for await (const text of output.values({ preventCancel: true })) {
        if (text.includes("ACCEPT")) break; // It listens now.
      }
      for (const verify of verifications) {
        await t.step(`${version} ${accepted ? "its own" : "stolen"}, ${verify.kind}`, async () => {
          const channel = await nodeDialer.connect({ ...loopback, port }, never);
          const connecting = createTlsClient()
            .connect(channel, { serverName: "a.example", verify }, never);
          if (accepted) (await connecting).close();
          else assertEquals((await assertRejects(() => connecting, ChannelError)).kind, "tls");
        });
      }
      process.kill();
      await output.cancel();
      await process.stdin.close();
      await process.status;
    }
  }
});

async function freePort(): Promise<number> {
  const listener = await listen(loopback);
  const { port } = listener.address as { port: number };
  listener.close();
  return port;
}

Deno.test("TLS client: what the server's certificate must prove", async (t) => {
  const known = { authorities: [ca.cert] };
  const cases: { name: string; shown: typeof a; verify: TlsVerification; problem?: string }[] = [
    { name: "right name", shown: a, verify: { kind: "name", name: "a.example", ...known } },
    { name: "wildcard", shown: b, verify: { kind: "name", name: "x.b.example", ...known } },
    {
      name: "through an intermediate",
      shown: chained,
      verify: { kind: "name", name: "chained.example", ...known },
    },
    {
      name: "wrong name",
      shown: a,
      verify: { kind: "name", name: "other.example", ...known },
      problem: 'expected one for "other.example"',
    },
    {
      name: "issued by no authority",
      shown: misissued,
      verify: { kind: "name", name: "misissued.example", ...known },
      problem: 'Found the certificate "misissued.example"',
    },
    {
      name: "run out",
      shown: expired,
      verify: { kind: "name", name: "a.example", ...known },
      problem: "expired",
    },
    {
      name: "authority unknown to the runtime",
      shown: a,
      verify: { kind: "name", name: "a.example" },
      problem: a.fingerprint,
    },
    {
      name: "other authority",
      shown: a,
      verify: { kind: "name", name: "a.example", authorities: [stranger.cert] },
      problem: "from a known authority",
    },
    {
      name: "pinned",
      shown: a,
      verify: { kind: "fingerprint", fingerprints: [b.fingerprint, a.fingerprint] },
    },
    {
      name: "pinned otherwise",
      shown: a,
      verify: { kind: "fingerprint", fingerprints: [b.fingerprint] },
      problem: `expected SHA-256 ${b.fingerprint}`,
    },
    {
      name: "nothing pinned",
      shown: a,
      verify: { kind: "fingerprint", fingerprints: [] },
      problem: "expected SHA-256",
    },
  ];
  for (const { name, shown, verify, problem } of cases) {
    await t.step(name, async () => {
      const [below, above] = memoryPair();
      const accepting = serverOf({ certificates: staticCertificates([shown]) })
        .accept(above, never).then(readAll, () => {});
      const connecting = createTlsClient()
        .connect(below, { serverName: "sni.example", verify }, never);
      if (problem === undefined) {
        const channel = await connecting;
        assertEquals(channel.tls.peer?.verified, true);
        await channel.closeWrite();
        channel.close();
      } else {
        const error = await assertRejects(() => connecting, ChannelError);
        assertEquals(error.kind, "tls");
        assertStringIncludes(error.message, problem);
        await assertClosed(below);
      }
      await accepting.catch(() => {});
      above.close();
    });
  }
});

Deno.test("TLS client: without verification the facts say what is wrong", async () => {
  const [one, other] = await handshake({}, { serverName: "a.example" });
  assertEquals(one.tls.peer?.verified, false);
  assert(one.tls.peer?.problem);
  assertEquals(one.tls.peer?.subject, "a.example");
  closeAll(one, other);
});
