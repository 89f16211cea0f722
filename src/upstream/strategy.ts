/**
 * Who of several equals is next.
 *
 * @module
 */

/** How the next one is found. */
export type Strategy =
  /** One after the other, each as often as its weight says, and never many times in a row. */
  | "round-robin"
  /** The one with the fewest connections for its weight; among equals one after the other. */
  | "least-connections";

/** Somebody whose turn it may be. */
export interface Contender {
  /** Its share, relative to that of the others; greater than 0. */
  readonly weight: number;
  /** Connections that it has now. */
  readonly connections: number;
  /** How much it is behind its share, 0 at first; only {@linkcode inTurn} changes it. */
  credit: number;
}

/** All of them, the next one first and then whoever takes its place. Each call is one turn. */
export function inTurn<C extends Contender>(strategy: Strategy, contenders: readonly C[]): C[] {
  if (strategy === "round-robin") return roundRobin(contenders);
  const load = ({ connections, weight }: Contender): number => connections / weight;
  const least = Math.min(...contenders.map(load));
  return [
    ...roundRobin(contenders.filter((one) => load(one) === least)),
    ...contenders.filter((one) => load(one) > least).sort((one, other) => load(one) - load(other)),
  ];
}

/**
 * Smooth weighted round robin: in each turn everybody gets his weight as credit, and the one with the
 * most pays what all have got. So weights of 5, 1 and 1 make `a a b a c a a`.
 */
function roundRobin<C extends Contender>(contenders: readonly C[]): C[] {
  let sum = 0;
  for (const contender of contenders) {
    contender.credit += contender.weight;
    sum += contender.weight;
  }
  const order = contenders.toSorted((one, other) => other.credit - one.credit);
  if (order.length > 0) order[0].credit -= sum;
  return order;
}
