/**
 * The dashboard in a real browser, in front of an API that makes its answers up.
 *
 * @module
 */

import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertStringIncludes,
} from "@std/assert";
import type { BrowserContextOptions, Page } from "playwright-core";
import { views } from "../../../src/admin/dashboard/client/route.ts";
import { interop, shared } from "../../interop/_tools.ts";
import {
  barriers,
  changed,
  excessWidth,
  goTo,
  live,
  picture,
  startBrowser,
  type Visit,
  visit,
} from "./_browser.ts";
import { type Mock, mock } from "./_mock.ts";

// The browser is a process of its own that is shared by all tests of this file, and so are the pipes
// to it: each test would be told that it leaks them.
Deno.test.sanitizer({ ops: false, resources: false });

const started = shared(startBrowser);
const base = "/some/where";

interface Case {
  readonly page: Page;
  readonly api: Mock;
  readonly url: string;
}

/** A test with a page of its own; whatever the page complains of fails it. */
function inBrowser(
  name: string,
  act: (test: Case) => Promise<void>,
  { token, place = "", ...context }: BrowserContextOptions & { token?: string; place?: string } =
    {},
): void {
  interop(name, ["chromium"], async () => {
    const { browser } = await started();
    const api = mock({ token, base, startedAt: Date.now() - 9 * 3_600_000 });
    const end = new AbortController();
    const server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, signal: end.signal, onListen: () => {} },
      api.fetch,
    );
    const url = `http://127.0.0.1:${server.addr.port}${base}`;
    try {
      await using opened: Visit = await visit(browser, `${url}${place}`, context);
      await act({ page: opened.page, api, url });
      // A browser says of each 401 and 422 that it has come; all else is ours.
      const ours = opened.complaints.filter((text) => !/status of (?:401|422)/.test(text));
      assertEquals(ours, []);
    } finally {
      end.abort();
      await server.finished;
    }
  });
}

const text = async (page: Page, selector: string) =>
  await page.locator(selector).first().textContent() ?? "";

inBrowser("the numbers move, and the charts are drawn", async ({ page, url }) => {
  await live(page);
  const before = await text(page, "#verdict-accepted");
  await changed(page, "verdict-accepted", before);
  await page.locator("#chart-latency canvas").waitFor();
  assertEquals(await page.locator("#charts canvas").count(), 4);
  const label = await page.locator("#chart-outcomes .plot").getAttribute("aria-label");
  assertMatch(label ?? "", /^Mail transactions: accepted [\d.]+k, .* rejected [\d.]+/);
  assertStringIncludes(await text(page, "#attention"), "Upstream “archive” is down");
  await page.locator("#refusals li").first().waitFor();
  await picture(page, "overview");
  await page.getByLabel("1 day").check();
  await page.waitForURL(`${url}#overview?span=1d`);
});

inBrowser("with a slash at the end it is the same page", async ({ page, url }) => {
  await page.goto(`${url}/`);
  await live(page);
});

inBrowser("a refused message is found and explains itself", async ({ page, url }) => {
  await live(page);
  await page.locator("#nav").getByText("Transactions").click();
  await page.getByLabel("Outcome").selectOption("rejected");
  await page.getByLabel("Rule", { exact: true }).fill("blocklist");
  await page.waitForURL(`${url}#transactions?outcome=rejected&rule=blocklist`);
  await page.locator("#transactions tr", { hasText: "blocklist" }).first().waitFor();
  const others = page.locator("#transactions tr", { hasNotText: "blocklist" });
  await others.first().waitFor({ state: "detached" });
  await page.locator("#transactions a").first().click();
  await page.locator("#transaction-account").waitFor();
  assertStringIncludes(
    await text(page, "#transaction-account"),
    "Refused for good at RCPT by “blocklist”: 554 5.7.1",
  );
  assert(await page.locator("#transaction .timeline .phase").count() >= 4);
  assertStringIncludes(
    await text(page, "#transaction .timeline"),
    "blocklist refused 554 5.7.1",
  );
  assertStringIncludes(await text(page, "#transaction .dialogue"), "RCPT TO:<");
  await picture(page, "transaction");
  await page.getByText("Explain it with the policy of now").click();
  await page.locator("#explanation .account").waitFor();
});

