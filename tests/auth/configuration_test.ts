/**
 * Authentication and signing as the configuration file has them.
 */

import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import type { Dialer } from "../../src/channel.ts";
import { systemClock } from "../../src/clock.ts";
import type { FilterEnvironment } from "../../src/config/filter_row.ts";
import { filterSchema } from "../../src/config/filters.ts";
import { OptionError } from "../../src/errors.ts";
import { deliver } from "../content/_deliver.ts";
import { dkimResults } from "./_mailauth.ts";
import { keyPair } from "./_zone.ts";

const { pem, record } = await keyPair("ed25519");

/** A name server that knows nothing. */
const replyTo = (question: Uint8Array): Uint8Array =>
  new Uint8Array([...question.subarray(0, 2), 0x81, 0x83, ...question.subarray(4)]);

const asked: string[] = [];

const dialer: Dialer = {
  connect(target) {
    asked.push(JSON.stringify(target));
    return Promise.reject(new Error("Nobody is there"));
  },
};

const environment = {
  clock: systemClock,
  hostname: "mx.example",
  dialer,
  fetch: async (input: RequestInfo | URL, init?: RequestInit) => {
    const request = new Request(input, init);
    asked.push(request.url);
    const question = new Uint8Array(await request.arrayBuffer());
    return new Response(replyTo(question) as Uint8Array<ArrayBuffer>);
  },
  secret: (where: string) =>
    where === "dkim.key" ? Promise.resolve(pem.trim()) : Promise.reject(new Error(where)),
} as unknown as FilterEnvironment;

async function policyOf(table: object) {
  return await filterSchema.parse(table).make(environment);
}

Deno.test("authentication by a name server over HTTPS", async () => {
  const dns = "https://dns.example/dns-query";
  const policy = await policyOf({ use: "authentication", dns, dmarc: "report" });
  const { content } = await deliver(policy, "From: a@x.example\r\n\r\nHi\r\n");
  assertMatch(content!, /^Authentication-Results: mx\.example; dkim=none/);
  assertEquals(new Set(asked.splice(0)), new Set([dns]));
});

Deno.test("a name server over TCP that is not there makes nobody a forger", async () => {
  const dns = "127.0.0.1:53";
  const policy = await policyOf({ use: "authentication", dns, "authserv-id": "other.example" });
  const { reply } = await deliver(policy, "From: a@x.example\r\n\r\nHi\r\n");
  assertMatch(reply, /^451 4\.7\.26 /);
  const target = JSON.stringify({ transport: "tcp", host: "127.0.0.1", port: 53 });
  assertEquals(new Set(asked.splice(0)), new Set([target]));
});

Deno.test("signing with the key of a file", async () => {
  const keys = { domain: "x.example", selector: "test", key: "dkim.key" };
  const policy = await policyOf({ use: "sign", ...keys });
  const client = { login: "a" };
  const { content } = await deliver(policy, "From: a@x.example\r\n\r\nHi\r\n", { client });
  const zone = { "TXT test._domainkey.x.example": [[record]] };
  assertEquals(await dkimResults(new TextEncoder().encode(content!), zone), ["pass"]);
});

Deno.test("what cannot be used is refused", async () => {
  for (
    const table of [
      { use: "authentication" },
      { use: "authentication", dns: "http://dns.example/" },
      { use: "authentication", dns: "127.0.0.1:53", dmarc: "perhaps" },
      { use: "sign", domain: "x.example", selector: "test" },
    ]
  ) {
    assertEquals(filterSchema.safeParse(table).success, false, JSON.stringify(table));
  }
  const keys = { use: "sign", domain: "x.example", selector: "a b", key: "dkim.key" };
  await assertRejects(() => policyOf(keys), OptionError, "dkimSigner.selector");
});
