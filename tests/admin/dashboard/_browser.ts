/**
 * A real browser in front of a dashboard, and what every test asks of it.
 *
 * @module
 */

import axe from "axe-core/axe.min.js" with { type: "text" };
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { available } from "../../interop/_tools.ts";

/** Starts Chromium; it ends with the test file. */
export async function startBrowser(): Promise<AsyncDisposable & { readonly browser: Browser }> {
  const browser = await chromium.launch({
    executablePath: available("chromium"),
    // Chromium refuses to run as root with its sandbox; the pages are our own.
    args: Deno.uid() === 0 ? ["--no-sandbox"] : [],
  });
  return { browser, [Symbol.asyncDispose]: () => browser.close() };
}

/** A page, and everything that went wrong in it. */
export interface Visit extends AsyncDisposable {
  readonly page: Page;
  /** Errors and warnings of the console, among them violations of the CSP, and what was thrown. */
  readonly complaints: string[];
}

/** Opens a page in a context of its own. */
export async function visit(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<Visit> {
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    reducedMotion: "reduce",
    ...options,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(`${error}`));
  await page.goto(url);
  return { page, complaints, [Symbol.asyncDispose]: () => context.close() };
}

/** Goes to a view of a dashboard that is open, such as `transactions/ID`. */
export async function goTo(page: Page, place: string): Promise<void> {
  await page.evaluate((place) => {
    location.hash = place;
  }, `#${place}`);
  await page.locator(`#view-${place.split(/[/?]/)[0]}`).waitFor();
}

/** Waits until the numbers of the band come by themselves. */
export async function live(page: Page): Promise<void> {
  await page.locator("#connection", { hasText: /^live$/ }).waitFor();
  await changed(page, "verdict-accepted", "–");
}

/** Waits until the text of an element is another one. */
export async function changed(page: Page, id: string, before: string): Promise<void> {
  // Not by waitForFunction, which evaluates strings: the page's CSP forbids that.
  await page.locator(`#${id}`, { hasNotText: before }).waitFor();
}

/** How many CSS pixels the page is wider than its window. */
export async function excessWidth(page: Page): Promise<number> {
  return Number(await page.evaluate("document.documentElement.scrollWidth - innerWidth"));
}

/** What axe finds that is serious or worse, in words. */
export async function barriers(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  const found = await page.evaluate(`axe.run().then(({ violations }) => violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => id + ": " + nodes.map(({ target, failureSummary }) =>
      target.join(" ") + " " + failureSummary).join("; ")))`);
  return found as string[];
}

/** Keeps a picture where `SLUICE_SCREENSHOTS` names a directory. */
export async function picture(page: Page, name: string): Promise<void> {
  const directory = Deno.env.get("SLUICE_SCREENSHOTS");
  if (directory) await page.screenshot({ path: `${directory}/${name}.png` });
}
