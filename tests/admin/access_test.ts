import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { Hono } from "hono";
import { access, type AccessOptions, needs } from "../../src/admin/access.ts";
import { type ApiError, refuse } from "../../src/http/errors.ts";
import { securityHeaders } from "../../src/admin/security_headers.ts";
import { OptionError } from "../../src/errors.ts";
import { FakeClock } from "../_clock.ts";

const READER = "reader-0123456789abcdef";
const OPERATOR = "operator-0123456789abcdef";
const TOKENS = { reader: [READER], operator: [OPERATOR] };
const JSON_TYPE = { "content-type": "application/json" };

type Headers = Readonly<Record<string, string>>;
type Send = (method: string, path: string, headers?: Headers) => Promise<Response>;

/** An admin with a page for everybody, something to read and something to do. */
function admin(options: Partial<AccessOptions> = {}): Send {
  const app = new Hono()
    .use(securityHeaders(), access({ clock: new FakeClock(), ...options }))
    .get("/", (c) => c.text("page"))
    .get("/asset", (c) => c.text("script", 200, { "cache-control": "max-age=1, immutable" }))
    .get("/nonce", (c) => c.text(c.get("secureHeadersNonce") ?? ""))
    .get("/api/look", needs("reader"), (c) => c.text("looked"))
    .get("/api/stream", needs("reader"), (c) => c.text("", 200, { "cache-control": "no-cache" }))
    .post("/api/act", needs("operator"), (c) => c.text("acted"))
    .delete("/api/act", needs("operator"), (c) => c.text("acted"));
  return async (method, path, headers = {}) =>
    await app.request(path, { method, headers: { host: "localhost:8025", ...headers } });
}

