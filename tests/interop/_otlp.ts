/**
 * A receiver of OpenTelemetry's protocol: OTLP over HTTP in JSON.
 *
 * @module
 */

/** A value of an attribute. */
export type Value = string | number | boolean | readonly Value[];

/** A span as it was exported. */
export interface OtlpSpan {
  readonly id: string;
  /** `""` for the first of a trace. */
  readonly parent: string;
  readonly trace: string;
  readonly name: string;
  /** Nanoseconds since 1970. */
  readonly from: bigint;
  readonly to: bigint;
  /** 2 for an error. */
  readonly status: number;
  readonly attributes: Readonly<Record<string, Value>>;
}

/** The value of a counter or gauge, or how many values a histogram has. */
export interface OtlpPoint {
  readonly metric: string;
  readonly unit: string;
  readonly value: number;
  readonly attributes: Readonly<Record<string, Value>>;
}

/** What has come, of the scope that is asked for. */
export interface OtlpReceiver extends AsyncDisposable {
  /** For `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  readonly endpoint: string;
  readonly spans: readonly OtlpSpan[];
  /** As last exported. */
  readonly points: readonly OtlpPoint[];
  /** Everything that has come, as it came. */
  readonly text: string;
  /**
   * Waits until something is so; asks whenever something has come.
   *
   * @throws {Error} If it is not after 15 s.
   */
  until(what: string, isSo: () => boolean): Promise<void>;
}

// What is read of the messages of opentelemetry-proto; JSON has 64-bit integers as strings.
type AnyValue =
  & Partial<Record<"stringValue" | "intValue", string>>
  & { readonly doubleValue?: number; readonly boolValue?: boolean }
  & { readonly arrayValue?: { readonly values: readonly AnyValue[] } };
type KeyValues = readonly { readonly key: string; readonly value: AnyValue }[];
interface Span {
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly traceId: string;
  readonly name: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly status: { readonly code: number };
  readonly attributes: KeyValues;
}
interface Points {
  readonly dataPoints: readonly {
    readonly attributes: KeyValues;
    readonly asInt?: string;
    readonly asDouble?: number;
    readonly count?: string;
  }[];
}
type Metric =
  & { readonly name: string; readonly unit: string }
  & Partial<Record<"sum" | "gauge" | "histogram", Points>>;
interface Scoped {
  readonly scope: { readonly name: string };
  readonly spans?: readonly Span[];
  readonly metrics?: readonly Metric[];
}
interface Export {
  readonly resourceSpans?: readonly { readonly scopeSpans: readonly Scoped[] }[];
  readonly resourceMetrics?: readonly { readonly scopeMetrics: readonly Scoped[] }[];
}

function valueOf(value: AnyValue): Value {
  return value.stringValue ?? value.doubleValue ?? value.boolValue ??
    value.arrayValue?.values.map(valueOf) ?? Number(value.intValue);
}

function attributesOf(attributes: KeyValues): Record<string, Value> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, valueOf(value)]));
}

function spanOf(span: Span): OtlpSpan {
  return {
    id: span.spanId,
    parent: span.parentSpanId,
    trace: span.traceId,
    name: span.name,
    from: BigInt(span.startTimeUnixNano),
    to: BigInt(span.endTimeUnixNano),
    status: span.status.code,
    attributes: attributesOf(span.attributes),
  };
}

function pointsOf({ name, unit, sum, gauge, histogram }: Metric): OtlpPoint[] {
  return (sum ?? gauge ?? histogram)!.dataPoints.map((point) => ({
    metric: name,
    unit,
    value: point.asDouble ?? Number(point.asInt ?? point.count),
    attributes: attributesOf(point.attributes),
  }));
}

/** Starts one at a port of 127.0.0.1. */
export function startOtlpReceiver(scope: string): OtlpReceiver {
  const spans: OtlpSpan[] = [];
  let points: readonly OtlpPoint[] = [];
  let text = "";
  const waiting = new Set<() => void>();
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const body = await request.text();
      const { resourceSpans = [], resourceMetrics = [] }: Export = JSON.parse(body);
      const own = (all: readonly Scoped[]) => all.filter((one) => one.scope.name === scope);
      const traced = own(resourceSpans.flatMap(({ scopeSpans }) => scopeSpans));
      const metered = own(resourceMetrics.flatMap(({ scopeMetrics }) => scopeMetrics));
      text += body;
      spans.push(...traced.flatMap(({ spans = [] }) => spans.map(spanOf)));
      if (metered.length > 0) {
        points = metered.flatMap(({ metrics = [] }) => metrics.flatMap(pointsOf));
      }
      for (const look of waiting) look();
      return Response.json({});
    },
  );
  return {
    endpoint: `http://127.0.0.1:${server.addr.port}`,
    spans,
    get points() {
      return points;
    },
    get text() {
      return text;
    },
    async until(what, isSo) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const look = (): void => isSo() ? resolve() : undefined;
      const late = (): void => reject(new Error(`Waited 15 s for ${what}: found ${text}`));
      const timer = setTimeout(late, 15_000);
      waiting.add(look);
      look();
      try {
        await promise;
      } finally {
        clearTimeout(timer);
        waiting.delete(look);
      }
    },
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
