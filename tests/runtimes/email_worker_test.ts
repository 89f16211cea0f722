/** A policy as an Email Worker: each verdict with a message that is none, and the real thing. */

import { assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { Log, LogLevel, Miniflare } from "miniflare";
import {
  type EmailMessage,
  emailWorker,
  type EmailWorkerOptions,
  TemporaryFailure,
  UnsupportedVerdict,
} from "../../src/adapters/email_worker/mod.ts";
import { TimeoutError } from "../../src/clock.ts";
import { OptionError } from "../../src/errors.ts";
import {
  defer,
  definePolicy,
  discard,
  disconnect,
  edit,
  Path,
  type Phase,
  type PhaseFacts,
  type Policy,
  proceed,
  reject,
  rewrite,
  route,
} from "../../src/policy/mod.ts";
import { FakeClock } from "../_clock.ts";
import { bundleWorker } from "./_workerd.ts";

/** What was done to a message. */
type Deed =
  | { readonly rejected: string }
  | { readonly forwarded: string; readonly headers: Readonly<Record<string, string>> };

class FakeMessage implements EmailMessage {
  readonly deeds: Deed[] = [];
  readonly headers = new Headers({ Subject: "Hi", "X-Old": "1" });
  readonly raw = new ReadableStream<Uint8Array>();
  readonly rawSize = 42;

  constructor(readonly from = "a@client.example", readonly to = "b@mx.example") {}

  setReject(reason: string): Promise<void> {
    // Whoever does not wait for it loses it, as at the platform.
    return Promise.resolve().then(() => void this.deeds.push({ rejected: reason }));
  }

  forward(to: string, headers: Headers): Promise<void> {
    this.deeds.push({ forwarded: to, headers: Object.fromEntries(headers) });
    if (to.endsWith("@unverified.example")) return Promise.reject(new Error("not verified"));
    return Promise.resolve();
  }
}

const forwarded = (to: string, headers: Readonly<Record<string, string>> = {}): Deed => {
  return { forwarded: to, headers };
};

interface Case {
  readonly name: string;
  readonly policy: Policy;
  readonly options?: EmailWorkerOptions;
  readonly deeds: readonly Deed[];
  /** What is thrown: a class and a part of its message. */
  // deno-lint-ignore no-explicit-any -- as a class of any constructor is written
  readonly thrown?: readonly [abstract new (...args: any[]) => Error, string];
}

const paths = (...addresses: string[]) => addresses.map((address) => Path.from(address));

const routes = { archive: "archive@inbox.example" };

const cases: readonly Case[] = [
  {
    name: "no verdict goes to the recipient",
    policy: definePolicy({ rcpt: () => undefined }),
    deeds: [forwarded("b@mx.example")],
  },
  {
    name: "proceed goes to the destination, with fields",
    policy: definePolicy({ content: () => proceed() }),
    options: { destination: "me@inbox.example", headers: { "X-Filtered-By": "sluice" } },
    deeds: [forwarded("me@inbox.example", { "x-filtered-by": "sluice" })],
  },
  ...(["mail", "rcpt", "data", "headers", "content"] as const).flatMap((phase): Case[] => [
    {
      name: `reject at ${phase}`,
      policy: definePolicy({ [phase]: () => reject("550 5.7.1 Not welcome") }),
      deeds: [{ rejected: "5.7.1 Not welcome" }],
    },
    {
      name: `defer at ${phase}`,
      policy: definePolicy({ [phase]: () => defer("451 4.7.1 Later") }),
      deeds: [],
      thrown: [TemporaryFailure, "451 4.7.1 Later"],
    },
    {
      name: `discard at ${phase}`,
      policy: definePolicy({ [phase]: () => discard() }),
      deeds: [],
    },
    {
      name: `a check that fails at ${phase}`,
      policy: definePolicy({
        [phase]: () => {
          throw new Error("broken");
        },
      }),
      deeds: [],
      thrown: [TemporaryFailure, "451 4.3.0"],
    },
  ]),
  {
    name: "reject with a 4xx reply",
    policy: definePolicy({ rcpt: () => reject("450 4.2.0 Not yet") }),
    deeds: [],
    thrown: [TemporaryFailure, "450 4.2.0 Not yet"],
  },
  {
    name: "disconnect with a 5xx reply",
    policy: definePolicy({ rcpt: () => disconnect("554 5.7.1 Away") }),
    deeds: [{ rejected: "5.7.1 Away" }],
  },
  {
    name: "disconnect in the midst of the message",
    policy: definePolicy({ data: () => disconnect("421 4.7.0 Away", { after: 3 }) }),
    deeds: [],
    thrown: [UnsupportedVerdict, "at data"],
  },
  {
    name: "a refusal behind a discard",
    policy: definePolicy({ mail: () => discard(), rcpt: () => reject("550 5.1.1 Unknown") }),
    deeds: [{ rejected: "5.1.1 Unknown" }],
  },
  {
    name: "rewrite",
    policy: definePolicy({ rcpt: () => rewrite(Path.from("c@inbox.example")) }),
    options: { destination: "me@inbox.example" },
    deeds: [forwarded("c@inbox.example")],
  },
  {
    name: "rewrite to several",
    policy: definePolicy({ rcpt: () => rewrite(paths("c@inbox.example", "d@inbox.example")) }),
    deeds: [forwarded("c@inbox.example"), forwarded("d@inbox.example")],
  },
  {
    name: "rewrite to several, of which one is not verified",
    policy: definePolicy({ rcpt: () => rewrite(paths("c@unverified.example", "d@inbox.example")) }),
    deeds: [forwarded("c@unverified.example")],
    thrown: [Error, "not verified"],
  },
  {
    name: "rewrite to nobody",
    policy: definePolicy({ rcpt: () => rewrite([]) }),
    deeds: [],
  },
  {
    name: "rewrite of the reverse-path",
    policy: definePolicy({ mail: () => rewrite(Path.from("c@client.example")) }),
    deeds: [],
    thrown: [UnsupportedVerdict, "at mail"],
  },
  {
    name: "route",
    policy: definePolicy({ mail: () => route("archive") }),
    options: { destination: "me@inbox.example", routes },
    deeds: [forwarded("archive@inbox.example")],
  },
  {
    name: "the recipient's route before that of the whole",
    policy: definePolicy({ mail: () => route("archive"), rcpt: () => route("default") }),
    options: { destination: "me@inbox.example", routes },
    deeds: [forwarded("me@inbox.example")],
  },
  {
    name: "a route to nowhere",
    policy: definePolicy({ rcpt: () => route("archive") }),
    deeds: [],
    thrown: [UnsupportedVerdict, '"archive": unknown'],
  },
  {
    name: "an X- field",
    policy: definePolicy({
      headers: ({ headers }) =>
        edit([
          { kind: "add", name: "X-Seen", value: headers.get("subject") ?? "", at: "top" },
        ]),
    }),
    deeds: [forwarded("b@mx.example", { "x-seen": "Hi" })],
  },
  {
    name: "another field",
    policy: definePolicy({
      headers: () => edit([{ kind: "add", name: "Subject", value: "[spam]", at: "top" }]),
    }),
    deeds: [],
    thrown: [UnsupportedVerdict, "field Subject"],
  },
  {
    name: "phases that there are not",
    policy: definePolicy({ connect: () => reject("554 5.7.1 No"), ehlo: () => reject("550 No") }),
    deeds: [forwarded("b@mx.example")],
  },
];

for (const { name, policy, options, deeds, thrown } of cases) {
  Deno.test(`Email Worker: ${name}`, async () => {
    const message = new FakeMessage();
    const handled = emailWorker(policy, options).email(message);
    if (thrown === undefined) await handled;
    else await assertRejects(() => handled, ...thrown);
    assertEquals(message.deeds, deeds);
  });
}

Deno.test("Email Worker: what the policy is told", async () => {
  const told: Partial<PhaseFacts> = {};
  const asked: Phase[] = [];
  const policy = definePolicy({
    mail: (facts) => void (told.mail = facts),
    rcpt: (facts) => void (told.rcpt = facts),
    content: (facts) => void (told.content = facts),
  });
  const observers = [{ ruling: (phase: Phase) => void asked.push(phase) }];
  await emailWorker(policy, { observers }).email(new FakeMessage("", "bär@mx.example"));
  assertEquals(asked, ["mail", "rcpt", "data", "headers", "content"]);
  const { mail, rcpt, content } = told as PhaseFacts;
  assertEquals([mail.reversePath.isNull, mail.parameters], [true, { size: 42, smtputf8: true }]);
  assertEquals([mail.client.address, mail.client.tls], ["", undefined]);
  assertEquals([rcpt.forwardPath.address, rcpt.octets], ["bär@mx.example", 0]);
  assertEquals([content.octets, content.headers.get("X-OLD")], [42, "1"]);
  const addresses = content.current.recipients.map(({ forwardPath }) => forwardPath.address);
  assertEquals(addresses, ["bär@mx.example"]);
});

Deno.test("Email Worker: an envelope that cannot be read is tried again", async () => {
  const message = new FakeMessage("a@client.example", "b");
  const policy = definePolicy({});
  await assertRejects(() => emailWorker(policy).email(message), RangeError, '"b"');
  assertEquals(message.deeds, []);
});

for (const late of ["proceeds", "refuses", "fails"] as const) {
  Deno.test(`Email Worker: the end of the budget throws, though the policy ${late} later`, async () => {
    const clock = new FakeClock();
    const gate = Promise.withResolvers<void>();
    const policy = definePolicy({
      timeLimit: 60_000,
      onFailure: "reject",
      rcpt: async () => {
        await gate.promise;
        if (late === "refuses") return reject("550 5.7.1 Too late");
        if (late === "fails") throw new Error("too late");
      },
    });
    const message = new FakeMessage();
    const troubles: unknown[] = [];
    const observers = [{ trouble: (_: unknown, error: unknown) => void troubles.push(error) }];
    const handled = assertRejects(
      () => emailWorker(policy, { clock, observers }).email(message),
      TimeoutError,
      "25000 ms",
    );
    await clock.advance(25_000);
    await handled;
    assertInstanceOf(troubles[0], TimeoutError);
    gate.resolve();
    await clock.advance(1);
    assertEquals(message.deeds, []);
  });
}

Deno.test("Email Worker: behind the end of the budget nobody else gets a message that is tried again", async () => {
  const clock = new FakeClock();
  const gate = Promise.withResolvers<void>();
  const policy = definePolicy({ rcpt: () => rewrite(paths("one@x.example", "two@x.example")) });
  class Slow extends FakeMessage {
    override async forward(to: string, headers: Headers): Promise<void> {
      await super.forward(to, headers);
      await gate.promise;
    }
  }
  const message = new Slow();
  const handled = assertRejects(() => emailWorker(policy, { clock }).email(message), TimeoutError);
  await clock.advance(25_000);
  await handled;
  gate.resolve();
  await clock.advance(1);
  assertEquals(message.deeds, [forwarded("one@x.example")]);
});

const mistakes: readonly (readonly [EmailWorkerOptions, string])[] = [
  [{ destination: "nobody" }, 'option "destination"'],
  [{ destination: "" }, 'option "destination"'],
  [{ routes: { archive: "@b.example:a@inbox.example" } }, 'option "routes.archive"'],
  [{ routes: { default: "a@inbox.example" } }, 'option "routes": found "default"'],
  [{ headers: { Subject: "x" } }, 'option "headers": found "Subject"'],
  [{ headers: { "X-A:": "x" } }, 'option "headers": found "X-A:"'],
  [{ headers: { "X-A": "x\r\nBcc: y" } }, 'option "headers.X-A"'],
  [{ budget: 0 }, 'option "budget": found 0'],
];

for (const [options, message] of mistakes) {
  Deno.test(`Email Worker: ${JSON.stringify(options)} is refused`, () => {
    assertThrows(() => emailWorker(definePolicy({}), options), OptionError, message);
  });
}

Deno.test("Email Worker: a policy that needs what there is not is refused", () => {
  const policy = definePolicy({ name: "blocklist", needs: ["rcpt", "connect"] });
  const error = assertThrows(() => emailWorker(policy), OptionError);
  assertEquals(
    error.message,
    'Cannot use option "policy": found "blocklist, which needs connect", allowed is a policy that ' +
      "needs what an Email Worker gives (the client's address is not told): mail, rcpt, data, " +
      "headers, content, reject, defer, rewrite, route, discard, score",
  );
});

const MESSAGE = "From: a@client.example\r\nMessage-ID: <1@client.example>\r\n\r\nHello\r\n";

/** As the real handler shows them: its status, and what it says and logs of it. */
const real: Readonly<Record<string, readonly [status: number, said: RegExp]>> = {
  accepted: [
    200,
    /forwarded message with\n {2}rcptTo: me@inbox\.example\n.*\n {4}x-filtered-by: it/,
  ],
  rewritten: [200, /forwarded message with\n {2}rcptTo: other@inbox\.example\n/],
  dropped: [200, /^Worker successfully processed email$/],
  refused: [400, /following reason: 5\.7\.1 Not welcome/],
  deferred: [500, /TemporaryFailure: 451 4\.7\.1 Later/],
  slow: [500, /TimeoutError: Timed out after 50 ms/],
};

// miniflare's HTTP client leaves a timer behind, and its directory goes some time after its end.
const sanitize = { sanitizeOps: false, sanitizeResources: false };

Deno.test("Email Worker: in miniflare", sanitize, async (t) => {
  const said: string[] = [];
  class Listening extends Log {
    protected override log(message: string): void {
      said.push(message);
    }
  }
  const miniflare = new Miniflare({
    modules: true,
    script: bundleWorker(`
      import { emailWorker } from "../../src/adapters/email_worker/mod.ts";
      import { defer, definePolicy, discard, Path, reject, rewrite } from "../../src/policy/mod.ts";
      const verdicts = {
        rewritten: () => rewrite(Path.from("other@inbox.example")),
        dropped: () => discard(),
        refused: () => reject("550 5.7.1 Not welcome"),
        deferred: () => defer("451 4.7.1 Later"),
        slow: () => new Promise(() => {}),
      };
      const policy = definePolicy({ rcpt: ({ forwardPath }) => verdicts[forwardPath.localPart]?.() });
      export default emailWorker(policy, {
        destination: "me@inbox.example",
        headers: { "X-Filtered-By": "it" },
        budget: 50,
      });
    `),
    unsafeTriggerHandlers: true,
    compatibilityDate: "2026-04-01",
    cf: false,
    log: new Listening(LogLevel.INFO),
  });
  try {
    for (const [who, [status, expected]] of Object.entries(real)) {
      await t.step(who, async () => {
        said.length = 0;
        const query = new URLSearchParams({ from: "a@client.example", to: `${who}@mx.example` });
        const response = await miniflare.dispatchFetch(
          `http://localhost/cdn-cgi/handler/email?${query}`,
          { method: "POST", body: `To: ${who}@mx.example\r\n${MESSAGE}` },
        );
        said.unshift(await response.text());
        assertEquals(response.status, status);
        const all = said.join("\n");
        if (!expected.test(all)) throw new Error(`Waited for ${expected}: found ${all}`);
      });
    }
  } finally {
    await miniflare.dispose();
  }
});