inBrowser("rows stand still while the pointer is on them", async ({ page }) => {
  await page.locator("#transactions tr").nth(50).waitFor();
  await page.locator("#transactions tr").nth(3).hover();
  const before = await text(page, "#transactions");
  await page.locator("#tail-state", { hasText: "new wait" }).waitFor();
  assertEquals(await text(page, "#transactions"), before);
  await page.mouse.move(5, 5);
  await changed(page, "transactions", before);
  await page.locator("#tail").click();
  await page.locator("#tail-state", { hasText: "Paused" }).waitFor();
  await page.locator("#older").click();
  await page.locator("#tail-state", { hasText: "Paused" }).waitFor();
  assertEquals(await page.locator("#transactions tr").count(), 100);
}, { place: "#transactions" });

inBrowser("explain answers in words", async ({ page, api }) => {
  const form = page.locator("#explain-form");
  await form.getByLabel("IP address").fill("203.0.113.9");
  await form.getByLabel("Listener").fill("submission");
  await form.getByLabel("From").fill("<a@b.example>");
  await form.getByLabel("To, one a line").fill("c@mx.example\n<d@mx.example>");
  await form.getByLabel("Header and body").fill("Subject: x\n\ny");
  await form.getByRole("button", { name: "Explain" }).click();
  await page.locator("#explanation .account").waitFor();
  assertStringIncludes(
    await text(page, "#explanation .account"),
    "It would be refused: 554 5.7.1",
  );
  assertStringIncludes(await text(page, "#explanation"), "spf: no answer within 5 s");
  assertEquals(api.done, [
    `POST /api/policy/explain ${
      JSON.stringify({
        client: "203.0.113.9",
        listener: "submission",
        from: "a@b.example",
        to: ["c@mx.example", "d@mx.example"],
        message: "Subject: x\r\n\r\ny\r\n",
      })
    }`,
  ]);
  await picture(page, "explain");
}, { place: "#explain" });

inBrowser("a dialogue is live, and disconnecting asks first", async ({ page, api }) => {
  await page.locator("#session .dialogue li").nth(7).waitFor();
  assertStringIncludes(await text(page, "#session .facts"), `<img src=x onerror=`);
  await page.locator("#disconnect").click();
  await picture(page, "disconnect");
  await page.locator("#question-close").click();
  assertEquals(api.done, []);
  await page.locator("#disconnect").click();
  await page.locator("#question-act").click();
  await page.locator("#question-result", { hasText: "Disconnected." }).waitFor();
  assertEquals(api.done, ["DELETE /api/sessions/s1 {}"]);
  await page.keyboard.press("Escape");
  await page.getByText("The session is over.").waitFor();
  assertEquals(await page.locator("#disconnect").isVisible(), false);
}, { place: "#sessions/s1" });

inBrowser("reload tells each mistake, drain asks and shows in the band", async ({ page, api }) => {
  await live(page);
  await page.locator("#reload").click();
  await page.locator("#question-act").click();
  await page.locator("#question-mistakes li").nth(1).waitFor();
  await page.locator("#question-close").click();
  await page.locator("#drain").click();
  assertEquals(api.done, ["POST /api/reload {}"]);
  await page.locator("#question-act").click();
  await page.locator("#question-result", { hasText: "Drained in 3.2 s" }).waitFor();
  await page.locator("#attention", { hasText: "Draining: no new sessions are taken" }).waitFor();
});

