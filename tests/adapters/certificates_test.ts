import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import {
  type CertificateFiles,
  fileCertificates,
  type FileCertificatesOptions,
} from "../../src/adapters/node_file_certificates.ts";
import { memoryPair } from "../../src/adapters/memory.ts";
import {
  type CertificateSource,
  createTlsClient,
  createTlsServer,
} from "../../src/adapters/node_tls.ts";
import { FakeClock } from "../_clock.ts";
import { makeCertificates } from "../_certificates.ts";

const certificates = await makeCertificates();
const { a, b, renewed } = certificates;
Deno.test.afterAll(() => certificates.remove());

const never = new AbortController().signal;

/** Files of its own for one test, and a record of what was reported. */
async function scene(options: Partial<FileCertificatesOptions> = {}) {
  const dir = await Deno.makeTempDir({ dir: certificates.dir });
  const files: CertificateFiles = { cert: `${dir}/a.crt`, key: `${dir}/a.key` };
  let second = 1_700_000_000;
  const put = async (path: string, text: string) => {
    await Deno.writeTextFile(path, text);
    // A change is seen by its time, and a test writes twice in a millisecond.
    await Deno.utime(path, ++second, second);
  };
  const write = async ({ cert, key }: { cert?: string; key?: string }) => {
    if (cert !== undefined) await put(files.cert, cert);
    if (key !== undefined) await put(files.key, key);
  };
  await write(a);
  const clock = new FakeClock();
  const errors: string[] = [];
  const reloads: CertificateFiles[] = [];
  const source = await fileCertificates([files, { cert: b.certPath, key: b.keyPath }], {
    clock,
    onError: (error) => void errors.push(error.message),
    onReload: (changed) => void reloads.push(changed),
    ...options,
  });
  return { files, write, clock, errors, reloads, source };
}

async function handshake(source: CertificateSource) {
  const [below, above] = memoryPair();
  const options = { serverName: "a.example", verify: { kind: "none" } } as const;
  const [client, server] = await Promise.all([
    createTlsClient().connect(below, options, never),
    createTlsServer({ certificates: source }).accept(above, never),
  ]);
  return { client, server, close: () => (client.close(), server.close()) };
}

Deno.test("fileCertificates: chooses by server name", async () => {
  const { source } = await scene();
  assertEquals((await source.certificateFor("a.example")).cert, a.cert);
  assertEquals((await source.certificateFor("mail.b.example")).cert, b.cert);
  assertEquals((await source.certificateFor("")).cert, a.cert);
});

Deno.test("fileCertificates: the same object as long as nothing changes", async () => {
  const { source, clock } = await scene();
  const before = await source.certificateFor("a.example");
  await clock.advance(5000);
  assertEquals(await source.certificateFor("a.example") === before, true);
});

Deno.test("fileCertificates: a changed pair is used by new sessions, old ones live on", async () => {
  const { source, clock, write, reloads, files } = await scene();
  const old = await handshake(source);
  await write(renewed);
  await clock.advance(1000);
  const fresh = await handshake(source);
  assertEquals(old.client.tls.peer?.fingerprint, a.fingerprint);
  assertEquals(fresh.client.tls.peer?.fingerprint, renewed.fingerprint);
  assertEquals(reloads, [files]);
  await old.client.write(new TextEncoder().encode("NOOP"));
  assertEquals(new TextDecoder().decode(await old.server.read()), "NOOP");
  old.close();
  fresh.close();
});

Deno.test("fileCertificates: looks at the files once each recheckMs", async () => {
  const { source, clock, write } = await scene({ recheckMs: 5000 });
  await write(renewed);
  await clock.advance(4999);
  assertEquals((await source.certificateFor("a.example")).cert, a.cert);
  await clock.advance(1);
  assertEquals((await source.certificateFor("a.example")).cert, renewed.cert);
  assertEquals(clock.timers, 0);
});

Deno.test("fileCertificates: handshakes at the same time wait for the same look", async () => {
  const { source, clock, write, reloads } = await scene();
  await write(renewed);
  await clock.advance(1000);
  const chosen = await Promise.all([1, 2, 3].map(() => source.certificateFor("a.example")));
  assertEquals(chosen.map(({ cert }) => cert), [renewed.cert, renewed.cert, renewed.cert]);
  assertEquals(reloads.length, 1);
});

Deno.test("fileCertificates: what cannot be used leaves the old pair in use", async (t) => {
  const cases: [string, { cert?: string; key?: string }, string][] = [
    ["junk as certificate", { cert: "junk" }, "Cannot read the certificate"],
    ["junk as key", { key: "junk" }, "Cannot read the private key"],
    ["the key of another", { key: b.key }, "is not that certificate's"],
    ["the new certificate before its key", { cert: renewed.cert }, "is not that certificate's"],
  ];
  for (const [name, change, problem] of cases) {
    await t.step(name, async () => {
      const { source, clock, write, errors, files } = await scene();
      await write(change);
      await clock.advance(1000);
      assertEquals((await source.certificateFor("a.example")).cert, a.cert);
      assertStringIncludes(errors[0], problem);
      assertStringIncludes(errors[0], files.cert);
      // Once a change, not once a look.
      await clock.advance(1000);
      await source.certificateFor("a.example");
      assertEquals(errors.length, 1);
      // And it is taken as soon as it is good.
      await write(renewed);
      await clock.advance(1000);
      assertEquals((await source.certificateFor("a.example")).cert, renewed.cert);
    });
  }
});

Deno.test("fileCertificates: a file that is away leaves the old pair in use", async () => {
  const { source, clock, write, errors, files } = await scene();
  await Deno.remove(files.key);
  for (let look = 0; look < 3; look++) {
    await clock.advance(1000);
    assertEquals((await source.certificateFor("a.example")).cert, a.cert);
  }
  assertEquals(errors.length, 1);
  assertStringIncludes(errors[0], `Cannot read ${files.key}`);
  await write(renewed);
  await clock.advance(1000);
  assertEquals((await source.certificateFor("a.example")).cert, renewed.cert);
});

Deno.test("fileCertificates: fails at the start and says which file and why", async (t) => {
  const away = `${certificates.dir}/away.crt`;
  const cases: [string, CertificateFiles[], string[]][] = [
    ["no pair", [], ["no certificate is given"]],
    ["no such file", [{ cert: away, key: a.keyPath }], [`Cannot read ${away}`]],
    ["a key as certificate", [{ cert: a.keyPath, key: a.keyPath }], [
      "Cannot read the certificate",
      a.keyPath,
    ]],
    ["another's key", [{ cert: a.certPath, key: b.keyPath }], [
      "is not that certificate's",
      a.certPath,
      b.keyPath,
    ]],
  ];
  for (const [name, files, parts] of cases) {
    await t.step(name, async () => {
      const { message } = await assertRejects(() => fileCertificates(files));
      for (const part of parts) assertStringIncludes(message, part);
    });
  }
});
