/**
 * The dashboard in a real browser, in front of a real server that real mail goes through.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { BrowserContextOptions, Page } from "playwright-core";
import { type ViewName, views } from "../../src/admin/dashboard/client/route.ts";
import { count } from "../../src/admin/dashboard/client/words.ts";
import { interop, shared } from "../interop/_tools.ts";
import { type Mail, Serving } from "./_serve.ts";
import {
  barriers,
  changed,
  excessWidth,
  goTo,
  live,
  picture,
  startBrowser,
  visit,
} from "./dashboard/_browser.ts";

// The browser and the server are processes of their own, with pipes that outlive a test.
Deno.test.sanitizer({ ops: false, resources: false });

const started = shared(startBrowser);

const rules = `
[[rule]]
name = "closed mailbox"
at = "rcpt"
when = { recipient = "closed@mx.example" }
then = { reject = "550 5.7.1 This mailbox is closed" }

[[rule]]
name = "nobody reads this"
at = "rcpt"
when = { recipient = "noreply@mx.example" }
then = { discard = true }
`;

/** Of each kind some, by what becomes of it. */
const mixed: Readonly<Record<string, Mail>> = {
  accepted: { from: "ann@news.example", to: ["bob@mx.example"] },
  several: {
    from: "ann@partner.example",
    to: ["bob@mx.example", "gone@mx.example", "eve@lists.example"],
  },
  rejected: { from: "mallory@spam.example", to: ["closed@mx.example"] },
  deferred: { from: "ann@news.example", to: ["busy@mx.example"] },
  discarded: { from: "ann@shop.example", to: ["noreply@mx.example"] },
};

interface Case {
  readonly page: Page;
  readonly served: Serving;
}

/** A test with a server and a page of its own; whatever the page complains of fails it. */
function inBrowser(
  name: string,
  act: (test: Case) => Promise<void>,
  { expected, ...context }: BrowserContextOptions & { expected?: RegExp } = {},
): void {
  interop(`real mail: ${name}`, ["chromium"], async () => {
    const { browser } = await started();
    await using served = await Serving.start(rules);
    await using opened = await visit(browser, served.url, context);
    await live(opened.page);
    await act({ page: opened.page, served });
    assertEquals(opened.complaints.filter((text) => !expected?.test(text)), []);
  });
}

const exactly = (text: string) => new RegExp(`^${text}$`);

const text = async (page: Page, selector: string) =>
  await page.locator(selector).first().textContent() ?? "";

const drawing = (page: Page, id: string): Promise<string> =>
  page.evaluate(`document.querySelector("#${id} canvas").toDataURL()`);

/** Opens the one transaction from this sender, by searching for it. */
async function find(page: Page, from: string): Promise<void> {
  await goTo(page, "transactions");
  await page.getByLabel("Address", { exact: true }).fill(from);
  await page.waitForURL(/[?]address=/);
  const others = page.locator("#transactions tr", { hasNotText: from });
  await others.first().waitFor({ state: "detached" });
  await page.locator("#transactions a", { hasText: from }).click();
  await page.locator("#transaction-account").waitFor();
}

