/**
 * A life after faults that are nobody's.
 *
 * @module
 */

import { complain } from "./complain.ts";

/** A promise or timer that a policy has left behind must not end everybody's sessions. */
export function outliveFaults(): void {
  const outlive = (event: Event, fault: unknown): void => {
    event.preventDefault();
    complain(fault);
  };
  addEventListener("unhandledrejection", (event) => outlive(event, event.reason));
  addEventListener("error", (event) => outlive(event, event.error));
}
