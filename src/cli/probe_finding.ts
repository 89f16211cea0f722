/**
 * What a probe has found out, for people and for programs.
 *
 * @module
 */

/** `WEAK`: what the server does endangers mail; `unknown`: it could not be found out. */
export type Status = "ok" | "WEAK" | "unknown";

/** One thing that was looked at. */
export interface Finding {
  readonly subject: string;
  readonly status: Status;
  /** What was seen, in one line. */
  readonly seen: string;
}

/** `ok       greeting     220 mx.example ESMTP` */
export function printFinding({ subject, status, seen }: Finding): string {
  return `${status.padEnd(9)}${subject.padEnd(28)}${seen}`;
}

/** The exit status that findings come to: 3 if there is a weakness, else 0. */
export function exitStatusOf(findings: readonly Finding[]): number {
  return findings.some(({ status }) => status === "WEAK") ? 3 : 0;
}
