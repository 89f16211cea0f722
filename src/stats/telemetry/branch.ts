/**
 * A span that others stand below. Times are milliseconds since 1970.
 *
 * @module
 */

import {
  type Attributes,
  type Context,
  ROOT_CONTEXT,
  type Span,
  type SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
} from "@opentelemetry/api";

/** Children and events of one span: what a client can have more and more of. */
const MOST = 200;

/** What a span is, but for its times. */
export interface Description {
  /** One of few: what tells single ones apart belongs to the attributes. */
  readonly name: string;
  readonly kind: SpanKind;
  readonly attributes: Attributes;
  /** Default: no. */
  readonly failed?: boolean;
}

/** See the module. */
export class Branch {
  /** The span itself, open until `end`. */
  readonly span: Span;
  readonly #tracer: Tracer;
  readonly #context: Context;
  #children = 0;
  #failed = false;

  /** @param parent Default: it begins a trace. */
  constructor(
    tracer: Tracer,
    { name, kind, attributes }: Description,
    from: number,
    parent?: Branch,
  ) {
    this.#tracer = tracer;
    // Never below what happens to be active where the proxy was started.
    const context = parent === undefined ? ROOT_CONTEXT : parent.#context;
    this.span = tracer.startSpan(name, { kind, attributes, startTime: from }, context);
    this.#context = trace.setSpan(ROOT_CONTEXT, this.span);
  }

  /** Whether any child has. */
  get failed(): boolean {
    return this.#failed;
  }

  /** Adds a child that is over; there is room for 200, the others are only counted. */
  add({ name, kind, attributes, failed = false }: Description, from: number, to: number): void {
    this.#failed ||= failed;
    if (this.#children++ >= MOST) return;
    const span = this.#tracer.startSpan(name, { kind, attributes, startTime: from }, this.#context);
    if (failed) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end(to);
  }

  /** Adds an event, which takes the room of a child. */
  note(name: string, attributes: Attributes, at: number): void {
    if (this.#children++ < MOST) this.span.addEvent(name, attributes, at);
  }

  /** Ends it; no other method may be called then. */
  end(to: number, attributes: Attributes = {}): void {
    this.span.setAttributes(attributes);
    if (this.#children > MOST) this.span.setAttribute("sluice.left_out", this.#children - MOST);
    this.span.end(to);
  }
}
