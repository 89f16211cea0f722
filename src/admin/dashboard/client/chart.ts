/**
 * Charts of the past.
 *
 * @module
 */

import uPlot from "uplot";
import style from "uplot/dist/uPlot.min.css" with { type: "text" };
import { h, onFrame, place, write } from "./dom.ts";
import type { Columns } from "./series.ts";
import { colour, onTheme } from "./theme.ts";
import { moment } from "./words.ts";

// A sheet made by a script is no inline style to the page's CSP.
const sheet = new CSSStyleSheet();
sheet.replaceSync(style);
document.adoptedStyleSheets.push(sheet);

/** A line or an area of a chart. */
export interface Series {
  readonly label: string;
  /** Custom property of the style sheet. */
  readonly colour: string;
}

/** What a chart is. */
export interface ChartOptions {
  /** Id of its figure, which has a `figcaption`. */
  readonly id: string;
  readonly series: readonly Series[];
  /** `areas`: filled, each on top of the last, as the rows of the data are. */
  readonly kind: "lines" | "areas";
  /** A value in words, with its unit. */
  readonly words: (value: number) => string;
  /** What the axis reaches to at least: less would be nothing worth a chart. */
  readonly least: number;
  /** The same for the axis, short. */
  readonly axis: (value: number) => string;
  /** A row's own value at a place. @default what the row has there */
  readonly own?: (rows: readonly (number | null)[][], row: number, place: number) => number;
}

const height = 150;

function translucent(rgb: string, alpha: number): string {
  return rgb.replace(/^rgb\((.*)\)$/, `rgba($1, ${alpha})`);
}

/** One chart with its legend, which shows the values under the cursor, or else the last ones. */
export class Chart {
  readonly #options: ChartOptions;
  readonly #figure: HTMLElement;
  readonly #box = h("div", { class: "plot" });
  readonly #values: HTMLElement[] = [];
  readonly #when = h("span", { class: "when" });
  #data: Columns = [[]];
  #plot: uPlot | undefined;

  constructor(options: ChartOptions) {
    this.#options = options;
    this.#figure = place(options.id);
    const legend = h("ul", { class: "legend" });
    for (const { label, colour } of options.series) {
      const value = h("span", { class: "value" });
      this.#values.push(value);
      const swatch = h("i", { class: `swatch ${colour.slice(2)}`, "aria-hidden": "true" });
      legend.append(h("li", {}, swatch, `${label} `, value));
    }
    this.#box.tabIndex = 0;
    this.#box.setAttribute("role", "img");
    this.#figure.querySelector("figcaption")!.append(this.#when);
    this.#figure.append(this.#box, legend);
    this.#box.addEventListener("keydown", (event) => this.#onKey(event));
    new ResizeObserver(() => onFrame(this, () => this.#fit())).observe(this.#box);
    onTheme(() => this.#remake());
  }

  /** Shows other data. */
  show(data: Columns): void {
    this.#data = data;
    if (this.#plot === undefined) this.#remake();
    else this.#plot.setData(data as uPlot.AlignedData);
    this.#readOut();
  }

  #fit(): void {
    const width = Math.floor(this.#box.clientWidth);
    if (width > 0) this.#plot?.setSize({ width, height });
  }

  #remake(): void {
    if (this.#data[0].length === 0) return;
    this.#plot?.destroy();
    const { series, kind, axis, least } = this.#options;
    const areas = kind === "areas";
    const line = { stroke: colour("--soft"), font: "11px system-ui, sans-serif" };
    const grid = { stroke: colour("--grid"), width: 1 };
    this.#plot = new uPlot(
      {
        width: Math.max(this.#box.clientWidth, 100),
        height,
        legend: { show: false },
        cursor: { y: false, drag: { setScale: false }, sync: { key: "past" }, points: { size: 5 } },
        scales: { y: { range: (_, _min, max) => [0, Math.max(max * 1.08, least)] } },
        padding: [8, 14, 0, 0],
        axes: [
          {
            ...line,
            grid: { show: false },
            ticks: { show: false },
            size: 22,
            space: 40,
            incrs: increments,
            gap: 4,
            values: ticks,
          },
          {
            ...line,
            grid,
            ticks: { show: false },
            size: 50,
            gap: 6,
            space: 28,
            values: (_, splits) => splits.map(axis),
          },
        ],
        series: [
          {},
          ...series.map((one) => {
            const stroke = colour(one.colour);
            return areas
              ? { stroke, width: 0, fill: translucent(stroke, 0.75), points: { show: false } }
              : { stroke, width: 1.5, points: { show: false } };
          }),
        ],
        bands: areas ? series.slice(1).map((_, place) => ({ series: [place + 2, place + 1] })) : [],
        hooks: { setCursor: [() => this.#readOut()] },
      },
      this.#data as uPlot.AlignedData,
      this.#box,
    );
  }

  /** Left and right move the cursor, as a pointer would. */
  #onKey(event: KeyboardEvent): void {
    const plot = this.#plot;
    const steps = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (plot === undefined || steps === undefined) return;
    event.preventDefault();
    const [times] = this.#data;
    const at = Math.min(
      Math.max((plot.cursor.idx ?? times.length - 1) + steps, 0),
      times.length - 1,
    );
    plot.setCursor({ left: plot.valToPos(times[at], "x"), top: 0 });
  }

  #readOut(): void {
    const { series, words, own } = this.#options;
    const [times, ...rows] = this.#data;
    const under = this.#plot?.cursor.idx;
    const at = under ?? times.length - 1;
    const values = rows.map((row, place) => own?.(rows, place, at) ?? row[at]);
    const said = values.map((value) => typeof value === "number" ? words(value) : "–");
    const now = Date.now();
    onFrame(this.#values, () => {
      said.forEach((text, place) => write(this.#values[place], text));
      write(this.#when, typeof under === "number" ? moment(times[at] * 1000, now) : "");
      const summary = series.map(({ label }, place) => `${label} ${said[place]}`).join(", ");
      const title = this.#figure.querySelector(".title")!.textContent;
      this.#box.setAttribute("aria-label", `${title}: ${summary}`);
    });
  }
}

const clock = new Intl.DateTimeFormat("en", {
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});

/** Whole minutes: nothing that is drawn is shorter than five of them. */
const increments = [1, 2, 5, 10, 15, 30, 60, 120, 180, 240, 360, 720].map((minutes) =>
  minutes * 60
);

/** Times of the axis: a day at most, so without a date. */
function ticks(_: uPlot, splits: number[]): string[] {
  return splits.map((at) => clock.format(at * 1000));
}
