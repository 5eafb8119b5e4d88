/** So many workers, each doing the next piece of work as soon as its last is done. */

/** What a loop took. */
export interface LoopResult {
  readonly seconds: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Runs `work(0)` … `work(count − 1)` by `concurrency` workers. */
export async function closedLoop(
  count: number,
  concurrency: number,
  work: (index: number) => Promise<void>,
): Promise<LoopResult> {
  const latencies = new Float64Array(count);
  let next = 0;
  const start = performance.now();
  const worker = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) {
      const begin = performance.now();
      await work(index);
      latencies[index] = performance.now() - begin;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return summarize(latencies, start);
}

/** @param start `performance.now()` when the loop began; it ends now */
export function summarize(latencies: Float64Array, start: number): LoopResult {
  const seconds = (performance.now() - start) / 1000;
  const count = latencies.length;
  latencies.sort();
  const percentile = (share: number) => latencies[Math.min(count - 1, Math.floor(count * share))] ?? Number.NaN;
  return { seconds, perSecond: count / seconds, p50Ms: percentile(0.5), p99Ms: percentile(0.99) };
}
