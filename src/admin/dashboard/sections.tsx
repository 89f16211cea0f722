/**
 * The markup of the views, without what is in them.
 *
 * @module
 */

import type { Child } from "hono/jsx";
import { type Outcome, outcomes } from "../../stats/views.ts";
import type { ViewName } from "./client/route.ts";

function View({ name, title, children }: { name: ViewName; title: string; children?: Child }) {
  return (
    <section
      id={`view-${name}`}
      class="view"
      aria-labelledby={`${name}-title`}
      hidden
    >
      <h2 id={`${name}-title`} class="view-title" tabindex={-1}>{title}</h2>
      <p id={`${name}-failure`} class="failure" role="alert" hidden></p>
      {children}
    </section>
  );
}

/** A heading of a column: text, `>text` for numbers, and a key where one can sort by it. */
type Column = string | { readonly label: string; readonly sort: string };

function headingOf(column: Column) {
  const label = typeof column === "string" ? column : column.label;
  const number = label.startsWith(">");
  const text = number ? label.slice(1) : label;
  return (
    <th role="columnheader" scope="col" class={number ? "number" : undefined}>
      {typeof column === "string"
        ? text
        : <button type="button" class="sort" data-sort={column.sort}>{text}</button>}
    </th>
  );
}

/** Rows become blocks on narrow screens; roles that are said aloud stay what they are there. */
function Table(
  { id, label, columns, kind }: {
    id: string;
    label: string;
    columns: readonly Column[];
    kind: string;
  },
) {
  return (
    <table role="table" class={kind} aria-label={label}>
      <thead role="rowgroup">
        <tr role="row">{columns.map(headingOf)}</tr>
      </thead>
      <tbody role="rowgroup" id={id}></tbody>
    </table>
  );
}

function Chart({ id, title, unit }: { id: string; title: string; unit: string }) {
  return (
    <figure id={id} class="chart">
      <figcaption>
        <span class="title">{title}</span> <small>{unit}</small>
      </figcaption>
    </figure>
  );
}

function Panel({ title, href, children }: { title: string; href?: string; children?: Child }) {
  return (
    <section class="panel">
      <h3>{href === undefined ? title : <a href={href}>{title}</a>}</h3>
      {children}
    </section>
  );
}

/** The most frequent, whose counts are no totals. */
function Hitters({ id, title }: { id: string; title: string }) {
  return (
    <section class="panel">
      <h3>
        {title}{" "}
        <small title="Mail transactions. All counts are halved each hour: who comes now stands first.">
          halved each hour
        </small>
      </h3>
      <ol id={id} class="hitters"></ol>
    </section>
  );
}

function Nothing({ id, children }: { id: string; children: Child }) {
  return <p id={id} class="nothing" hidden>{children}</p>;
}

/** What goes on. */
export function Overview() {
  return (
    <View name="overview" title="Overview">
      <fieldset id="span" class="choice">
        <legend>Charts over</legend>
        {[["5m", "5 min"], ["1h", "1 h"], ["1d", "1 day"]].map(([span, label]) => (
          <label>
            <input type="radio" name="span" value={span} checked={span === "5m"} /> {label}
          </label>
        ))}
      </fieldset>
      <div id="charts">
        <Chart id="chart-outcomes" title="Mail transactions" unit="/s" />
        <Chart id="chart-octets" title="Accepted" unit="octets/s" />
        <Chart id="chart-latency" title="Waiting" unit="p99" />
        <Chart id="chart-sessions" title="Sessions" unit="open" />
      </div>
      <div id="panels">
        <Panel title="Last refusals" href="#transactions?outcome=rejected">
          <ul id="refusals" class="brief"></ul>
          <Nothing id="no-refusals">Nothing was refused.</Nothing>
        </Panel>
        <Hitters id="top-clients" title="Clients" />
        <Hitters id="top-senders" title="Sender domains" />
        <Hitters id="top-recipients" title="Recipient domains" />
      </div>
    </View>
  );
}

function Filter({ name, label, hint }: { name: string; label: string; hint?: string }) {
  return (
    <label>
      {label}
      <input
        type="search"
        name={name}
        id={`filter-${name}`}
        autocomplete="off"
        spellcheck={false}
        placeholder={hint}
      />
    </label>
  );
}

function optionOf(outcome: Outcome) {
  return <option value={outcome}>{outcome}</option>;
}

