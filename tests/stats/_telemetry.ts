/**
 * A provider of OpenTelemetry's API that keeps in memory what it is told.
 *
 * @module
 */

import { assert } from "@std/assert";
import {
  type Attributes,
  type BatchObservableCallback,
  createNoopMeter,
  type HrTime,
  INVALID_SPAN_CONTEXT,
  type Meter,
  metrics,
  type Observable,
  type Span,
  SpanKind,
  type SpanStatus,
  SpanStatusCode,
  type TimeInput,
  trace,
  type Tracer,
} from "@opentelemetry/api";

/** A span as it was told. Times are milliseconds since 1970. */
export interface KeptSpan {
  readonly name: string;
  readonly kind: SpanKind;
  readonly parent: KeptSpan | undefined;
  readonly from: number;
  /** `undefined` while it is open. */
  readonly to: number | undefined;
  readonly attributes: Attributes;
  readonly events: readonly { readonly name: string; readonly attributes: Attributes }[];
  readonly status: SpanStatusCode;
}

function milliseconds(time: TimeInput | undefined): number {
  assert(typeof time === "number", `found ${time as Date | HrTime}, expected milliseconds`);
  return time;
}

class MemorySpan implements KeptSpan, Span {
  to: number | undefined;
  status = SpanStatusCode.UNSET;
  readonly events: { name: string; attributes: Attributes }[] = [];

  constructor(
    readonly name: string,
    readonly kind: SpanKind,
    readonly parent: MemorySpan | undefined,
    readonly from: number,
    readonly attributes: Attributes,
  ) {}

  setAttribute(key: string, value: Attributes[string]): this {
    return this.setAttributes({ [key]: value });
  }

  setAttributes(attributes: Attributes): this {
    assert(this.to === undefined, `${this.name} has ended`);
    Object.assign(this.attributes, attributes);
    return this;
  }

  addEvent(name: string, attributes: Attributes = {}, at?: TimeInput): this {
    milliseconds(at);
    this.events.push({ name, attributes });
    return this;
  }

  setStatus({ code }: SpanStatus): this {
    this.status = code;
    return this;
  }

  end(at?: TimeInput): void {
    assert(this.to === undefined, `${this.name} has ended`);
    this.to = milliseconds(at);
  }

  isRecording = () => true;
  spanContext = () => INVALID_SPAN_CONTEXT;
  addLink = () => this;
  addLinks = () => this;
  updateName = () => this;
  recordException = () => {};
}

/** What has been told since {@linkcode keepTelemetry}. */
export interface KeptTelemetry extends Disposable {
  /** In the order of their beginning. */
  readonly spans: readonly KeptSpan[];
  /** Values by the name of their histogram, with their attributes. */
  readonly histograms: ReadonlyMap<string, readonly { value: number; attributes: Attributes }[]>;
  /** What the observable instruments say now: by name, then by value of the attributes. */
  observe(): Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** Registers a provider until it is disposed of. */
export function keepTelemetry(): KeptTelemetry {
  const spans: MemorySpan[] = [];
  const histograms = new Map<string, { value: number; attributes: Attributes }[]>();
  const names = new Map<Observable, string>();
  const callbacks = new Set<BatchObservableCallback>();

  const tracer: Pick<Tracer, "startSpan"> = {
    startSpan(name, { kind = SpanKind.INTERNAL, startTime, attributes } = {}, context) {
      const parent = trace.getSpan(context!) as MemorySpan | undefined;
      const span = new MemorySpan(name, kind, parent, milliseconds(startTime), { ...attributes });
      spans.push(span);
      return span;
    },
  };
  const observable = (kind: string) => (name: string, { unit = "" } = {}): Observable => {
    const made: Observable = { addCallback() {}, removeCallback() {} };
    names.set(made, `${kind} ${name} ${unit}`.trim());
    return made;
  };
  const meter: Meter = Object.assign(createNoopMeter(), {
    createHistogram(name: string) {
      const values = histograms.get(name) ?? [];
      histograms.set(name, values);
      return {
        record: (value: number, attributes: Attributes = {}) =>
          void values.push({ value, attributes }),
      };
    },
    createObservableCounter: observable("counter"),
    createObservableGauge: observable("gauge"),
    addBatchObservableCallback: (callback: BatchObservableCallback) => void callbacks.add(callback),
    removeBatchObservableCallback: (callback: BatchObservableCallback) =>
      void callbacks.delete(callback),
  });

  assert(trace.setGlobalTracerProvider({ getTracer: () => tracer as Tracer }));
  assert(metrics.setGlobalMeterProvider({ getMeter: () => meter }));
  return {
    spans,
    histograms,
    observe() {
      const found: Record<string, Record<string, number>> = {};
      for (const callback of callbacks) {
        callback({
          observe(observable, value, attributes = {}) {
            (found[names.get(observable)!] ??= {})[Object.values(attributes).join(" ")] = value;
          },
        });
      }
      return found;
    },
    [Symbol.dispose]() {
      trace.disable();
      metrics.disable();
    },
  };
}

/** Each span with its ancestors: `smtp session > mail transaction > upstream MAIL`. */
export function paths(spans: readonly KeptSpan[]): string[] {
  const path = ({ name, parent }: KeptSpan): string =>
    parent === undefined ? name : `${path(parent)} > ${name}`;
  return spans.map(path);
}
