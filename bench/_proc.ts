/**
 * What Linux says of processes and of the machine, in `/proc`. Deno wants all permissions for that.
 *
 * @module
 */

/** Clock ticks in a second, as `/proc` counts them: 100 on every Linux that Deno runs on. */
const TICKS = 100;

/** What is wanted of `/proc/PID/stat`. */
interface Stat {
  readonly parent: number;
  /** Seconds of processor time of all threads, and of children that have ended. */
  readonly cpu: number;
}

function statOf(pid: number): Stat | undefined {
  let stat: string;
  try {
    stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  } catch {
    return undefined; // It has ended.
  }
  // The name of the program, in parentheses, may hold anything.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  return { parent: Number(fields[1]), cpu: ticks / TICKS };
}

/** A process and those that it has started, and they, and so on. */
export function treeOf(root: number): ReadonlyMap<number, Stat> {
  const all = new Map<number, Stat>();
  for (const { name } of Deno.readDirSync("/proc")) {
    const stat = /^\d+$/.test(name) ? statOf(Number(name)) : undefined;
    if (stat !== undefined) all.set(Number(name), stat);
  }
  const belongs = (pid: number): boolean => {
    if (pid === root) return true;
    const stat = all.get(pid);
    return stat !== undefined && belongs(stat.parent);
  };
  return new Map([...all].filter(([pid]) => belongs(pid)));
}

/** Seconds of processor time so far, of all threads of a process and of all that it has started. */
export function cpuOf(root: number): number {
  return [...treeOf(root).values()].reduce((sum, { cpu }) => sum + cpu, 0);
}

/** A figure in kB from one of the files of a process, in MB; 0 where it has ended. */
function megabytes(pid: number, file: string, name: string): number {
  try {
    const text = Deno.readTextFileSync(`/proc/${pid}/${file}`);
    const line = text.split("\n").find((line) => line.startsWith(`${name}:`)) ?? "";
    return Number(/\d+/.exec(line)?.[0] ?? 0) * 1024 / 1e6;
  } catch {
    return 0;
  }
}

/** The most memory that a process has had, in MB. */
export function peakMemoryOf(pid: number): number {
  return megabytes(pid, "status", "VmHWM");
}

/** Memory of processes now, in MB; what they share is shared out among those who share it. */
export function memoryOf(pids: Iterable<number>): number {
  return [...pids].reduce((sum, pid) => sum + megabytes(pid, "smaps_rollup", "Pss"), 0);
}

/** The processor, in words. */
export function processor(): string {
  const model = /^model name\s*:\s*(.*)$/m.exec(Deno.readTextFileSync("/proc/cpuinfo"));
  return `${model?.[1] ?? Deno.build.arch}, ${navigator.hardwareConcurrency} threads`;
}

/** How many threads want a processor, on the average of the last minute. */
export function loadAverage(): string {
  return Deno.loadavg()[0].toFixed(1);
}
