import { assertEquals, assertThrows } from "@std/assert";
import { OptionError } from "../../src/errors.ts";
import { parseUpstreamUrl, tlsAt, type UpstreamUrl } from "../../src/upstream/url.ts";

const PIN = "ab".repeat(32);
const tcp = (host: string, port: number) => ({ transport: "tcp" as const, host, port });

type Smtp = Extract<UpstreamUrl, { kind: "smtp" }>;

Deno.test("upstream url: what it says", () => {
  const plain: Omit<Smtp, "target"> = {
    kind: "smtp",
    protocol: "smtp",
    tls: { mode: "opportunistic" },
    authorities: undefined,
    chunking: "small",
  };
  const { protocol: _, ...either } = plain;
  const records = { ...either, kind: "discovered" as const };
  const lmtp = { ...plain, protocol: "lmtp" as const };
  const named = (name: string) => ({ kind: "name" as const, name });
  const rows: readonly [text: string, url: UpstreamUrl][] = [
    ["capture:", { kind: "capture", directory: undefined }],
    ["capture:./mail", { kind: "capture", directory: "./mail" }],
    ["https://hook.example/in?key=a%20b&tls=x", {
      kind: "http",
      url: "https://hook.example/in?key=a%20b&tls=x",
    }],
    ["HTTP://127.0.0.1:8080", { kind: "http", url: "http://127.0.0.1:8080/" }],
    ["http://localhost/", { kind: "http", url: "http://localhost/" }],
    ["http://[::1]/in", { kind: "http", url: "http://[::1]/in" }],
    ["smtp://mx.example", { ...plain, target: tcp("mx.example", 25) }],
    ["smtp://mx.example:2525/", { ...plain, target: tcp("mx.example", 2525) }],
    ["smtp://[2001:db8::1]:26", { ...plain, target: tcp("2001:db8::1", 26) }],
    ["smtp://mx?tls=none&chunking=never", {
      ...plain,
      target: tcp("mx", 25),
      tls: { mode: "none" },
      chunking: "never",
    }],
    ["smtp://mx?tls=required", {
      ...plain,
      target: tcp("mx", 25),
      tls: { mode: "required", verify: { kind: "none" } },
    }],
    ["smtp://mx?tls=verify&ca=/a.pem", {
      ...plain,
      target: tcp("mx", 25),
      tls: { mode: "required", verify: named("mx") },
      authorities: "/a.pem",
    }],
    ["smtps://mx", {
      ...plain,
      target: tcp("mx", 465),
      tls: { mode: "implicit", verify: named("mx") },
    }],
    ["smtps://192.0.2.1?name=mx.example", {
      ...plain,
      target: tcp("192.0.2.1", 465),
      tls: { mode: "implicit", verify: named("mx.example") },
    }],
    [`smtp://mx?pin=sha256:${PIN.toUpperCase()}&pin=sha256:${"CD:".repeat(31)}CD`, {
      ...plain,
      target: tcp("mx", 25),
      tls: {
        mode: "required",
        verify: { kind: "fingerprint", fingerprints: [PIN, "cd".repeat(32)] },
      },
    }],
    ["smtp+mx://Example.ORG?tls=verify", {
      ...records,
      by: "mx",
      domain: "example.org",
      port: 25,
      tls: { mode: "required", verify: named("") },
    }],
    ["smtp+mx://example.org:2525?tls=verify&name=mx.example", {
      ...records,
      by: "mx",
      domain: "example.org",
      port: 2525,
      tls: { mode: "required", verify: named("mx.example") },
    }],
    ["smtp+srv://_Submission._tcp.example.org?ca=/a.pem", {
      ...records,
      by: "srv",
      domain: "_submission._tcp.example.org",
      port: 0,
      authorities: "/a.pem",
    }],
    ["smtps+srv://_submissions._tcp.example.org", {
      ...records,
      by: "srv",
      domain: "_submissions._tcp.example.org",
      port: 0,
      tls: { mode: "implicit", verify: named("") },
    }],
    ["ws://mx.example:8080/smtp", {
      ...plain,
      target: { transport: "websocket", url: "ws://mx.example:8080/smtp" },
    }],
    ["ws://[::1]?tls=verify&name=mx.example&token=env:TOKEN", {
      ...plain,
      target: { transport: "websocket", url: "ws://[::1]/" },
      tls: { mode: "required", verify: named("mx.example") },
      token: "env:TOKEN",
    }],
    ["wss://mx.example/smtp?ca=/a.pem&token=/token&chunking=always", {
      ...plain,
      target: { transport: "websocket", url: "wss://mx.example/smtp" },
      tls: { mode: "none" },
      authorities: "/a.pem",
      token: "/token",
      chunking: "always",
    }],
    ["unix:/run/smtp", { ...plain, target: { transport: "unix", path: "/run/smtp" } }],
    ["lmtp://store.example", { ...lmtp, target: tcp("store.example", 24) }],
    ["lmtp://store.example:2003?tls=none", {
      ...lmtp,
      target: tcp("store.example", 2003),
      tls: { mode: "none" },
    }],
    ["lmtp+unix:/run/lmtp", { ...lmtp, target: { transport: "unix", path: "/run/lmtp" } }],
  ];
  for (const [text, url] of rows) assertEquals(parseUpstreamUrl(text, "--upstream"), url, text);
});

