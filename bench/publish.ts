/** Publishes of 14 keys with real certificates, roles apart and together, beside bare inserts of the same rows. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request, type IncomingMessage } from 'node:http';
import { closedLoop, type LoopResult } from './support/closed-loop.ts';
import { cpuSeconds } from './support/cpu.ts';
import { openInstallation, type Installation } from './support/installation.ts';
import { publishBody } from './support/phones.ts';

const concurrency = 16;
const count = 3_000;
const warmUp = 500;

interface Measured extends LoopResult {
  /** CPU milliseconds a publish, of PostgreSQL and every process of the way; the phones' own are left out. */
  readonly cpuMs: number;
  /** PostgreSQL's part of it. */
  readonly postgresMs: number;
}

/** Prints rate, latency and CPU a publish, and their ratios to the baseline of the same run. */
export async function benchPublish(): Promise<void> {
  console.log(`publish: ${count} publishes of 14 keys, concurrency ${concurrency}`);
  const bare = await inInstallation(bareInserts);
  report('bare prepared insert', bare);
  const together = await inInstallation((installation) => publishes(installation, [[]]));
  report('all roles in one process', together, bare);
  const apart = await inInstallation((installation) =>
    publishes(installation, [['server'], ['export'], ['federation'], ['gateway']]),
  );
  report('roles as processes', apart, bare);
}

async function inInstallation(measure: (installation: Installation) => Promise<Measured>): Promise<Measured> {
  const installation = await openInstallation();
  try {
    return await measure(installation);
  } finally {
    await installation.stop();
  }
}

async function bareInserts(installation: Installation): Promise<Measured> {
  const server = await installation.serve('server');
  server.kill('SIGTERM');
  await once(server, 'exit');
  const child = fork(new URL('bare-inserts.ts', import.meta.url), [
    installation.databaseUrl,
    String(count),
    String(concurrency),
  ]);
  await once(child, 'message');
  const cpu = startCpu(installation, [child.pid!]);
  child.send('go');
  const [{ result }] = (await once(child, 'message')) as [{ result: LoopResult }];
  const used = cpu.perPublish();
  child.send('end');
  await once(child, 'exit');
  return { ...result, ...used };
}

async function publishes(installation: Installation, processes: readonly string[][]): Promise<Measured> {
  const children = [];
  for (const roles of processes) children.push(await installation.serve(...roles));
  await installation.apply();
  const bodies = Array.from({ length: count + warmUp }, () => publishBody(installation.authorityKey, new Date()));
  const agent = new Agent({ keepAlive: true, maxSockets: concurrency });
  await closedLoop(warmUp, concurrency, (index) => post(installation.gatewayUrl, bodies[count + index]!, agent));
  const cpu = startCpu(
    installation,
    children.map(({ pid }) => pid!),
  );
  const result = await closedLoop(count, concurrency, (index) => post(installation.gatewayUrl, bodies[index]!, agent));
  const used = cpu.perPublish();
  agent.destroy();
  return { ...result, ...used };
}

function startCpu({ postgresPid }: Installation, pids: readonly number[]) {
  const read = () => ({ postgres: cpuSeconds([postgresPid]), all: cpuSeconds([postgresPid, ...pids]) });
  const before = read();
  return {
    perPublish: () => {
      const after = read();
      return {
        cpuMs: ((after.all - before.all) * 1000) / count,
        postgresMs: ((after.postgres - before.postgres) * 1000) / count,
      };
    },
  };
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

function report(title: string, measured: Measured, baseline?: Measured): void {
  const figures = [
    `${measured.perSecond.toFixed(0)}/s`,
    `p50 ${measured.p50Ms.toFixed(1)} ms`,
    `p99 ${measured.p99Ms.toFixed(1)} ms`,
    `CPU ${measured.cpuMs.toFixed(2)} ms (PostgreSQL ${measured.postgresMs.toFixed(2)})`,
  ];
  const ratio = baseline ? `  = ${(measured.cpuMs / baseline.cpuMs).toFixed(2)}× the bare insert's CPU` : '';
  console.log(`  ${title.padEnd(26)} ${figures.join('  ')}${ratio}`);
}