/** The last mail transactions, and one of them. */
export function Transactions() {
  return (
    <View name="transactions" title="Transactions">
      <form id="filters" class="filters" role="search" aria-label="Transactions">
        <Filter name="address" label="Address" hint="sender or recipient" />
        <Filter name="client" label="Client" hint="IP address, name or login" />
        <label>
          Outcome
          <select name="outcome" id="filter-outcome">
            <option value="">any</option>
            {outcomes.map(optionOf)}
          </select>
        </label>
        <Filter name="rule" label="Rule" hint="name" />
        <Filter name="reply" label="Reply" hint="550 or words of it" />
        <button type="reset" id="filters-reset">Clear</button>
      </form>
      <div class="beside">
        <div class="list">
          <p class="bar">
            <button type="button" id="tail" aria-pressed="true">Live</button>
            <button type="button" id="older">Older</button>
            <span id="tail-state"></span>
          </p>
          <Table
            id="transactions"
            label="Mail transactions, the newest first"
            kind="transactions"
            columns={["Time", "Outcome", "From and to", "Client", ">Size", "Reply", "Rule"]}
          />
          <Nothing id="no-transactions">No transaction is like this.</Nothing>
        </div>
        <article id="transaction" class="detail" aria-labelledby="transaction-title" hidden>
        </article>
      </div>
    </View>
  );
}

/** The sessions that are open, and one of them. */
export function Sessions() {
  return (
    <View name="sessions" title="Sessions">
      <div class="beside">
        <div class="list">
          <p class="bar">
            <span id="sessions-state"></span>
          </p>
          <Table
            id="sessions"
            label="Open sessions"
            kind="sessions"
            columns={["Client", "EHLO", "Doing", ">Age", ">Idle", "TLS", "Login", ">Mail"]}
          />
          <Nothing id="no-sessions">Nobody is connected.</Nothing>
        </div>
        <article id="session" class="detail" aria-labelledby="session-title" hidden></article>
      </div>
    </View>
  );
}

/** The policy, rule by rule. */
export function Rules() {
  return (
    <View name="rules" title="Rules">
      <Table
        id="rules"
        label="Rules and checks"
        kind="rules"
        columns={[
          { label: "Rule", sort: "name" },
          "Phases",
          { label: ">Asked", sort: "asked" },
          { label: ">Hits", sort: "hits" },
          ">Of asked",
          { label: ">Time spent", sort: "spent" },
          ">Each",
        ]}
      />
      <Nothing id="no-rules">There is no policy: everything is passed on.</Nothing>
    </View>
  );
}

/** Where mail goes. */
export function Upstreams() {
  return (
    <View name="upstreams" title="Upstreams">
      <div id="upstreams"></div>
      <Nothing id="no-upstreams">There is no upstream.</Nothing>
    </View>
  );
}

/** What would become of a message. */
export function Explain() {
  return (
    <View name="explain" title="Explain">
      <p class="lead">
        What the policy would do with a message, without one being sent. Checks that ask others ask
        them; nothing is counted.
      </p>
      <p id="explain-off" class="failure" hidden></p>
      <div class="beside even">
        <form id="explain-form" class="fields">
          <fieldset>
            <legend>Client</legend>
            <label>
              IP address <input name="client" required spellcheck={false} value="192.0.2.1" />
            </label>
            <label>
              Name <input name="name" spellcheck={false} placeholder="unknown" />
            </label>
            <label>
              EHLO <input name="hello" spellcheck={false} />
            </label>
            <label>
              TLS{" "}
              <select name="tls">
                <option value="">in the clear</option>
                <option value="1.2">1.2</option>
                <option value="1.3">1.3</option>
              </select>
            </label>
            <label>
              Login{" "}
              <input name="login" spellcheck={false} autocomplete="off" placeholder="nobody" />
            </label>
            <label>
              Listener <input name="listener" spellcheck={false} placeholder="smtp" />
            </label>
          </fieldset>
          <fieldset>
            <legend>Envelope</legend>
            <label class="wide">
              From <input name="from" spellcheck={false} placeholder="<> (the null reverse-path)" />
            </label>
            <label class="wide">
              To, one a line <textarea name="to" rows={2} required spellcheck={false}></textarea>
            </label>
            <label>
              Size in octets{" "}
              <input
                name="size"
                inputmode="numeric"
                pattern="[0-9]{1,15}"
                placeholder="undeclared"
              />
            </label>
          </fieldset>
          <fieldset>
            <legend>Message</legend>
            <label class="wide">
              Header and body, if they matter{" "}
              <textarea name="message" rows={5} spellcheck={false}></textarea>
            </label>
          </fieldset>
          <p class="buttons">
            <button type="reset">Clear</button>
            <button type="submit" id="explain-submit" class="main">Explain</button>
          </p>
        </form>
        <div id="explanation" aria-live="polite"></div>
      </div>
    </View>
  );
}