Deno.test("upstream url: each host of a domain has to prove its own name, or the one that is given", () => {
  const verify = { kind: "name", name: "", authorities: ["pem"] } as const;
  assertEquals(tlsAt({ mode: "required", verify }, "mx.example"), {
    mode: "required",
    verify: { ...verify, name: "mx.example" },
  });
  const others = [
    { mode: "none" },
    { mode: "required", verify: { kind: "none" } },
    { mode: "required", verify: { kind: "name", name: "other.example" } },
  ] as const;
  for (const tls of others) assertEquals(tlsAt(tls, "mx.example"), tls);
});

Deno.test("upstream url: what cannot be read is named", () => {
  const rows: readonly [text: string, message: string][] = [
    ["", 'found "", allowed is smtp://'],
    ["ws://me@mx.example/smtp", 'found "ws://me@mx.example/smtp"'],
    ["wss://mx?tls=verify", 'found "tls=verify", allowed is the parameters ca, token, chunking'],
    ["wss://mx?token=a&token=b", 'found "two of token"'],
    [
      "smtp://mx?token=a",
      'found "token=a", allowed is the parameters tls, ca, name, pin, chunking',
    ],
    ["mx.example", 'found "mx.example"'],
    ["http://mx.example", "allowed is https://host/path, or http:// to a loopback address"],
    ["http://127.0.0.1.example/", "allowed is https://host/path"],
    ["https://user:word@hook.example/", "allowed is https://host/path"],
    ["https://hook.example/#part", "allowed is https://host/path"],
    ["https://", "allowed is https://host/path"],
    ["smtp://", 'found "smtp://"'],
    ["smtp://mx:0x19", 'found "smtp://mx:0x19"'],
    ["smtp://mx:65536", 'found "smtp://mx:65536"'],
    ["smtp://user@mx", 'found "smtp://user@mx"'],
    ["smtp://mx/path", 'found "smtp://mx/path"'],
    ["smtp://mx#x", 'found "smtp://mx#x"'],
    ["smtp://mx?tsl=none", 'found "tsl=none", allowed is the parameters tls,'],
    ["smtp://mx?tls=maybe", 'found "tls=maybe"'],
    ["smtp://mx?tls=none&tls=none", 'found "two of tls", allowed is one'],
    ["smtps://mx?tls=none", 'found "tls=none"'],
    [
      "smtp://mx?chunking=sometimes",
      'found "sometimes", allowed is small, as-received, always, never',
    ],
    ["smtp://mx?pin=sha256:abc", 'found "sha256:abc", allowed is sha256: and 64 hexadecimal'],
    ["smtp://mx?pin=md5:abc", 'found "md5:abc"'],
    ["smtp+mx://", 'found "smtp+mx://"'],
    ["smtp+mx://192.0.2.1", 'found "smtp+mx://192.0.2.1"'],
    ["smtp+mx://_mx.example", 'found "smtp+mx://_mx.example"'],
    ["smtp+mx://mx.example:0", 'found "smtp+mx://mx.example:0"'],
    ["smtps+mx://mx.example", 'found "smtps+mx://mx.example"'],
    ["smtp+srv://example.org", 'found "smtp+srv://example.org"'],
    ["smtp+srv://_smtp._tcp", 'found "smtp+srv://_smtp._tcp"'],
    ["smtp+srv://_smtp._tcp.example:25", 'found "smtp+srv://_smtp._tcp.example:25"'],
    ["smtps+srv://_smtp._tcp.example?tls=none", 'found "tls=none"'],
    ["unix:/run/smtp?tls=verify", "allowed is tls=verify with name=host"],
  ];
  for (const [text, message] of rows) {
    assertThrows(
      () => parseUpstreamUrl(text, "--upstream"),
      OptionError,
      message,
      text,
    );
  }
});
