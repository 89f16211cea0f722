/**
 * The dashboard: one HTML document with everything in it. Its markup stands here and in `sections.tsx`,
 * what fills it in `client/`, which is built into `asset.js`.
 *
 * @module
 */

import { raw } from "hono/html";
import script from "./asset.js" with { type: "text" };
import style from "./style.css" with { type: "text" };
import { type ViewName, views } from "./client/route.ts";
import { Explain, Overview, Rules, Sessions, Transactions, Upstreams } from "./sections.tsx";
import { outcomes } from "../../stats/views.ts";

/** What the page says of itself. */
export interface DashboardOptions {
  /** Of Sluice. */
  readonly version: string;
}

function linkTo(view: ViewName) {
  return <a href={`#${view}`}>{view[0].toUpperCase() + view.slice(1)}</a>;
}

function Header({ version }: DashboardOptions) {
  return (
    <header id="top">
      <h1>
        Sluice <small>{version}</small>
      </h1>
      <nav id="nav" aria-label="Views">
        {views.map(linkTo)}
      </nav>
      <div id="controls">
        <span id="connection" role="status">connecting</span>
        <button type="button" id="reload" hidden>Reload…</button>
        <button type="button" id="drain" hidden>Drain…</button>
        <button type="button" id="change-token" hidden>Token…</button>
        <button type="button" id="theme">Theme: auto</button>
      </div>
    </header>
  );
}

function Figure({ id, label, note }: { id: string; label: string; note?: string }) {
  return (
    <div class="figure">
      <dt>{label}</dt>
      <dd>
        <span id={id} class="number">–</span> {note && <small id={note}></small>}
      </dd>
    </div>
  );
}

function Band() {
  return (
    <section id="band" aria-label="Now">
      <dl id="now">
        <Figure id="now-messages" label="Messages a second" />
        <Figure id="now-octets" label="Octets a second" />
        <Figure id="now-sessions" label="Open sessions" note="now-sessions-rate" />
        <Figure id="now-policy" label="Policy, p99" note="now-policy-p50" />
        <Figure id="now-upstream" label="Upstream, p99" note="now-upstream-p50" />
      </dl>
      <ul id="verdicts" aria-label="Mail transactions since the start">
        {outcomes.map((outcome) => (
          <li>
            <a href={`#transactions?outcome=${outcome}`} class={`verdict ${outcome}`}>
              <span class="label">
                <i class={`swatch ${outcome}`} aria-hidden="true"></i> {outcome}
              </span>
              <span class="number" id={`verdict-${outcome}`}>–</span>
              <small id={`verdict-${outcome}-rate`}></small>
            </a>
          </li>
        ))}
      </ul>
      <ul id="attention" aria-label="What stands out"></ul>
      <p id="all-clear" hidden>Nothing stands out.</p>
    </section>
  );
}

function Dialogs() {
  return (
    <>
      <dialog id="question" aria-labelledby="question-title" aria-describedby="question-text">
        <h2 id="question-title"></h2>
        <p id="question-text"></p>
        <p id="question-result" role="status"></p>
        <ul id="question-mistakes"></ul>
        <p class="buttons">
          <button type="button" id="question-close">Cancel</button>
          <button type="button" id="question-act"></button>
        </p>
      </dialog>
      <dialog id="token" aria-labelledby="token-title">
        <form id="token-form" method="dialog">
          <h2 id="token-title">Token needed</h2>
          <p id="token-reason"></p>
          <label>
            Bearer token
            <input
              id="token-input"
              type="password"
              autocomplete="off"
              spellcheck={false}
              required
            />
          </label>
          <p class="hint">It is kept until this tab is closed.</p>
          <p class="buttons">
            <button type="button" id="token-cancel">Cancel</button>
            <button type="submit">Use</button>
          </p>
        </form>
      </dialog>
    </>
  );
}

/**
 * The page as a whole. It loads nothing from anywhere; what it asks of the API it asks relative to
 * the directory that it is in.
 *
 * @param nonce Of the content security policy, for the one style and the one script.
 */
export function dashboard(nonce: string, options: DashboardOptions): string {
  const page = (
    <html lang="en" data-theme="auto">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>Sluice</title>
        <link rel="icon" href="data:," />
        <style nonce={nonce}>{raw(style)}</style>
      </head>
      <body>
        <a id="skip" href="#main">Skip to the view</a>
        <Header version={options.version} />
        <Band />
        <main id="main" tabindex={-1}>
          <noscript>The dashboard needs JavaScript; the same numbers are under api/stats.</noscript>
          <p id="failure" class="failure" role="alert" hidden></p>
          <Overview />
          <Transactions />
          <Sessions />
          <Rules />
          <Upstreams />
          <Explain />
        </main>
        <footer id="bottom">
          <span id="since"></span>
          <span id="viewers"></span>
          <span id="zone"></span>
        </footer>
        <Dialogs />
        <div id="announcements" role="status" class="unseen"></div>
        <script type="module" nonce={nonce}>{raw(script)}</script>
      </body>
    </html>
  );
  return `<!doctype html>${page}`;
}
