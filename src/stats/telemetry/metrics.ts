/**
 * Metrics for OpenTelemetry.
 *
 * @module
 */

import { phaseOf } from "../metrics.ts";
import type { BatchObservableCallback, Histogram, Meter, Observable } from "@opentelemetry/api";
import type { Reply } from "../../rfc5321/reply.ts";
import type { SessionFacts, TransactionFacts } from "../../session/facts.ts";
import type {
  Answered,
  Observer,
  TransactionEnd,
  UpstreamAnswered,
  UpstreamOpened,
} from "../../session/observer.ts";
import type { Phase, PhaseFacts, Ruling } from "../../session/phases.ts";
import { defaultBounds, type Meters } from "../meters.ts";

/** What OpenTelemetry calls the units. */
const UNITS = { seconds: "s", bytes: "By" } as const;

/** Octets of a message. */
const SIZES = [1e3, 1e4, 1e5, 1e6, 1e7, 1e8];

/** Tells how long things take, and how large messages are. */
export class Histograms implements Observer {
  readonly #command: Histogram;
  readonly #policy: Histogram;
  readonly #lookup: Histogram;
  readonly #connect: Histogram;
  readonly #upstream: Histogram;
  readonly #size: Histogram;

  /** @param meter Makes the instruments. */
  constructor(meter: Meter) {
    const histogram = (name: string, description: string): Histogram =>
      meter.createHistogram(`sluice_${name}_seconds`, {
        description,
        unit: UNITS.seconds,
        advice: { explicitBucketBoundaries: [...defaultBounds] },
      });
    this.#command = histogram(
      "command_duration",
      "From a command, or the end of mail data, to its reply.",
    );
    this.#policy = histogram(
      "policy_duration",
      "Time that each check of the policy takes for a question.",
    );
    this.#lookup = histogram("name_lookup", "Time that the name of a client took.");
    this.#connect = histogram(
      "upstream_connect",
      "From the wish for a connection to the end of its EHLO.",
    );
    this.#upstream = histogram(
      "upstream_reply",
      "From a command to the upstream's reply; message: from the end of mail data.",
    );
    this.#size = meter.createHistogram("sluice_message_size_bytes", {
      description: "Octets of each accepted message.",
      unit: UNITS.bytes,
      advice: { explicitBucketBoundaries: SIZES },
    });
  }

  reply(_session: SessionFacts, _reply: Reply, { verb, took }: Answered): void {
    this.#command.record(took / 1000, { phase: phaseOf(verb) });
  }

  ruling<P extends Phase>(_phase: P, _facts: PhaseFacts[P], { asked = [] }: Ruling): void {
    for (const { check, took } of asked) this.#policy.record(took / 1000, { rule: check });
  }

  lookedUp(_session: SessionFacts, took: number): void {
    this.#lookup.record(took / 1000);
  }

  upstreamOpened(_session: SessionFacts, upstream: string, { took }: UpstreamOpened): void {
    this.#connect.record(took / 1000, { upstream });
  }

  upstreamReply(_session: SessionFacts, upstream: string, answered: UpstreamAnswered): void {
    const { verb, took } = answered;
    this.#upstream.record(took / 1000, { upstream, verb });
  }

  transaction({ octets }: TransactionFacts, { kind }: TransactionEnd): void {
    if (kind === "accepted") this.#size.record(octets);
  }
}

/** Exports counters and gauges until it is disposed of: those that there are now. */
export function bridge(meter: Meter, meters: Pick<Meters, "collect">): Disposable {
  const observables = new Map<string, Observable>();
  for (const { name, help: description, type, unit } of meters.collect()) {
    const options = { description, unit: unit && UNITS[unit] };
    if (type === "counter") {
      // Whoever makes Prometheus's format of it puts "_total" behind the name again.
      const stem = name.replace(/_total$/, "");
      observables.set(name, meter.createObservableCounter(stem, options));
    } else if (type === "gauge") {
      observables.set(name, meter.createObservableGauge(name, options));
    }
  }
  const all = [...observables.values()];
  const tell: BatchObservableCallback = (result) => {
    for (const { name, type, samples } of meters.collect()) {
      const observable = observables.get(name);
      if (observable === undefined || type === "histogram") continue;
      for (const { labels, value } of samples) result.observe(observable, value, labels);
    }
  };
  meter.addBatchObservableCallback(tell, all);
  return { [Symbol.dispose]: () => meter.removeBatchObservableCallback(tell, all) };
}
