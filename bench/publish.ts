/** Publishes of 14 keys with real certificates, roles together and apart, beside bare inserts of the same rows. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closedLoop, type LoopResult } from './support/closed-loop.ts';
import { cpuSeconds } from './support/cpu.ts';
import { openInstallation, type Installation } from './support/installation.ts';
import { KeepAliveClient } from './support/keep-alive-client.ts';
import { median } from './support/median.ts';
import { openLoop } from './support/open-loop.ts';
import { publishBody } from './support/phones.ts';

const concurrency = 16;
/** Code is compiled while it runs: the first thousands of publishes cost up to twice what all later ones do. */
const warmUp = 8_000;
/** Baseline and publishes take turns, so that whatever else the machine does meets both. */
const rounds = 6;
const perRound = 1_000;
/** How busy the installation is when waiting is measured: publishes arrive at this share of the highest rate. */
const share = 0.7;

interface Measured extends LoopResult {
  /** CPU milliseconds a publish, of PostgreSQL and every process of the way; the phones' own are left out. */
  readonly cpuMs: number;
  /** PostgreSQL's part of it. */
  readonly postgresMs: number;
}

/** Does so much work once, measured by the CPU of these processes. */
interface Contender {
  readonly pids: readonly number[];
  run(count: number): Promise<LoopResult>;
}

/** Prints rate, latency and CPU a publish, and the median of their ratios to the baseline of the same round. */
export async function benchPublish(): Promise<void> {
  console.log(`publish: ${rounds} × ${perRound} publishes of 14 keys, concurrency ${concurrency}; medians`);
  await compare('all roles in one process', [[]]);
  await compare('roles as processes', [['server'], ['export'], ['federation'], ['gateway']]);
}

async function compare(title: string, processes: readonly string[][]): Promise<void> {
  const installation = await openInstallation();
  try {
    const phones = await startPhones(installation, processes);
    const bare = await startBareInserts(installation);
    await phones.run(warmUp);
    await bare.run(warmUp);
    const measured: { readonly bare: Measured; readonly publish: Measured }[] = [];
    for (let round = 0; round < rounds; round++) {
      measured.push({ bare: await measure(installation, bare), publish: await measure(installation, phones) });
    }
    const ratio = median(measured.map(({ bare: { cpuMs }, publish }) => publish.cpuMs / cpuMs));
    report(
      'bare prepared insert',
      measured.map((round) => round.bare),
    );
    report(
      title,
      measured.map(({ publish }) => publish),
      `  = ${ratio.toFixed(2)}× the bare insert's CPU`,
    );
    await reportLoad(phones, median(measured.map(({ publish }) => publish.perSecond)));
    phones.stop();
    await bare.stop();
  } finally {
    await installation.stop();
  }
}

/** Waiting shows when publishes come at random, and not when the last ones are done. */
async function reportLoad(phones: Phones, mostPerSecond: number): Promise<void> {
  const { perSecond, p50Ms, p99Ms } = await phones.arrive(perRound * 3, mostPerSecond * share);
  const ratio = `p99 = ${(p99Ms / p50Ms).toFixed(1)}× p50`;
  const figures = `${perSecond.toFixed(0)}/s  p50 ${p50Ms.toFixed(1)} ms  p99 ${p99Ms.toFixed(1)} ms  ${ratio}`;
  console.log(`  ${`arriving at ${String(share * 100)} % of that`.padEnd(26)} ${figures}`);
}

async function startBareInserts({ databaseUrl }: Installation): Promise<Contender & { stop(): Promise<void> }> {
  const child = fork(new URL('bare-inserts.ts', import.meta.url), [databaseUrl, String(concurrency)]);
  await once(child, 'message');
  return {
    pids: [child.pid!],
    run: async (count) => {
      child.send(count);
      const [{ result }] = (await once(child, 'message')) as [{ result: LoopResult }];
      return result;
    },
    stop: async () => {
      child.send(0);
      await once(child, 'exit');
    },
  };
}

/** Phones of an installation. */
interface Phones extends Contender {
  /** Publishes that arrive at random times, so many a second on average. */
  arrive(count: number, perSecond: number): Promise<LoopResult>;
  stop(): void;
}

async function startPhones(installation: Installation, processes: readonly string[][]): Promise<Phones> {
  const children: ChildProcess[] = [];
  for (const roles of processes) children.push(await installation.serve(...roles));
  await installation.apply();
  const connections = new Connections(installation.gatewayUrl);
  const makeBodies = (count: number) =>
    Array.from({ length: count }, () => publishBody(installation.authorityKey, new Date()));
  return {
    pids: children.map(({ pid }) => pid!),
    run: async (count) => {
      const bodies = makeBodies(count);
      return await closedLoop(count, concurrency, (index) => connections.publish(bodies[index]!));
    },
    arrive: async (count, perSecond) => {
      const bodies = makeBodies(count);
      return await openLoop(count, perSecond, (index) => connections.publish(bodies[index]!));
    },
    stop: () => {
      connections.close();
    },
  };
}

async function measure({ postgresPid }: Installation, { pids, run }: Contender): Promise<Measured> {
  const read = () => ({ postgres: cpuSeconds([postgresPid]), others: cpuSeconds(pids) });
  const before = read();
  const result = await run(perRound);
  const after = read();
  const postgresMs = ((after.postgres - before.postgres) * 1000) / perRound;
  return { ...result, postgresMs, cpuMs: postgresMs + ((after.others - before.others) * 1000) / perRound };
}

/** Connections that are kept; a further one is opened when all are in use. */
class Connections {
  readonly #url: string;
  readonly #idle: KeepAliveClient[] = [];

  constructor(url: string) {
    this.#url = url;
  }

  async publish(body: string): Promise<void> {
    const client = this.#idle.pop() ?? (await KeepAliveClient.open(this.#url));
    const answer = await client.post('/v1/publish', body);
    this.#idle.push(client);
    if (!answer.body.includes('"insertedExposures":14')) {
      throw new Error(`a publish was answered ${answer.head[0]}: ${answer.body.slice(0, 200)}`);
    }
  }

  close(): void {
    for (const client of this.#idle) client.close();
  }
}

function report(title: string, measured: readonly Measured[], ratio = ''): void {
  const of = (name: keyof Measured) => median(measured.map((round) => round[name]));
  const figures = [
    `${of('perSecond').toFixed(0)}/s`,
    `p50 ${of('p50Ms').toFixed(1)} ms`,
    `p99 ${of('p99Ms').toFixed(1)} ms`,
    `CPU ${of('cpuMs').toFixed(2)} ms (PostgreSQL ${of('postgresMs').toFixed(2)})`,
  ];
  console.log(`  ${title.padEnd(26)} ${figures.join('  ')}${ratio}`);
}
