import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { OptionError } from "../../src/errors.ts";
import { createGateway } from "../../src/gateway/gateway.ts";
import { definePolicy, reject } from "../../src/policy/mod.ts";
import { codeOf, onGateway } from "./_gateway.ts";

const TOKEN = "sixteen-characters-or-more";
/** What gets through is answered 422. */
const proxy = { policy: definePolicy({ mail: () => reject("550 5.1.0 No") }) };
const THROUGH = "rejected";

Deno.test("tokens: without one, with a wrong one, with a right one", async () => {
  await onGateway({ proxy, gateway: { tokens: { shop: [TOKEN] } } }, async ({ post }) => {
    const without = await post();
    assertEquals(without.headers.get("www-authenticate"), 'Bearer realm="sluice"');
    assertEquals(await codeOf(without, 401), "unauthorized");
    for (const authorization of ["Basic YTpi", `Bearer ${TOKEN}x`, "Bearer"]) {
      assertEquals(await codeOf(await post({ headers: { authorization } }), 401), "unauthorized");
    }
    const headers = { authorization: `Bearer ${TOKEN}`, host: "anything.example" };
    assertEquals(await codeOf(await post({ headers }), 422), THROUGH);
  });
});

Deno.test("tokens: too many wrong ones are answered 429", async () => {
  await onGateway({ gateway: { tokens: { shop: [TOKEN] } } }, async ({ post }) => {
    const wrong = () => post({ headers: { authorization: "Bearer wrong" } });
    for (let nth = 0; nth < 10; nth++) {
      assertEquals(await codeOf(await wrong(), 401), "unauthorized");
    }
    const late = await wrong();
    assertEquals(late.headers.get("retry-after"), "6");
    assertEquals(await codeOf(late, 429), "too-many-wrong-tokens");
  });
});

Deno.test("without tokens: as localhost only, and for no page of another site", async () => {
  await onGateway({ proxy, gateway: { hosts: ["mail.example"] } }, async ({ post }) => {
    for (
      const [headers, status, code] of [
        [{}, 422, THROUGH],
        [{ host: "127.0.0.1:8026" }, 422, THROUGH],
        [{ host: "mail.example" }, 422, THROUGH],
        [{ host: "evil.example" }, 421, "forbidden-host"],
        [{ host: "192.0.2.1" }, 421, "forbidden-host"],
        [{ origin: "https://evil.example" }, 403, "forbidden-origin"],
        [{ origin: "null" }, 403, "forbidden-origin"],
        [{ "sec-fetch-site": "cross-site" }, 403, "forbidden-site"],
        [{ origin: "http://localhost:8026", host: "localhost:8026" }, 422, THROUGH],
      ] as const
    ) assertEquals(await codeOf(await post({ headers }), status), code, JSON.stringify(headers));
  });
});

Deno.test("what is no message", async () => {
  await onGateway({ proxy }, async ({ post }) => {
    const form = (...fields: readonly (readonly [string, string])[]): FormData => {
      const data = new FormData();
      for (const [name, value] of fields) data.append(name, value);
      return data;
    };
    const good = [["from", "a@x.example"], ["to", "b@y.example"], ["message", "Hi"]] as const;
    const type = (value: string) => ({ headers: { "content-type": value } });
    for (
      const [options, status, code] of [
        [type("text/plain"), 415, "unsupported-media-type"],
        [type("application/x-www-form-urlencoded"), 415, "unsupported-media-type"],
        [type("multipart/form-data"), 415, "unsupported-media-type"],
        [{ headers: { "content-encoding": "gzip" } }, 415, "unsupported-media-type"],
        [type("Message/RFC822; charset=utf-8"), 422, THROUGH],
        [{ query: "" }, 400, "bad-envelope"],
        [{ headers: { "idempotency-key": "a b" } }, 400, "bad-key"],
        [{ headers: { "idempotency-key": "x".repeat(256) } }, 400, "bad-key"],
        [{ query: "", body: form(...good) }, 422, THROUGH],
        [{ query: "?from=a@x.example", body: form(...good.slice(1)) }, 422, THROUGH],
        [{ query: "?from=a@x.example", body: form(...good) }, 400, "bad-envelope"],
        [{ query: "", body: form(good[2], good[0]) }, 400, "bad-envelope"],
        [{ query: "", body: form(good[0], good[1]) }, 400, "bad-form"],
        [{ query: "", body: form(["form", ""], ...good) }, 400, "bad-form"],
        [{ query: "", body: form(["to", "x".repeat(524_289)], ...good) }, 400, "bad-form"],
        [{ query: "", body: form(...Array(8_192).fill(["to", ""]), ...good) }, 400, "bad-form"],
        [
          { query: "", body: "--b\r\n", ...type("multipart/form-data; boundary=b") },
          400,
          "bad-form",
        ],
      ] as const
    ) {
      const told = await codeOf(await post(options), status);
      assertEquals(told, code, JSON.stringify(options));
    }
  });
});

Deno.test("other paths and methods", async () => {
  await onGateway({}, async ({ gateway, post }) => {
    const put = await post({ method: "PUT" });
    assertEquals(put.headers.get("allow"), "POST");
    assertEquals(await codeOf(put, 405), "wrong-method");
    const elsewhere = await gateway.fetch(new Request("http://localhost/message"));
    assertEquals(await codeOf(elsewhere, 404), "not-found");
  });
});

Deno.test("options that cannot be used", async () => {
  for (
    const [options, words] of [
      [{ tokens: {} }, "tokens"],
      [{ tokens: { shop: ["short"] } }, "tokens.shop[0]"],
      [{ tokens: { shop: [TOKEN], other: [TOKEN] } }, "tokens.other[0]"],
      [{ hosts: ["a b"] }, "hosts[0]"],
      [{ timeout: 0 }, "timeout"],
      [{ keep: 1.5 }, "keep"],
    ] as const
  ) assertThrows(() => createGateway({}, options), OptionError, `"${words}"`);
  assertThrows(() => createGateway({ hostname: "a b" }), OptionError, "hostname");

  const gateway = createGateway({}, { client: () => "[::1]" });
  const request = new Request("http://localhost/messages?from=&to=b@y.example", {
    method: "POST",
    headers: { "content-type": "message/rfc822" },
    body: "Subject: Hi\r\n",
  });
  const error = await gateway.fetch(request).catch((error) => error);
  assertEquals(error instanceof OptionError, true);
  assertStringIncludes(error.message, "[::1]");
  await gateway.close();
});