inBrowser("numbers and charts move with it, and tell the truth", async ({ page, served }) => {
  await page.locator("#chart-outcomes canvas").waitFor();
  const before = await drawing(page, "chart-outcomes");
  let rounds = 0;
  let flowing = true;
  const mail = (async () => {
    for (; flowing; rounds++) await served.send(`203.0.113.${rounds % 9}`, ...Object.values(mixed));
  })();
  for (const outcome of ["accepted", "rejected", "deferred", "discarded"]) {
    await changed(page, `verdict-${outcome}`, "0");
  }
  await changed(page, "verdict-accepted", await text(page, "#verdict-accepted"));
  await changed(page, "now-messages", "0");
  await page.locator("#chart-outcomes .legend li", { hasText: /accepted [1-9]/ }).waitFor();
  assert(await drawing(page, "chart-outcomes") !== before);
  await picture(page, "real-overview");
  flowing = false;
  await mail;
  const each = { accepted: 2 * rounds, rejected: rounds, deferred: rounds, discarded: rounds };
  for (const [outcome, times] of Object.entries(each)) {
    await page.locator(`#verdict-${outcome}`, { hasText: exactly(count(times)) }).waitFor();
  }
  assertEquals(served.upstream.messages.length, each.accepted);
  await page.locator("#top-senders", { hasText: "spam.example" }).waitFor();
  await page.locator("#top-clients", { hasText: "203.0.113.1" }).waitFor();
  await page.locator("#refusals li", { hasText: "closed mailbox" }).first().waitFor();
  await goTo(page, "upstreams");
  const answers = new RegExp(` of ${count(each.accepted)}$`);
  await page.locator("[data-fact=answering]", { hasText: answers }).waitFor();
  await goTo(page, "rules");
  const rule = page.locator("#rules tr", { hasText: "closed mailbox" });
  assertEquals(await rule.locator("td").nth(2).textContent(), count(rounds));
});

inBrowser("a refused message is found and explains itself", async ({ page, served }) => {
  await goTo(page, "transactions");
  await served.send("203.0.113.1", ...Object.values(mixed));
  // They come by themselves before anybody searches for one.
  await page.locator("#transactions tr").nth(Object.keys(mixed).length - 1).waitFor();
  await find(page, "mallory@spam.example");
  assertEquals(
    await text(page, "#transaction-account"),
    "Refused for good at RCPT by “closed mailbox”: 550 5.7.1 This mailbox is closed",
  );
  assertStringIncludes(
    await text(page, "#transaction .timeline"),
    "closed mailbox refused 550 5.7.1",
  );
  const dialogue = await page.locator("#transaction .dialogue li:not(.note) code")
    .allTextContents();
  assertEquals(dialogue, [
    "MAIL FROM:<mallory@spam.example>",
    "250 2.1.0 Ok",
    "RCPT TO:<closed@mx.example>",
    "550 5.7.1 This mailbox is closed",
    "RSET",
    "250 2.0.0 Reset",
  ]);
  await picture(page, "real-transaction");

  const open = "Explain it with the policy of now";
  await page.getByText(open).click();
  const account = page.locator("#explanation .account");
  await account.getByText("It would be refused: 550 5.7.1 This mailbox is closed").waitFor();
  await served.rewrite("");
  await page.locator("#reload").click();
  await page.locator("#question-act").click();
  await page.locator("#question-result", { hasText: "Reloaded." }).waitFor();
  await page.locator("#question-close").click();
  await find(page, "mallory@spam.example");
  await page.getByText(open).click();
  await account.getByText("It would be passed on to upstream “default”").waitFor();
  await picture(page, "real-explain");
});

inBrowser("a message for several shows whom it reached", async ({ page, served }) => {
  await served.send("203.0.113.1", mixed.several);
  await find(page, "ann@partner.example");
  assertMatch(await text(page, "#transaction-account"), /^Accepted by upstream “default”: 250 /);
  const envelope = await page.locator("#transaction .envelope tr").allInnerTexts();
  const gone = envelope.find((line) => line.includes("gone@mx.example"));
  assertStringIncludes(gone ?? "", "550 5.1.1 There is no such mailbox");
  const phases = await page.locator("#transaction .timeline .phase strong").allTextContents();
  const upstreams = phases.filter((phase) => phase !== "rcpt");
  assertEquals(upstreams.toSorted(), [
    ...["DATA", "MAIL", "RCPT", "RCPT", "RCPT", "connect", "message"],
  ]);
});