async function errorOf(response: Response): Promise<ApiError["error"]> {
  assertEquals(response.headers.get("content-type"), "application/json");
  const { error, ...rest }: ApiError = await response.json();
  assertEquals(rest, {});
  return error;
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

Deno.test("access: which hosts are answered for", async () => {
  const open = admin({ hosts: ["admin.example", "[2001:db8::7]"] });
  const guarded = admin({ hosts: ["admin.example"], tokens: TOKENS });
  const rows: readonly [host: string, open: number, guarded: number][] = [
    ["localhost", 200, 200],
    ["LOCALHOST:1", 200, 200],
    ["127.0.0.1:8025", 200, 200],
    ["127.255.0.9", 200, 200],
    ["[::1]:8025", 200, 200],
    ["[0:0::1]", 200, 200],
    ["[::ffff:127.0.0.1]", 200, 200],
    ["admin.example", 200, 200],
    ["Admin.Example:443", 200, 200],
    ["[2001:db8::7]:8025", 200, 200],
    ["192.0.2.1", 421, 200],
    ["[2001:db8::1]:8025", 421, 200],
    ["128.0.0.1", 421, 200],
    ["0.0.0.0:8025", 421, 200],
    ["evil.example:8025", 421, 421],
    ["localhost.evil.example", 421, 421],
    ["127.0.0.1.evil.example", 421, 421],
    ["sub.admin.example", 421, 421],
    ["xadmin.example", 421, 421],
    ["admin-example", 421, 421],
    ["localhost.", 421, 421],
    // What browsers send as 127.0.0.1 is none in another form.
    ["127.1", 421, 421],
    ["0x7f.0.0.1", 421, 421],
    ["127.0.0.01", 421, 421],
    ["[:]", 421, 421],
    ["[1:2:3:4:5:6:7:8:9]", 421, 421],
    ["", 400, 400],
    ["localhost, localhost", 400, 400],
    ["user@localhost", 400, 400],
    ["evil.example@localhost", 400, 400],
    ["localhost evil.example", 400, 400],
    ["localhost/evil.example", 400, 400],
    ["localhost:", 400, 400],
    ["localhost:80:80", 400, 400],
    ["localhost:123456", 400, 400],
    ["localhost:8o", 400, 400],
    ["::1", 400, 400],
    ["[127.0.0.1]", 400, 400],
    ["[fe80::1%25eth0]", 400, 400],
    ["[::1", 400, 400],
    ["l\u00f6calhost", 400, 400],
    ["a".repeat(254), 400, 400],
  ];
  const codes: Readonly<Record<number, string>> = { 400: "bad-host", 421: "forbidden-host" };
  for (const [host, ...statuses] of rows) {
    for (const [place, send] of [open, guarded].entries()) {
      const response = await send("GET", "/", { host });
      assertEquals(response.status, statuses[place], `${host} ${place}`);
      if (response.ok) continue;
      assertEquals((await errorOf(response)).code, codes[response.status], host);
    }
  }
});

Deno.test("access: where there is no Host header, the URL has the host (HTTP/2)", async () => {
  const app = new Hono().use(access({ clock: new FakeClock() })).get("/", (c) => c.text("page"));
  const rows: readonly [url: string, status: number][] = [
    ["https://localhost:8443/", 200],
    ["http://127.0.0.1/?http://evil.example/", 200],
    ["https://evil.example/", 421],
    ["https://evil.example/?https://localhost/", 421],
    ["https://localhost@evil.example/", 400],
    ["https://evil.example@localhost/", 400],
  ];
  for (const [url, status] of rows) {
    assertEquals((await app.request(url)).status, status, url);
  }
});

Deno.test("access: a refused host is quoted, and cut short", async () => {
  const { message } = await errorOf(await admin()("GET", "/", { host: "x".repeat(250) }));
  assertStringIncludes(message, `"${"x".repeat(100)}"`);
});

Deno.test("access: which pages are answered", async () => {
  const rows: readonly [headers: Headers, get: number, post: number][] = [
    [{}, 200, 200],
    [{ origin: "http://localhost:8025" }, 200, 200],
    [{ origin: "https://LocalHost:8025" }, 200, 200],
    [{ origin: "http://localhost" }, 403, 403],
    [{ origin: "http://localhost:80251" }, 403, 403],
    [{ origin: "http://127.0.0.1:8025" }, 403, 403],
    [{ origin: "http://localhost:8025/" }, 403, 403],
    [{ origin: "http://localhost:8025, http://evil.example" }, 403, 403],
    [{ origin: "http://localhost:8025.evil.example" }, 403, 403],
    [{ origin: "https://evil.example" }, 403, 403],
    [{ origin: "localhost:8025" }, 403, 403],
    [{ origin: "ftp://localhost:8025" }, 403, 403],
    [{ origin: "null" }, 403, 403],
    [{ origin: "" }, 403, 403],
    [{ "sec-fetch-site": "same-origin" }, 200, 200],
    [{ "sec-fetch-site": "none" }, 200, 200],
    [{ "sec-fetch-site": "same-site" }, 403, 403],
    [{ "sec-fetch-site": "cross-site" }, 403, 403],
    [{ "sec-fetch-site": "same-origin, none" }, 403, 403],
    [{ "sec-fetch-site": "" }, 403, 403],
    [{ "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors" }, 403, 403],
    [{ "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" }, 403, 403],
    [{ "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" }, 403, 403],
    [{ "sec-fetch-site": "same-origin", origin: "https://evil.example" }, 403, 403],
  ];
  const [link, frame] = ["document", "iframe"].map((dest) => ({
    "sec-fetch-site": "cross-site",
    "sec-fetch-mode": "navigate",
    "sec-fetch-dest": dest,
  }));
  const send = admin();
  for (const [headers, get, post] of [...rows, [link, 200, 403], [frame, 403, 403]] as const) {
    const note = JSON.stringify(headers);
    assertEquals((await send("GET", "/api/look", headers)).status, get, `GET ${note}`);
    assertEquals((await send("HEAD", "/api/look", headers)).status, get, `HEAD ${note}`);
    const all = { ...JSON_TYPE, ...headers };
    assertEquals((await send("POST", "/api/act", all)).status, post, `POST ${note}`);
    assertEquals((await send("DELETE", "/api/act", all)).status, post, `DELETE ${note}`);
  }
});

Deno.test("access: behind a proxy that speaks TLS, the origin is that of the name it passes on", async () => {
  const send = admin({ hosts: ["admin.example"] });
  const headers = { ...JSON_TYPE, host: "admin.example", origin: "https://admin.example" };
  assertEquals((await send("POST", "/api/act", headers)).status, 200);
});

Deno.test("access: a change needs the content type that no form can give", async () => {
  const rows: readonly [type: string | undefined, status: number][] = [
    ["application/json", 200],
    ["Application/JSON; charset=utf-8", 200],
    ["application/json ;charset=utf-8", 200],
    [undefined, 415],
    ["", 415],
    ["text/plain", 415],
    ["text/plain; application/json", 415],
    ["application/x-www-form-urlencoded", 415],
    ["multipart/form-data; boundary=application/json", 415],
    ["application/json, text/plain", 415],
    ["application/jsonp", 415],
  ];
  const send = admin();
  for (const [type, status] of rows) {
    const headers: Headers = type === undefined ? {} : { "content-type": type };
    for (const method of ["POST", "DELETE"]) {
      const response = await send(method, "/api/act", headers);
      assertEquals(response.status, status, `${method} ${type}`);
      if (!response.ok) {
        assertEquals((await errorOf(response)).code, "unsupported-media-type");
      }
    }
  }
  assertEquals((await send("PROPFIND", "/api/act")).status, 415);
});

Deno.test("story: DNS rebinding makes a page of ours the same origin, and gets nothing", async () => {
  // http://evil.example:8025 was loaded from the attacker; now the name leads to 127.0.0.1. To the
  // browser all is the same origin, and over http to such a name it sends no Sec-Fetch headers.
  const send = admin();
  const host = "evil.example:8025";
  const origin = `http://${host}`;
  const answers = [
    await send("GET", "/", { host }),
    await send("GET", "/api/look", { host, "sec-fetch-site": "same-origin" }),
    await send("POST", "/api/act", { host, origin, ...JSON_TYPE }),
  ];
  for (const answer of answers) {
    assertEquals(answer.status, 421);
    assertEquals((await errorOf(answer)).code, "forbidden-host");
  }
});

Deno.test("story: DNS rebinding fails with tokens too, before the token is looked at", async () => {
  const send = admin({ tokens: TOKENS });
  const headers = { host: "evil.example", ...bearer(OPERATOR) };
  assertEquals((await send("GET", "/api/look", headers)).status, 421);
});

Deno.test("story: the form of another site posts to loopback, and changes nothing", async () => {
  const form = { "content-type": "text/plain" };
  const fetched = {
    origin: "https://evil.example",
    "sec-fetch-site": "cross-site",
    "sec-fetch-mode": "navigate",
    "sec-fetch-dest": "document",
  };
  const rows: readonly [browser: string, headers: Headers, status: number, code: string][] = [
    ["of today", { ...form, ...fetched }, 403, "forbidden-origin"],
    ["that hides where it comes from", { ...form, origin: "null" }, 403, "forbidden-origin"],
    [
      "without Origin",
      { ...form, "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" },
      403,
      "forbidden-site",
    ],
    ["that tells nothing", form, 415, "unsupported-media-type"],
  ];
  for (const [browser, headers, status, code] of rows) {
    const response = await admin()("POST", "/api/act", headers);
    assertEquals(response.status, status, browser);
    assertEquals((await errorOf(response)).code, code, browser);
  }
});

Deno.test("story: the preflight of another page gets no leave", async () => {
  const response = await admin()("OPTIONS", "/api/act", {
    origin: "https://evil.example",
    "access-control-request-method": "POST",
    "access-control-request-headers": "content-type",
    "access-control-request-private-network": "true",
  });
  assertEquals(response.status, 403);
  assertEquals(
    [...response.headers.keys()].filter((name) => name.startsWith("access-control-")),
    [],
  );
});

Deno.test("story: another service on the same machine shows a page that asks for data", async () => {
  // Ports make no difference to a site: without CORS there is no Origin, and this is all that tells.
  const headers = { "sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors" };
  assertEquals((await admin()("GET", "/api/look", headers)).status, 403);
});

Deno.test("access: without tokens everybody is an operator, whatever Authorization says", async () => {
  const send = admin();
  for (const headers of [{}, bearer("x"), { authorization: "Basic eDp5" }]) {
    assertEquals(await (await send("GET", "/api/look", headers)).text(), "looked");
    const answer = await send("POST", "/api/act", { ...JSON_TYPE, ...headers });
    assertEquals(await answer.text(), "acted");
  }
});

Deno.test("access: which token may do what", async () => {
  const rows: readonly [
    authorization: string | undefined,
    page: number,
    look: number,
    act: number,
  ][] = [
    [undefined, 200, 401, 401],
    [`Bearer ${READER}`, 200, 200, 403],
    [`Bearer ${OPERATOR}`, 200, 200, 200],
    [`bearer  ${OPERATOR}`, 200, 200, 200],
    // A wrong one is told so wherever it is shown.
    [`Bearer ${OPERATOR}x`, 401, 401, 401],
    ["", 401, 401, 401],
    ["Bearer", 401, 401, 401],
    ["Bearer ", 401, 401, 401],
    [OPERATOR, 401, 401, 401],
    [`Bearer${OPERATOR}`, 401, 401, 401],
    [`Bearer\t${OPERATOR}`, 401, 401, 401],
    [`Bearer "${OPERATOR}"`, 401, 401, 401],
    [`Bearer ${OPERATOR} ${OPERATOR}`, 401, 401, 401],
    [`Bearer ${OPERATOR}, Bearer ${OPERATOR}`, 401, 401, 401],
    [`Basic ${OPERATOR}`, 401, 401, 401],
    [`Bearer =${OPERATOR}`, 401, 401, 401],
  ];
  for (const [authorization, page, look, act] of rows) {
    const send = admin({ tokens: TOKENS });
    const headers: Headers = authorization === undefined ? {} : { authorization };
    const answers = [
      await send("GET", "/", headers),
      await send("GET", "/api/look", headers),
      await send("POST", "/api/act", { ...JSON_TYPE, ...headers }),
    ];
    assertEquals(answers.map(({ status }) => status), [page, look, act], authorization);
    for (const answer of answers) {
      const asks = answer.headers.get("www-authenticate");
      assertEquals(asks?.startsWith('Bearer realm="sluice"') ?? false, answer.status === 401);
      if (answer.ok) continue;
      const { code } = await errorOf(answer);
      assertEquals(code, answer.status === 401 ? "unauthorized" : "forbidden-role");
    }
  }
});

Deno.test("access: a wrong token is told from none (RFC 6750 §3.1)", async () => {
  const send = admin({ tokens: TOKENS });
  const asked = async (headers: Headers) =>
    (await send("GET", "/api/look", headers)).headers.get("www-authenticate");
  assertEquals(await asked({}), 'Bearer realm="sluice"');
  assertEquals(await asked(bearer("wrong")), 'Bearer realm="sluice", error="invalid_token"');
});

Deno.test("access: a token is right as a whole and in its role alone", async () => {
  const tokens = {
    reader: ["same-beginning-0000", "same-beginning-0000-longer"],
    operator: ["same-beginning-0001", "padded-token-0001=="],
  };
  const rows: readonly [token: string, look: number, act: number][] = [
    ["same-beginning-0000", 200, 403],
    ["same-beginning-0000-longer", 200, 403],
    ["same-beginning-0001", 200, 200],
    ["padded-token-0001==", 200, 200],
    ["padded-token-0001=", 401, 401],
    ["same-beginning-0002", 401, 401],
    ["same-beginning-000", 401, 401],
    ["same-beginning-0000-longe", 401, 401],
    ["Same-beginning-0001", 401, 401],
    ["same-beginning-0001".repeat(500), 401, 401],
  ];
  for (const [token, look, act] of rows) {
    const send = admin({ tokens });
    assertEquals((await send("GET", "/api/look", bearer(token))).status, look, token);
    const headers = { ...JSON_TYPE, ...bearer(token) };
    assertEquals((await send("POST", "/api/act", headers)).status, act, token);
  }
});

Deno.test("access: a digest that is partly the same is another", async () => {
  const send = admin({ tokens: TOKENS });
  // Of a thousand digests, some have any one octet in common with that of a token.
  for (let number = 0; number < 1000; number++) {
    const { ok } = await send("GET", "/api/look", bearer(`guess-0123456789-${number}`));
    assertEquals(ok, false, `${number}`);
  }
});

Deno.test("access: no answer repeats a token", async () => {
  const send = admin({ tokens: TOKENS });
  const shown = ["secret-that-is-wrong", "sécret that is malformed", READER];
  for (const token of shown) {
    for (let round = 0; round < 12; round++) {
      const answer = await send("POST", "/api/act", { ...JSON_TYPE, ...bearer(token) });
      const whole = JSON.stringify([...answer.headers]) + await answer.text();
      assertEquals(whole.includes(token), false, whole);
    }
  }
});

Deno.test("access: ten wrong tokens at once and ten a minute, right ones always", async () => {
  const clock = new FakeClock();
  const send = admin({ tokens: TOKENS, clock });
  const wrong = async () => {
    const answer = await send("GET", "/api/look", bearer("wrong-0123456789"));
    if (answer.status === 429) {
      assertEquals((await errorOf(answer)).code, "too-many-wrong-tokens");
    }
    return [answer.status, answer.headers.get("retry-after")];
  };
  for (let count = 0; count < 10; count++) assertEquals(await wrong(), [401, null]);
  assertEquals(await wrong(), [429, "6"]);
  await clock.advance(2_500);
  assertEquals(await wrong(), [429, "4"]);
  assertEquals((await send("GET", "/api/look", bearer(READER))).status, 200);
  assertEquals((await send("GET", "/api/look")).status, 401);
  assertEquals((await send("GET", "/api/look", { authorization: "Basic eDp5" })).status, 401);
  // What was refused has not put it off.
  await clock.advance(3_499);
  assertEquals(await wrong(), [429, "1"]);
  await clock.advance(1);
  assertEquals(await wrong(), [401, null]);
  assertEquals(await wrong(), [429, "6"]);
  // Never more than ten, however long it was quiet.
  await clock.advance(24 * 60 * 60 * 1000);
  for (let count = 0; count < 10; count++) assertEquals(await wrong(), [401, null]);
  assertEquals(await wrong(), [429, "6"]);
});

Deno.test("access: options that cannot be used are refused, and tokens not shown", () => {
  const clock = new FakeClock();
  const tokens: readonly [tokens: AccessOptions["tokens"], option: string, found: string][] = [
    [{}, "tokens", "none"],
    [{ reader: [], operator: [] }, "tokens", "none"],
    [{ reader: ["s3cr3t-90123456"] }, "tokens.reader[0]", "a token of 15 characters"],
    [{ operator: [OPERATOR, ""] }, "tokens.operator[1]", "a token of 0 characters"],
    [{ reader: ["s3cr3t-9012345678 "] }, "tokens.reader[0]", "other characters"],
    [{ reader: ["s3cr3t-9012345678\n"] }, "tokens.reader[0]", "other characters"],
    [{ reader: ["s3cr3t=9012345678"] }, "tokens.reader[0]", "other characters"],
    [{ reader: [READER, READER] }, "tokens.reader[1]", "a token of reader again"],
    [{ reader: [READER], operator: [READER] }, "tokens.operator[0]", "a token of reader again"],
  ];
  for (const [given, option, found] of tokens) {
    const error = assertThrows(() => access({ clock, tokens: given }), OptionError);
    assertEquals([error.option, error.found], [option, found]);
    for (const token of Object.values(given ?? {}).flat().filter((text) => text !== "")) {
      assertEquals(error.message.includes(token), false, error.message);
    }
  }
  access({ clock, tokens: { reader: ["s3cr3t-901234567"] } });
  for (const host of ["", "*", "a.example:80", "https://a.example", "::1", "[::1]:80", "a b"]) {
    const error = assertThrows(() => access({ clock, hosts: ["a.example", host] }), OptionError);
    assertEquals([error.option, error.found], ["hosts[1]", host]);
  }
});

Deno.test("needs: without access nobody has a role", async () => {
  const app = new Hono().get("/", needs("reader"), (c) => c.text("looked"));
  assertEquals((await app.request("http://localhost/")).status, 401);
});

Deno.test("security headers: on every answer, refusals included", async () => {
  const send = admin({ tokens: TOKENS });
  const answers = [
    await send("GET", "/"),
    await send("GET", "/nowhere"),
    await send("GET", "/api/look"),
    await send("GET", "/api/stream", bearer(READER)),
    await send("GET", "/", { host: "evil.example" }),
    await send("POST", "/api/act"),
    await send("OPTIONS", "/api/act"),
  ];
  assertEquals(answers.map(({ status }) => status), [200, 404, 401, 200, 421, 415, 404]);
  for (const { headers } of answers) {
    const policy = headers.get("content-security-policy") ?? "";
    const nonce = /'nonce-([A-Za-z0-9+/]{22}==)'/.exec(policy)?.[1];
    assertEquals(policy.split("; "), [
      "default-src 'none'",
      `script-src 'nonce-${nonce}'`,
      `style-src 'nonce-${nonce}'`,
      "connect-src 'self'",
      "img-src 'self' data:",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ]);
    const rest = {
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-resource-policy": "same-origin",
      "x-frame-options": "DENY",
      "cache-control": "no-store",
      "strict-transport-security": null,
      "set-cookie": null,
      "access-control-allow-origin": null,
    };
    for (const [name, value] of Object.entries(rest)) assertEquals(headers.get(name), value, name);
  }
});

Deno.test("security headers: the nonce is that of the answer, and of no other", async () => {
  const send = admin();
  const nonces = new Set<string>();
  for (let count = 0; count < 3; count++) {
    const answer = await send("GET", "/nonce");
    const nonce = await answer.text();
    assertStringIncludes(answer.headers.get("content-security-policy") ?? "", `'nonce-${nonce}'`);
    nonces.add(nonce);
  }
  assertEquals(nonces.size, 3);
});

Deno.test("security headers: only what calls itself immutable may be kept", async () => {
  const answer = await admin()("GET", "/asset");
  assertEquals(answer.headers.get("cache-control"), "max-age=1, immutable");
});

Deno.test("refuse: one form, with the status and the headers that are set already", async () => {
  const app = new Hono().get("/", (c) => {
    c.header("retry-after", "1");
    return refuse(c, 503, "draining", "Cannot take this now");
  });
  const answer = await app.request("/");
  assertEquals([answer.status, answer.headers.get("retry-after")], [503, "1"]);
  assertEquals(await errorOf(answer), { code: "draining", message: "Cannot take this now" });
});
