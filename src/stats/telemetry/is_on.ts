/**
 * Whether anybody takes traces and metrics. It stands by itself so that asking loads nothing.
 *
 * @module
 */

/** Where version 1 of OpenTelemetry's API for JavaScript keeps what has been registered. */
const REGISTRY = Symbol.for("opentelemetry.js.api.1");

/**
 * Whether a provider of traces or metrics is registered for `@opentelemetry/api`: by Deno under
 * `OTEL_DENO=true`, or by an SDK. Needs no permission.
 */
export function telemetryIsOn(): boolean {
  const registered: { readonly trace?: unknown; readonly metrics?: unknown } | undefined = Reflect
    .get(globalThis, REGISTRY);
  return registered?.trace !== undefined || registered?.metrics !== undefined;
}
