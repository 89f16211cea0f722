/**
 * Traces and metrics by way of OpenTelemetry's API, for whichever provider is registered: Deno's own
 * under `OTEL_DENO=true`, or an SDK.
 *
 * Metrics bear the names that they have in Prometheus's format, so that a dashboard serves both.
 *
 * @module
 */

import { metrics, trace } from "@opentelemetry/api";
import type { Clock } from "../clock.ts";
import { type Observer, observers } from "../session/observer.ts";
import type { Meters } from "./meters.ts";
import { bridge, Histograms } from "./telemetry/metrics.ts";
import { Spans } from "./telemetry/spans.ts";

/** What telemetry is made with. */
export interface TelemetryOptions {
  /** Says when something happens. */
  readonly clock: Clock;
  /**
   * Counters and gauges to export: those that have been made by now. Histograms are not read from
   * here, OpenTelemetry has them told value by value.
   *
   * @default none
   */
  readonly meters?: Pick<Meters, "collect">;
  /**
   * Whether spans bear mail addresses, logins and the words of errors, which may hold such.
   *
   * @default false
   */
  readonly addresses?: boolean;
}

/** The name under which all of it is exported. */
const SCOPE = "sluice";

/**
 * Makes an observer that exports a span for each session, mail transaction, exchange with an upstream
 * and check, and how long commands, checks and upstreams take. Nothing of AUTH but its reply codes is
 * in them.
 *
 * Disposed of, it ends the spans that are open, and `meters` is read no more. Meters are read whenever
 * the provider exports: what they have counted since the last time is lost with the process.
 */
export function telemetry(
  { clock, meters, addresses = false }: TelemetryOptions,
): Required<Observer> & Disposable {
  const meter = metrics.getMeter(SCOPE);
  const spans = new Spans(trace.getTracer(SCOPE), { clock, addresses });
  const bridged = meters && bridge(meter, meters);
  return {
    ...observers([[spans, new Histograms(meter)]]),
    [Symbol.dispose](): void {
      spans.end();
      bridged?.[Symbol.dispose]();
    },
  };
}