inBrowser("a session is watched and disconnected", async ({ page, served }) => {
  using client = await served.client("203.0.113.7", "chatty.example");
  using other = await served.client("203.0.113.8");
  await goTo(page, "sessions");
  await page.locator("#sessions a", { hasText: "203.0.113.7" }).click();
  const dialogue = page.locator("#session .dialogue");
  await dialogue.getByText("EHLO chatty.example").waitFor();
  await client.commands("MAIL FROM:<ann@news.example>");
  await dialogue.getByText("MAIL FROM:<ann@news.example>").waitFor();
  await client.commands("RCPT TO:<bob@mx.example>");
  await dialogue.getByText("RCPT TO:<bob@mx.example>").waitFor();
  await picture(page, "real-session");
  await page.locator("#disconnect").click();
  await page.locator("#question-act").click();
  await client.expect(/^421 /);
  assertEquals(await client.reply(), "");
  client.close();
  await page.locator("#question-result", { hasText: "Disconnected." }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByText("The session is over.").waitFor();
  await page.locator("#sessions tr", { hasText: "203.0.113.7" }).waitFor({ state: "detached" });
  await other.commands("NOOP");
});

inBrowser("a mistake in the file is shown, and changes nothing", async ({ page, served }) => {
  await served.rewrite(rules.replace("550 5.7.1 This", "250 2.0.0 This"));
  await page.locator("#reload").click();
  await page.locator("#question-act").click();
  const mistakes = page.locator("#question-mistakes li");
  await mistakes.first().waitFor();
  assertEquals(await mistakes.allTextContents(), [
    "sluice.toml:19:10: rule[0].then.reject: " +
    'found "250 2.0.0 This mailbox is closed", ' +
    'allowed is a 4xx or 5xx reply of one line, as "550 5.7.1 Not welcome"',
  ]);
  await picture(page, "real-mistake");
  await page.locator("#question-close").click();
  await served.send("203.0.113.1", mixed.rejected);
  await page.locator("#verdict-rejected", { hasText: /^1$/ }).waitFor();
}, { expected: /status of 422/ });

/** Of each view, what is there once it shows what there has been. */
const filled: Readonly<Record<ViewName, string>> = {
  overview: "#refusals li",
  transactions: "#transactions a",
  sessions: "#sessions a",
  rules: "#rules a",
  upstreams: "#upstreams section",
  explain: "#explain-submit:enabled",
};

/** Looks at each view, and at what can be opened in them, after some mail. */
async function lookAround(
  { page, served }: Case,
  suffix: string,
  look: (where: string) => Promise<void>,
): Promise<void> {
  using _client = await served.client("203.0.113.7");
  await served.send("203.0.113.1", ...Object.values(mixed));
  await page.reload();
  await live(page);
  for (const view of views) {
    await goTo(page, view);
    await page.locator(filled[view]).first().waitFor();
    await look(view);
    await picture(page, `real-${view}-${suffix}`);
  }
  await find(page, "mallory@spam.example");
  await look("transaction");
  await goTo(page, "sessions");
  await page.locator("#sessions a", { hasText: "203.0.113.7" }).click();
  await page.locator("#session .dialogue li").first().waitFor();
  await look("session");
}

for (const colorScheme of ["light", "dark"] as const) {
  inBrowser(`nothing serious stands in anybody's way, ${colorScheme}`, async (test) => {
    const { page } = test;
    const paper = "getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).map(Number)";
    const brightest = Math.max(...await page.evaluate<number[]>(paper));
    assertEquals(brightest < 64 ? "dark" : "light", colorScheme);
    await lookAround(test, colorScheme, async (where) => {
      assertEquals(await barriers(page), [], where);
    });
  }, { colorScheme });
}

inBrowser("320 pixels are wide enough", async (test) => {
  await lookAround(test, "narrow", async (where) => {
    assert(await excessWidth(test.page) <= 0, where);
  });
}, { viewport: { width: 320, height: 700 } });

inBrowser("drained from the page, the process ends", async ({ page, served }) => {
  using client = await served.client("203.0.113.7");
  await page.locator("#now-sessions", { hasText: /^1$/ }).waitFor();
  await page.locator("#drain").click();
  await page.locator("#question-act").click();
  await client.expect(/^421 /);
  client.close();
  await page.locator("#question-result", { hasText: /^Drained in / }).waitFor();
  assertEquals(await served.ended, 0);
  await page.locator("#connection", { hasText: "reconnecting" }).waitFor();
}, { expected: /net::ERR_/ });
