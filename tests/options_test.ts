import { assertEquals, assertThrows } from "@std/assert";
import { OptionError } from "../src/errors.ts";
import {
  defaultLimits,
  defaultTimeouts,
  type ListenerOptions,
  type ProxyOptions,
  resolveListener,
  resolveOptions,
} from "../src/options.ts";
import { plainTls } from "./_dialogue.ts";

/** Options that cannot be used, and the beginning of what is said about them. */
const bad: readonly [options: object, message: string][] = [
  [{ hostname: "a b" }, 'Cannot use option "hostname": found "a b", allowed is a domain name'],
  [{ hostname: "a\r\nb" }, 'Cannot use option "hostname"'],
  [{ hostname: "a\n" }, 'Cannot use option "hostname"'],
  [{ hostname: "-a" }, 'Cannot use option "hostname"'],
  [{ tlsRequired: true }, 'Cannot use option "tlsRequired": found true, allowed is true only'],
  [{ auth: "maybe" }, 'Cannot use option "auth": found "maybe", allowed is relay, off, require'],
  [{ bareNewline: "accept" }, 'Cannot use option "bareNewline": found "accept", allowed is reject'],
  [{ verify: "both" }, 'Cannot use option "verify": found "both", allowed is local, upstream'],
  [{ trusted: ["localhost"] }, 'Cannot use option "trusted": found'],
  [{ trusted: ["192.0.2.0/33"] }, 'Cannot use option "trusted": found'],
  [{ limits: { recipients: 0 } }, 'Cannot use option "limits.recipients": found 0, allowed is a'],
  [{ limits: { messageSize: 1.5 } }, 'Cannot use option "limits.messageSize": found 1.5'],
  [{ limits: { errors: NaN } }, 'Cannot use option "limits.errors": found NaN'],
  [{ limits: { sessions: "9" } }, 'Cannot use option "limits.sessions": found "9"'],
  [{ limits: { size: 1 } }, 'Cannot use option "limits.size": found 1, allowed is messageSize,'],
  [{ timeouts: { data: Infinity } }, 'Cannot use option "timeouts.data": found Infinity'],
  [{ timeouts: { greeting: 1 } }, 'Cannot use option "timeouts.greeting": found 1, allowed is'],
  [{ policyTimeLimit: -1 }, 'Cannot use option "policyTimeLimit": found -1, allowed is a whole'],
  [{ policyFailure: "250 Fine" }, 'Cannot use option "policyFailure": found "Found code 250"'],
  [{ policyFailure: "Sorry" }, 'Cannot use option "policyFailure": found'],
  [{ replies: { tooBig: "250 Fine" } }, 'Cannot use option "replies": found'],
];

Deno.test("options: each one that cannot be used is named, with what was found", () => {
  for (const [options, message] of bad) {
    assertThrows(() => resolveOptions(options as ProxyOptions), OptionError, message);
  }
});

Deno.test("options: good ones, and the defaults behind them", () => {
  for (const hostname of ["", "mx.example", "[192.0.2.1]", "[IPv6:2001:db8::1]", "a"]) {
    assertEquals(resolveOptions({ hostname }).settings.hostname, hostname);
  }
  const { settings, sessions } = resolveOptions({
    limits: { recipients: 5 },
    timeouts: { data: 1 },
  });
  assertEquals(settings.limits, { ...defaultLimits, recipients: 5 });
  assertEquals(settings.timeouts, { ...defaultTimeouts, data: 1 });
  assertEquals(sessions, defaultLimits.sessions);
  assertEquals(settings.trusted.has("127.0.0.1"), false);
  assertEquals([settings.auth, settings.bareNewline, settings.verify], [
    "relay",
    "reject",
    "local",
  ]);
});

Deno.test("options: those of a listener", () => {
  const plain = resolveOptions({}).settings;
  const secure = resolveOptions({ tls: plainTls }).settings;
  const wrong: readonly [options: ListenerOptions, message: string][] = [
    [{ implicitTls: true }, 'Cannot use option "implicitTls": found true, allowed is true only'],
    [{ proxyFrom: ["x"] }, 'Cannot use option "proxyFrom": found'],
    [{ xclientFrom: ["x"] }, 'Cannot use option "xclientFrom": found'],
    [{ xforwardFrom: ["x"] }, 'Cannot use option "xforwardFrom": found'],
  ];
  for (const [options, message] of wrong) {
    assertThrows(() => resolveListener(options, plain), OptionError, message);
  }
  assertEquals(resolveListener({}, plain).name, "smtp");
  assertEquals(resolveListener({}, plain).proxyFrom, undefined);
  assertEquals(resolveListener({ implicitTls: true }, secure).name, "smtps");
  const lmtp = { protocol: "lmtp" } as const;
  assertEquals(resolveListener(lmtp, plain).name, "lmtp");
  assertEquals(resolveListener({ ...lmtp, implicitTls: true }, secure).name, "lmtps");
  const smtpPort = { transport: "tcp", host: "192.0.2.25", port: 25 } as const;
  assertThrows(
    () => resolveListener(lmtp, plain, smtpPort),
    OptionError,
    'Cannot use option "protocol": found "lmtp", allowed is smtp on port 25',
  );
  assertEquals(resolveListener({}, plain, smtpPort).protocol, "smtp");
  assertEquals(resolveListener({ proxyFrom: [] }, plain).proxyFrom?.has("127.0.0.1"), false);
});
