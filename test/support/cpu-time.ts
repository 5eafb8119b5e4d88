/** CPU time of this process: what a loop took, whoever else uses the machine. */

/** Milliseconds of CPU, user and system, since `before` (of `process.cpuUsage()`). */
export function cpuMs(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}
