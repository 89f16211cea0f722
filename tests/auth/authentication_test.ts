/**
 * SPF, DKIM, DMARC and ARC: what is found out, what is written on the message, what becomes of it.
 */

import { assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { authentication, type AuthenticationOptions } from "../../src/auth/authentication.ts";
import { dmarcPolicy } from "../../src/auth/dmarc_policy.ts";
import type { AuthenticationResults } from "../../src/auth/results.ts";
import { OptionError } from "../../src/errors.ts";
import { deliver } from "../content/_deliver.ts";
import { sealed, signed } from "./_mailauth.ts";
import { keyPair, resolverOf, type Zone } from "./_zone.ts";

const { pem, record } = await keyPair("rsa");
const author = { domain: "x.example", pem };
const list = { domain: "list.example", pem };

const MESSAGE = "From: a@x.example\r\nSubject: Hi\r\n\r\nHello\r\n";
const KEY = "TXT test._domainkey.x.example";
const LIST_KEY = "TXT test._domainkey.list.example";
const SPF = "TXT x.example";
const DMARC = "TXT _dmarc.x.example";

/** The client is 192.0.2.1. */
const permitted = [["v=spf1 ip4:192.0.2.0/24 -all"]];
const forbidden = [["v=spf1 -all"]];
const rejecting = [["v=DMARC1; p=reject"]];

interface Found {
  readonly reply: string;
  readonly results: AuthenticationResults;
  readonly content?: string;
}

async function find(
  message: string,
  zone: Zone,
  options: Partial<AuthenticationOptions> = {},
): Promise<Found> {
  const all: AuthenticationResults[] = [];
  const policy = authentication({
    authservId: "mx.example",
    resolver: resolverOf(zone),
    ...options,
    decide: (results, facts) => {
      all.push(results);
      return options.decide?.(results, facts);
    },
  });
  const { reply, content } = await deliver(policy, message);
  return { reply, results: all[0], content };
}

const outcomes: readonly {
  readonly name: string;
  readonly message: () => Promise<string>;
  readonly zone: Zone;
  /** spf, dkim, dmarc, arc. */
  readonly results: readonly string[];
}[] = [
  {
    name: "nothing is published",
    message: () => Promise.resolve(MESSAGE),
    zone: {},
    results: ["none", "", "none", "none"],
  },
  {
    name: "SPF passes",
    message: () => Promise.resolve(MESSAGE),
    zone: { [SPF]: permitted, [DMARC]: rejecting },
    results: ["pass", "", "pass", "none"],
  },
  {
    name: "SPF fails",
    message: () => Promise.resolve(MESSAGE),
    zone: { [SPF]: forbidden, [DMARC]: rejecting },
    results: ["fail", "", "fail", "none"],
  },
  {
    name: "SPF cannot be found out",
    message: () => Promise.resolve(MESSAGE),
    zone: { [SPF]: "fails", [DMARC]: rejecting },
    results: ["temperror", "", "temperror", "none"],
  },
  {
    name: "DKIM passes",
    message: () => signed(MESSAGE, author),
    zone: { [SPF]: forbidden, [KEY]: [[record]], [DMARC]: rejecting },
    results: ["fail", "pass", "pass", "none"],
  },
  {
    name: "DKIM fails",
    message: async () => (await signed(MESSAGE, author)).replace("Hello", "Hullo"),
    zone: { [SPF]: forbidden, [KEY]: [[record]], [DMARC]: rejecting },
    results: ["fail", "fail", "fail", "none"],
  },
  {
    name: "the key cannot be had",
    message: () => signed(MESSAGE, author),
    zone: { [SPF]: forbidden, [KEY]: "fails", [DMARC]: rejecting },
    results: ["fail", "temperror", "temperror", "none"],
  },
  {
    name: "there is no key",
    message: () => signed(MESSAGE, author),
    zone: { [SPF]: forbidden, [DMARC]: rejecting },
    results: ["fail", "neutral", "fail", "none"],
  },
  {
    name: "the wish of the domain cannot be found out",
    message: () => Promise.resolve(MESSAGE),
    zone: { [SPF]: forbidden, [DMARC]: "fails" },
    results: ["fail", "", "temperror", "none"],
  },
  {
    name: "there is no author",
    message: () => Promise.resolve("Subject: Hi\r\n\r\nHello\r\n"),
    zone: {},
    results: ["none", "", "permerror", "none"],
  },
  {
    name: "ARC passes",
    message: () => sealed(MESSAGE, list, { [LIST_KEY]: [[record]] }),
    zone: { [LIST_KEY]: [[record]], [SPF]: forbidden, [DMARC]: rejecting },
    results: ["fail", "", "fail", "pass"],
  },
  {
    name: "ARC fails",
    message: async () =>
      (await sealed(MESSAGE, list, { [LIST_KEY]: [[record]] })).replace("Hello", "Hullo"),
    zone: { [LIST_KEY]: [[record]], [SPF]: forbidden, [DMARC]: rejecting },
    results: ["fail", "", "fail", "fail"],
  },
  {
    name: "the key of ARC cannot be had",
    message: () => sealed(MESSAGE, list, { [LIST_KEY]: [[record]] }),
    zone: { [LIST_KEY]: "fails", [SPF]: permitted, [DMARC]: rejecting },
    results: ["pass", "", "pass", "fail"],
  },
];

Deno.test("what is found out stands in the results and on the message", async (t) => {
  for (const { name, message, zone, results } of outcomes) {
    await t.step(name, async () => {
      const found = await find(await message(), zone);
      const { spf, dkim, dmarc, arc, field } = found.results;
      const all = [spf.result, dkim.map(({ result }) => result).join(), dmarc.result, arc.result];
      assertEquals(all, results, field);
      assertMatch(found.content!, /^Authentication-Results: mx\.example;/);
      const unfolded = found.content!.replaceAll("\r\n ", " ");
      for (const [nth, method] of ["spf", "dkim", "dmarc", "arc"].entries()) {
        const result = method === "dkim" && all[nth] === "" ? "none" : all[nth];
        assertStringIncludes(unfolded, `; ${method}=${result}`);
      }
    });
  }
});

Deno.test("who has signed and sealed is told", async () => {
  const zone = { [KEY]: [[record]], [LIST_KEY]: [[record]], [DMARC]: [["v=DMARC1; p=quarantine"]] };
  const message = await sealed(await signed(MESSAGE, author), list, zone);
  const { results } = await find(message, zone);
  assertEquals(results.dkim, [{ result: "pass", domain: "x.example", selector: "test" }]);
  assertEquals(results.dmarc, { result: "pass", domain: "x.example", wish: "quarantine" });
  assertEquals(results.arc, { result: "pass", sealer: "list.example" });
});

Deno.test("DMARC decides", async (t) => {
  const quarantining = [["v=DMARC1; p=quarantine"]];
  const cases: readonly [string, Zone, ReturnType<typeof dmarcPolicy>, string][] = [
    ["reject", { [SPF]: forbidden, [DMARC]: rejecting }, dmarcPolicy(), "550 5.7.26"],
    ["pass", { [SPF]: permitted, [DMARC]: rejecting }, dmarcPolicy(), "250"],
    ["softened", { [DMARC]: rejecting }, dmarcPolicy({ reject: "quarantine" }), "250"],
    ["quarantine", { [DMARC]: quarantining }, dmarcPolicy(), "250"],
    ["none", { [DMARC]: [["v=DMARC1; p=none"]] }, dmarcPolicy(), "250"],
    ["SPF unknown", { [SPF]: "fails", [DMARC]: rejecting }, dmarcPolicy(), "451 4.7.26"],
    ["DMARC unknown", { [DMARC]: "fails" }, dmarcPolicy(), "451 4.7.26"],
    ["unknown, let in", { [DMARC]: "fails" }, dmarcPolicy({ temporary: "accept" }), "250"],
  ];
  for (const [name, zone, decide, reply] of cases) {
    await t.step(name, async () => {
      assertStringIncludes((await find(MESSAGE, zone, { decide })).reply, reply);
    });
  }
});

Deno.test("a second author does not help against DMARC", async (t) => {
  const zone = { [SPF]: permitted, [DMARC]: rejecting };
  const several = [
    "From: a@bank.example\r\nFrom: a@x.example\r\n",
    "From: a@x.example\r\nfrom : a@x.example\r\n",
    "From: a@bank.example, a@x.example\r\n",
    "From: a@x.example, a@\r\n",
  ];
  for (const header of several) {
    await t.step(JSON.stringify(header), async () => {
      const decided = async (decide: ReturnType<typeof dmarcPolicy>) =>
        (await find(`${header}\r\nHi\r\n`, zone, { decide })).reply;
      assertStringIncludes(await decided(dmarcPolicy()), "550 5.7.26");
      assertStringIncludes(await decided(dmarcPolicy({ reject: "quarantine" })), "250");
    });
  }
  for (const header of ["Subject: Hi\r\n", "From: nobody:;\r\n", "From: root\r\n"]) {
    await t.step(`but ${JSON.stringify(header)}`, async () => {
      const decide = dmarcPolicy();
      const { reply } = await find(`${header}\r\nHi\r\n`, zone, { decide });
      assertStringIncludes(reply, "250");
    });
  }
});

Deno.test("a mailing list that is believed passes on what fails", async () => {
  const zone = { [LIST_KEY]: [[record]], [DMARC]: rejecting };
  const message = await sealed(MESSAGE, list, zone);
  assertStringIncludes((await find(message, zone, { decide: dmarcPolicy() })).reply, "550");
  const decide = dmarcPolicy({ sealers: ["List.Example"] });
  assertStringIncludes((await find(message, zone, { decide })).reply, "250");
});

Deno.test("those who have logged in, or are trusted, are not asked who they are", async () => {
  const policy = authentication({
    authservId: "mx.example",
    resolver: resolverOf({ [SPF]: forbidden, [DMARC]: rejecting }),
  });
  const { reply } = await deliver(policy, MESSAGE);
  assertStringIncludes(reply, "550 5.7.26");
  for (const options of [{ client: { login: "a" } }, { trusted: ["192.0.2.1"] }]) {
    const { reply, content } = await deliver(policy, MESSAGE, options);
    assertStringIncludes(reply, "250");
    assertEquals(content, MESSAGE);
  }
});

Deno.test("a message of many pieces is read as it comes", async () => {
  const body = `${"x".repeat(70)}\r\n`.repeat(30_000);
  const message = await signed(`From: a@x.example\r\n\r\n${body}`, author);
  const zone = { [SPF]: forbidden, [KEY]: [[record]], [DMARC]: rejecting };
  const { results, content } = await find(message, zone);
  assertEquals([results.dkim[0].result, results.dmarc.result], ["pass", "pass"]);
  // It is too late to put the field on.
  assertEquals(content === message, true);
});

Deno.test("where it is too late to put the field on, the answer is as stated", async () => {
  const message = `From: a@x.example\r\n\r\n${"Hello\r\n".repeat(20_000)}`;
  assertMatch((await find(message, {}, { beyond: "defer" })).reply, /^451 /);
  assertMatch((await find(message, {}, { window: 200_000 })).content!, /^Authentication-Results: /);
});

Deno.test("what would cost too much is refused", async (t) => {
  const cases: readonly [string, string][] = [
    ["a header section beyond the window", `X: ${"x\r\n ".repeat(30_000)}\r\n\r\nHi\r\n`],
    ["many fields", `${"X: y\r\n".repeat(2_001)}\r\nHi\r\n`],
    ["many signatures", `${"DKIM-Signature: v=1\r\n".repeat(11)}\r\nHi\r\n`],
    ["a long line", `From: a@x.example\r\n\r\n${"x".repeat(300_000)}\r\n`],
  ];
  for (const [name, message] of cases) {
    await t.step(name, async () => {
      assertStringIncludes((await find(message, {})).reply, "554 5.6.0");
    });
  }
});

Deno.test("options are looked at", () => {
  const resolver = resolverOf({});
  const wrong = (options: object, option: string): void => {
    const all = { authservId: "mx.example", resolver, ...options } as AuthenticationOptions;
    assertEquals(assertThrows(() => authentication(all), OptionError).option, option);
  };
  wrong({ authservId: "" }, "authentication.authservId");
  wrong({ authservId: "mx example" }, "authentication.authservId");
  wrong({ beyond: "perhaps" }, "authentication.beyond");
  const points = assertThrows(() => dmarcPolicy({ points: NaN }), OptionError);
  assertEquals(points.option, "dmarcPolicy.points");
});
