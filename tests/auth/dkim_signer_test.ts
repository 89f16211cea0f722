/**
 * DKIM signatures, as mailauth and OpenDKIM read them.
 */

import { assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import fc from "fast-check";
import { signingKey } from "../../src/auth/dkim/signing_key.ts";
import { dkimSigner, type DkimSignerOptions } from "../../src/auth/dkim_signer.ts";
import { OptionError } from "../../src/errors.ts";
import type { HeaderEdit } from "../../src/message/header_section.ts";
import { compose, definePolicy, edit, type Policy } from "../../src/policy/mod.ts";
import { openSession } from "../../src/testing/session.ts";
import { deliver } from "../content/_deliver.ts";
import { interop, runOrThrow } from "../interop/_tools.ts";
import { dkimResults } from "./_mailauth.ts";
import { type KeyPair, keyPair } from "./_zone.ts";

const rsa = await keyPair("rsa");
const ed25519 = await keyPair("ed25519");

const client = { login: "alice" };
const MESSAGE = "From: Alice <alice@x.example>\r\nSubject: Hi\r\n\r\nHello  there \r\n\r\n\r\n";

async function signer(
  pair: KeyPair = rsa,
  options: Partial<DkimSignerOptions> = {},
): Promise<Policy> {
  const key = await signingKey(pair.pem);
  return dkimSigner({ domain: "x.example", selector: "test", key, ...options });
}

function zoneOf({ record }: KeyPair) {
  return { "TXT test._domainkey.x.example": [[record]] };
}

const octets = (text: string): Uint8Array => new TextEncoder().encode(text);

const messages: Readonly<Record<string, string>> = {
  "an ordinary one": MESSAGE,
  "no body": "From: alice@x.example\r\n\r\n",
  "no empty line": "From: alice@x.example\r\n",
  "only empty lines": "From: alice@x.example\r\n\r\n\r\n\r\n \t\r\n",
  "white space at the end": "From: alice@x.example\r\n\r\na \t b\t\r\n\t\r\nc ",
  "folded fields": "From: alice@x.example\r\nSubject:\r\n  a\r\n\tlong   one \r\n\r\nHi\r\n",
  "fields twice": "From: alice@x.example\r\nTo: a\r\nTo: b\r\nX: y\r\nTo:c\r\n\r\nHi\r\n",
  "odd case": "FROM: alice@x.example\r\nsUbJeCt:Hi\r\n\r\nHi\r\n",
  "UTF-8": "From: alice@x.example\r\nSubject: Grüße \u0085\u0093\r\n\r\nGrüße\r\n",
  "an empty field": "From: alice@x.example\r\nSubject:\r\nCc: \r\n\r\nHi\r\n",
};

/** What OpenDKIM does not verify, whoever has signed it. */
const oddMessages: Readonly<Record<string, string>> = {
  "white space before the colon": "From : alice@x.example\r\n\r\nHi\r\n",
  "signed already": "DKIM-Signature: v=1; b=x\r\nFrom: alice@x.example\r\n\r\nHi\r\n",
};

Deno.test("mailauth verifies what is signed", async (t) => {
  for (const [kind, pair] of Object.entries({ rsa, ed25519 })) {
    const policy = await signer(pair);
    for (const [name, message] of Object.entries({ ...messages, ...oddMessages })) {
      await t.step(`${kind}: ${name}`, async () => {
        const { content } = await deliver(policy, message, { client });
        assertMatch(content!, new RegExp(`^DKIM-Signature: v=1; a=${kind}-sha256;`));
        const [first] = await dkimResults(octets(content!), zoneOf(pair));
        assertEquals(first, "pass", content);
      });
    }
  }
});

Deno.test("what is changed behind it breaks it, what is put on top does not", async () => {
  const { content } = await deliver(await signer(), MESSAGE, { client });
  const verified = async (message: string) => (await dkimResults(octets(message), zoneOf(rsa)))[0];
  assertEquals(await verified(`X-Spam: No\r\nReceived: from a\r\n${content}`), "pass");
  assertEquals(await verified(content!.replace("there", "everybody")), "fail");
  assertEquals(await verified(content!.replace("Subject: Hi", "Subject: Ho")), "fail");
  // Nobody can put a second author or subject beside the first.
  assertEquals(await verified(`From: eve@x.example\r\n${content}`), "fail");
  assertEquals(await verified(content!.replace("Subject", "To: eve@x.example\r\nSubject")), "fail");
});

Deno.test("all edits are signed, whoever makes them and wherever it stands", async () => {
  const editing = definePolicy({
    headers: () => edit([{ kind: "replace", name: "Subject", value: "Other", nth: 1 }]),
    filter: () => edit([{ kind: "add", name: "To", value: "b@y.example", at: "bottom" }]),
    content: () => edit([{ kind: "add", name: "Date", value: "today", at: "top" }]),
  });
  for (const policies of [[await signer(), editing], [editing, await signer()]]) {
    const { content } = await deliver(compose(...policies), MESSAGE, { client });
    assertMatch(
      content!,
      /\r\nDate: today\r\nFrom: .*\r\nSubject: Other\r\nTo: b@y.example\r\n\r\n/,
    );
    assertEquals(await dkimResults(octets(content!), zoneOf(rsa)), ["pass"]);
  }
});

Deno.test("random messages with random edits verify", async () => {
  const key = await signingKey(ed25519.pem);
  const policy = dkimSigner({ domain: "x.example", selector: "test", key, when: () => true });
  const name = fc.constantFrom("From", "Subject", "To", "Cc", "X-A", "Content-Type");
  const text = fc.stringMatching(/^[ -~]{0,30}$/);
  const header = fc.array(
    fc.tuple(name, text, fc.constantFrom("", "\r\n  y", "\r\n\tz ")),
    { maxLength: 6 },
  );
  const body = fc.array(fc.constantFrom("\r\n", " ", "\t", "a", ".", "é", "\r\n\r\n"), {
    maxLength: 40,
  });
  const edits: fc.Arbitrary<HeaderEdit> = fc.oneof(
    fc.record({
      kind: fc.constant("add" as const),
      name,
      value: text,
      at: fc.constantFrom("top" as const, "bottom" as const),
    }),
    fc.record({ kind: fc.constant("remove" as const), name }),
    fc.record({
      kind: fc.constant("replace" as const),
      name,
      value: text,
      nth: fc.integer({ min: 1, max: 3 }),
    }),
  );
  await fc.assert(
    fc.asyncProperty(
      header,
      body,
      fc.array(edits, { maxLength: 4 }),
      async (header, body, made) => {
        const fields = header.map(([name, value, more]) => `${name}: ${value}${more}\r\n`).join("");
        const message = `From: alice@x.example\r\n${fields}\r\n${body.join("")}`;
        const editing = definePolicy({ content: () => edit(made) });
        const { content } = await deliver(compose(policy, editing), message);
        assertEquals(await dkimResults(octets(content!), zoneOf(ed25519)), ["pass"], content);
      },
    ),
    { numRuns: 60 },
  );
});

Deno.test("whose mail is signed", async (t) => {
  const policy = await signer();
  const cases: readonly [string, string, object, boolean][] = [
    ["a stranger's is not", "alice@x.example", {}, false],
    ["that of a login is", "alice@x.example", { client }, true],
    ["that of a trusted client is", "alice@x.example", { trusted: ["192.0.2.1"] }, true],
    ["below the domain", "Alice <alice@mail.X.example>", { client }, true],
    ["another domain's is not", "alice@y.example", { client }, false],
    ["nor one that ends alike", "alice@notx.example", { client }, false],
    ["quotes and brackets", '"a@y.example, <b@" <alice@x.example>', { client }, true],
    ["two authors of ours", "a@x.example, b@x.example", { client }, true],
    ["one of ours", "a@x.example, b@y.example", { client }, false],
    ["no address", "nobody", { client }, false],
    ["quotes without an end", '"a, <alice@x.example>', { client }, false],
    ["quotes without an end behind", 'alice@x.example, "b@y.example', { client }, false],
    ["quotes that end behind all", 'alice@x.example, "b@y.example\\', { client }, false],
    [
      "one behind a lot",
      `a@x.example${"\r\n ".padEnd(900).repeat(12)}, b@y.example`,
      { client },
      false,
    ],
  ];
  for (const [name, from, options, expected] of cases) {
    await t.step(name, async () => {
      const { content } = await deliver(policy, `From: ${from}\r\n\r\nHi\r\n`, options);
      assertEquals(content!.startsWith("DKIM-Signature:"), expected);
    });
  }
});

Deno.test("quotes without an end cost no time", async () => {
  const from = `From: "${'\\"'.repeat(4_990)}\r\n`;
  const began = performance.now();
  const { content } = await deliver(await signer(), `${from.repeat(100)}\r\nHi\r\n`, { client });
  assertEquals(content!.startsWith("From:"), true);
  assertEquals(performance.now() - began < 1_000, true);
});

Deno.test("what cannot be signed is answered as stated", async (t) => {
  const large = `From: alice@x.example\r\n\r\n${"Hello\r\n".repeat(200_000)}`;
  for (const [beyond, code] of [["accept", 250], ["defer", 451], ["reject", 552]] as const) {
    await t.step(beyond, async () => {
      await using session = await openSession({ policy: await signer(rsa, { beyond }), client });
      await session.cmd("MAIL FROM:<alice@x.example>", "250");
      await session.cmd("RCPT TO:<b@y.example>", "250");
      assertEquals((await session.message(large)).code, code);
      assertEquals(session.captured.length, beyond === "accept" ? 1 : 0);
    });
  }
  await t.step("held up to the window", async () => {
    const { content } = await deliver(await signer(rsa, { window: 2_000_000 }), large, { client });
    assertEquals(await dkimResults(octets(content!), zoneOf(rsa)), ["pass"]);
  });
  await t.step("a stream that changes it", async () => {
    const changing = definePolicy({ transform: () => new TransformStream() });
    const policy = compose(await signer(rsa, { beyond: "reject" }), changing);
    assertMatch((await deliver(policy, MESSAGE, { client })).reply, /^552 /);
  });
});

Deno.test("a key that fails lets nothing pass unsigned", async () => {
  const key = { algorithm: "rsa-sha256", sign: () => Promise.reject(new Error("No")) } as const;
  const policy = dkimSigner({ domain: "x.example", selector: "test", key });
  assertMatch((await deliver(policy, MESSAGE, { client })).reply, /^451 /);
});

Deno.test("keys and options are looked at", async () => {
  const key = await signingKey(rsa.pem);
  const wrong = (options: object, option: string): void => {
    const all = { domain: "x.example", selector: "test", key, ...options };
    assertEquals(assertThrows(() => dkimSigner(all), OptionError).option, option);
  };
  wrong({ domain: "-" }, "dkimSigner.domain");
  wrong({ selector: "a;b" }, "dkimSigner.selector");
  wrong({ fields: ["To:"] }, "dkimSigner.fields");
  const body = rsa.pem.slice(40, -40);
  for (
    const pem of ["", "secret", rsa.pem.replace(body, "AAAA"), rsa.pem.replace("PRIVATE", "X")]
  ) {
    const error = await assertRejects(() => signingKey(pem, "filter.key"), OptionError);
    assertEquals(error.option, "filter.key");
    assertEquals(error.message.includes(body), false);
  }
});

interop("OpenDKIM verifies what is signed, with a key of its own too", [
  ...["opendkim", "opendkim-genkey", "openssl"],
], async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/own.private`;
    const wish = ["-b", "1024", "-d", "x.example", "-s", "own", "-D", folder];
    await runOrThrow("opendkim-genkey", wish);
    const own = await Deno.readTextFile(path);
    const printed = await runOrThrow("openssl", ["rsa", "-in", path, "-traditional"]);
    const [pkcs1] = /-----BEGIN RSA [^]*? KEY-----\n[^]*?-----END RSA [^]*? KEY-----/.exec(
      printed,
    )!;
    const zoneFile = await Deno.readTextFile(`${folder}/own.txt`);
    const record = [...zoneFile.matchAll(/"([^"]*)"/g)].map(([, text]) => text).join("");
    const keys: Readonly<Record<string, KeyPair>> = {
      rsa,
      ed25519,
      own: { pem: own, record },
      pkcs1: { pem: pkcs1, record },
    };
    const files: string[] = [];
    for (const [selector, pair] of Object.entries(keys)) {
      const policy = await signer(pair, { selector });
      for (const message of Object.values(messages)) {
        const { content } = await deliver(policy, message, { client });
        files.push(`${folder}/${files.length}`);
        await Deno.writeTextFile(files.at(-1)!, content!);
      }
    }
    const lines = Object.entries(keys)
      .map(([selector, { record }]) => `${selector}._domainkey.x.example ${record}\n`);
    await Deno.writeTextFile(`${folder}/keys`, lines.join(""));
    const configuration = `${folder}/opendkim.conf`;
    const settings = [`TestPublicKeys ${folder}/keys`, `TemporaryDirectory ${folder}`];
    await Deno.writeTextFile(configuration, `${settings.join("\n")}\n`);
    const output = await runOrThrow("opendkim", ["-x", configuration, "-v", "-t", files.join(",")]);
    const verified = output.match(/^opendkim: .*: verification .* succeeded$/gm) ?? [];
    assertEquals(verified.length, files.length, output);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