inBrowser("a token is asked for until it is right, and kept by the tab alone", async ({ page }) => {
  const dialog = page.locator("#token");
  await dialog.waitFor();
  assertEquals(await text(page, "#connection"), "token needed");
  await dialog.getByLabel("Bearer token").fill("wrong");
  await page.keyboard.press("Enter");
  await dialog.waitFor();
  await dialog.getByText("is not accepted").waitFor();
  await dialog.getByLabel("Bearer token").fill("right-and-long-enough");
  await page.keyboard.press("Enter");
  await live(page);
  const kept = await page.evaluate(
    "[sessionStorage.length, localStorage.length, document.cookie]",
  );
  assertEquals(kept, [1, 0, ""]);
}, { token: "right-and-long-enough" });

inBrowser("streams rest while nobody looks", async ({ page, api }) => {
  await live(page);
  await page.locator("#transactions tr").first().waitFor();
  const hide = (hidden: boolean) =>
    page.evaluate(
      `Object.defineProperty(document, "hidden", { value: ${hidden}, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"))`,
    );
  await api.streams(2);
  await hide(true);
  await api.streams(0);
  await hide(false);
  await api.streams(2);
}, { place: "#transactions" });

inBrowser("everything can be had with the keyboard", async ({ page, url }) => {
  await live(page);
  await page.keyboard.press("Tab");
  assertEquals(await page.evaluate("document.activeElement.id"), "skip");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.waitForURL(`${url}#transactions`);
  await page.locator("#transactions a").nth(5).waitFor();
  await page.locator("#transactions a").first().focus();
  const outline = "getComputedStyle(document.activeElement).outlineStyle";
  await page.keyboard.press("ArrowDown");
  assertEquals(await page.evaluate(outline), "solid");
  const second = await page.evaluate("document.activeElement.hash");
  await page.keyboard.press("Enter");
  await page.locator("#transaction-account").waitFor();
  assertEquals(await page.evaluate("document.activeElement.id"), "transaction-title");
  await page.keyboard.press("Escape");
  await page.locator("#transaction").waitFor({ state: "hidden" });
  assertEquals(await page.evaluate("document.activeElement.hash"), second);
  await page.locator("#drain").focus();
  await page.keyboard.press("Enter");
  // Enter at once must not drain anything: the focus is on the button that does nothing.
  await page.keyboard.press("Enter");
  await page.locator("#question").waitFor({ state: "hidden" });
});

for (const colorScheme of ["light", "dark"] as const) {
  inBrowser(`nothing serious stands in anybody's way, ${colorScheme}`, async ({ page }) => {
    await live(page);
    for (const view of views) {
      await goTo(page, view);
      assertEquals(await barriers(page), [], view);
      await picture(page, `${view}-${colorScheme}`);
    }
    await goTo(page, "sessions/s1");
    await page.locator("#session .dialogue li").first().waitFor();
    assertEquals(await barriers(page), [], "session");
    await page.locator("#disconnect").click();
    assertEquals(await barriers(page), [], "question");
    await page.keyboard.press("Escape");
    await goTo(page, "transactions");
    await page.locator("#transactions a").first().focus();
    await page.keyboard.press("Enter");
    await page.locator("#transaction-account").waitFor();
    assertEquals(await barriers(page), [], "transaction");
  }, { colorScheme });
}

inBrowser("dark is as the system says, until somebody says otherwise", async ({ page }) => {
  const paper = () => page.evaluate("getComputedStyle(document.body).backgroundColor");
  const dark = await paper();
  await page.locator("#theme").click();
  assertEquals(await text(page, "#theme"), "Theme: light");
  const light = await paper();
  assertNotEquals(light, dark);
  await page.reload();
  assertEquals(await paper(), light);
}, { colorScheme: "dark" });

inBrowser("320 pixels are wide enough", async ({ page }) => {
  await live(page);
  for (const view of views) {
    await goTo(page, view);
    assert(await excessWidth(page) <= 0, view);
    await picture(page, `${view}-narrow`);
  }
  await goTo(page, "transactions");
  await page.locator("#transactions a").first().focus();
  await page.keyboard.press("Enter");
  await page.locator("#transaction-account").waitFor();
  assert(await excessWidth(page) <= 0, "transaction");
  await picture(page, "transaction-narrow");
}, { viewport: { width: 320, height: 700 } });
