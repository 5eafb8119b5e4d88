/** How far chaff is from real publishes, for somebody who watches the wire; and what each costs. */
import { randomInt } from 'node:crypto';
import { cpuSeconds } from './support/cpu.ts';
import { openInstallation, type Installation } from './support/installation.ts';
import { compareSamples } from './support/kolmogorov-smirnov.ts';
import type { TimedAnswer } from './support/keep-alive-client.ts';
import { mixedLoad, plainLoad, type MixedAnswers } from './support/mixed-load.ts';
import { publishBody } from './support/phones.ts';

/** Answers of each kind. */
const samples = 10_000;
const warmUp = 1_000;
/** Requests under way at a time: a quiet hour, a usual one, a crowded one. */
const connectionCounts = [1, 8, 16];
const perCost = 1_000;

/** Prints Kolmogorov–Smirnov distances with p-values, and the CPU that a publish and a chaff cost. */
export async function benchSideChannel(): Promise<void> {
  console.log(`side-channel: ${samples} real publishes of 1 to 14 keys and ${samples} chaff, mixed at random`);
  await watch('all roles in one process', [[]]);
  await watch('roles as processes', [['server'], ['export'], ['federation'], ['gateway']]);
}

async function watch(title: string, processes: readonly string[][]): Promise<void> {
  const installation = await openInstallation();
  try {
    const pids = [installation.postgresPid];
    for (const roles of processes) pids.push((await installation.serve(...roles)).pid!);
    await installation.apply();
    const { gatewayUrl } = installation;
    await mixedLoad({ gatewayUrl, bodies: makeBodies(installation, warmUp), connections: 8 });
    console.log(`  ${title}`);
    const all: MixedAnswers = { real: [], chaff: [] };
    for (const connections of connectionCounts) {
      const bodies = makeBodies(installation, Math.ceil((samples * 2) / connectionCounts.length));
      const answers = await mixedLoad({ gatewayUrl, bodies, connections });
      report(`${connections} at a time`, answers);
      all.real.push(...answers.real);
      all.chaff.push(...answers.chaff);
    }
    report('all together', all);
    await reportCost(installation, pids);
  } finally {
    await installation.stop();
  }
}

function makeBodies({ authorityKey }: Installation, count: number): string[] {
  return Array.from({ length: count }, () => publishBody(authorityKey, new Date(), 1 + randomInt(14)));
}

function report(title: string, { real, chaff }: MixedAnswers): void {
  const measures: readonly [string, (answer: TimedAnswer) => number][] = [
    ['first byte', (answer) => answer.firstByteMs],
    ['last byte', (answer) => answer.lastByteMs],
    ['size', (answer) => answer.body.length],
  ];
  const figures = measures.map(([name, of]) => {
    const { distance, pValue } = compareSamples(real.map(of), chaff.map(of));
    return `${name} D ${distance.toFixed(4)} (p ${pValue.toFixed(3)})`;
  });
  const heads = new Set([...real, ...chaff].map(({ head }) => shapeOf(head)));
  console.log(`    ${title.padEnd(13)} ${figures.join('  ')}  ${heads.size === 1 ? 'one head' : 'HEADS DIFFER'}`);
}

/** A head without what differs from second to second. */
function shapeOf(head: readonly string[]): string {
  return head.map((line) => line.replace(/^((?:date|content-length): ).*/i, '$1')).join('\n');
}

async function reportCost(installation: Installation, pids: readonly number[]): Promise<void> {
  for (const connections of [1, 8]) {
    const costs: string[] = [];
    for (const kind of ['real', 'chaff'] as const) {
      const bodies = makeBodies(installation, perCost);
      const before = cpuSeconds(pids);
      await plainLoad({ gatewayUrl: installation.gatewayUrl, bodies, connections }, kind);
      costs.push(`${kind} ${(((cpuSeconds(pids) - before) * 1000) / perCost).toFixed(2)} ms`);
    }
    console.log(`    CPU each, ${connections} at a time: ${costs.join('  ')}`);
  }
}
