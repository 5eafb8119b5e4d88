/** CPU time and peak memory of processes and all their children, from Linux's /proc. */
import { readFileSync, readdirSync } from 'node:fs';

/** Clock ticks per second in /proc: 100 on every Linux that Node runs on. */
const ticksPerSecond = 100;

interface ProcessTimes {
  readonly pid: number;
  readonly parent: number;
  /** Seconds, with those of children that have ended. */
  readonly seconds: number;
}

/** CPU seconds that these processes and everything below them have used so far. */
export function cpuSeconds(roots: readonly number[]): number {
  const all = allProcesses();
  const wanted = new Set(roots);
  for (let before = -1; before !== wanted.size;) {
    before = wanted.size;
    for (const { pid, parent } of all) if (wanted.has(parent)) wanted.add(pid);
  }
  return all.filter(({ pid }) => wanted.has(pid)).reduce((sum, { seconds }) => sum + seconds, 0);
}

/** Most memory that a process ever held, in MiB. */
export function peakMemoryMiB(pid: number): number {
  const kib = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kib) / 1024;
}

function allProcesses(): ProcessTimes[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readTimes(Number(name)));
}

function readTimes(pid: number): ProcessTimes[] {
  try {
    // The command's name stands in parentheses and may hold anything; the fields are counted from behind it.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
      .map(Number);
    const [, parent = 0] = fields;
    const ticks = fields.slice(11, 15).reduce((sum, value) => sum + value, 0);
    return [{ pid, parent, seconds: ticks / ticksPerSecond }];
  } catch {
    return [];
  }
}
