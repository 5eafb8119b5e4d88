/** Work that arrives when it arrives, whether earlier work is done or not. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { LoopResult } from './closed-loop.ts';
import { summarize } from './closed-loop.ts';

/** Runs `work(0)` … `work(count − 1)` at random times, `perSecond` on average; latency counts from the time of arrival. */
export async function openLoop(
  count: number,
  perSecond: number,
  work: (index: number) => Promise<void>,
): Promise<LoopResult> {
  const latencies = new Float64Array(count);
  const running: Promise<void>[] = [];
  const start = performance.now();
  let arrival = start;
  for (let index = 0; index < count; index++) {
    arrival += (-Math.log(1 - Math.random()) / perSecond) * 1000;
    const left = arrival - performance.now();
    if (left > 0) await sleep(left);
    const arrived = arrival;
    running.push(
      work(index).then(() => {
        latencies[index] = performance.now() - arrived;
      }),
    );
  }
  await Promise.all(running);
  return summarize(latencies, start);
}
