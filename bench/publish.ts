/** Publishes of 14 keys with real certificates, roles together and apart, beside bare inserts of the same rows. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request, type IncomingMessage } from 'node:http';
import { closedLoop, type LoopResult } from './support/closed-loop.ts';
import { cpuSeconds } from './support/cpu.ts';
import { openInstallation, type Installation } from './support/installation.ts';
import { median } from './support/median.ts';
import { publishBody } from './support/phones.ts';

const concurrency = 16;
/** Code is compiled while it runs: the first thousand publishes cost twice what all later ones do. */
const warmUp = 2_000;
/** Baseline and publishes take turns, so that whatever else the machine does meets both. */
const rounds = 6;
const perRound = 500;

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
    phones.stop();
    await bare.stop();
  } finally {
    await installation.stop();
  }
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

async function startPhones(
  installation: Installation,
  processes: readonly string[][],
): Promise<Contender & { stop(): void }> {
  const children: ChildProcess[] = [];
  for (const roles of processes) children.push(await installation.serve(...roles));
  await installation.apply();
  const agent = new Agent({ keepAlive: true, maxSockets: concurrency });
  return {
    pids: children.map(({ pid }) => pid!),
    run: async (count) => {
      const bodies = Array.from({ length: count }, () => publishBody(installation.authorityKey, new Date()));
      return await closedLoop(count, concurrency, (index) => post(installation.gatewayUrl, bodies[index]!, agent));
    },
    stop: () => {
      agent.destroy();
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

async function post(gatewayUrl: string, body: string, agent: Agent): Promise<void> {
  const call = request(`${gatewayUrl}/v1/publish`, {
    method: 'POST',
    agent,
    headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
  });
  call.end(body);
  const [response] = (await once(call, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of response) text += String(chunk);
  const answer = JSON.parse(text) as { insertedExposures?: number; error?: string };
  if (response.statusCode !== 200 || answer.insertedExposures !== 14) {
    throw new Error(`a publish was answered ${response.statusCode}: ${answer.error}`);
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
