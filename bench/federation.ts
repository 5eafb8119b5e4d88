/** A million keys pulled from one authority by another, beside what PostgreSQL alone needs to merge the same rows. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import pg from 'pg';
import { PartnerServiceDefinition, type PartnerServiceClient } from '../src/gen/enmesh/federation/v1/partners.ts';
import { createGrpcClient } from '../src/platform/grpc/client.ts';
import { cpuSeconds, peakMemoryMiB } from './support/cpu.ts';
import { openInstallation, type Installation } from './support/installation.ts';
import { median } from './support/median.ts';
import { storeKeys } from './support/stored-keys.ts';

/** Twice, so that memory which grows with the number of keys shows. */
const sizes = [250_000, 1_000_000];
/** A merge and a pull each; the medians count. */
const rounds = 3;
const idlePulls = 20;
/** Longer than any pull takes. */
const limits = { timeoutMs: 10 * 60_000 };

/** The two, and the processes whose memory counts. */
interface Pair {
  readonly a: Installation;
  readonly b: Installation;
  readonly giver: ChildProcess;
  readonly taker: ChildProcess;
  readonly client: PartnerServiceClient;
}

interface Pulled {
  readonly seconds: number;
  /** CPU microseconds a key: both federation processes · both PostgreSQL servers. */
  readonly processUs: number;
  readonly postgresUs: number;
}

/** Prints seconds, the ratio of rates, CPU a key and peak memory of both sides for each size; then what an idle pull costs. */
export async function benchFederation(): Promise<void> {
  const [a, b] = await Promise.all([openInstallation(settings), openInstallation(settings)]);
  try {
    const pair = await introduce(a, b);
    for (const keys of sizes) await measure(pair, keys);
    await measureIdle(pair);
  } finally {
    await Promise.all([a.stop(), b.stop()]);
  }
}

/** Nothing runs by itself: what is asked for is what is measured. */
const settings = {
  ENMESH_UNSAFE_LOOPBACK: 'true',
  ENMESH_FEDERATION_INTERVAL: '1d',
  ENMESH_EXPORT_INTERVAL: '1d',
  ENMESH_EXPORT_MIN_WINDOW_AGE: '0s',
  ENMESH_UNSAFE_SHORT_WINDOWS: 'true',
  ENMESH_FEDERATION_MAX_KEYS_PER_DAY: '100000000',
};

/** B pulls what A lets it have; issuers are those of their gateways. */
async function introduce(a: Installation, b: Installation): Promise<Pair> {
  const issuers = { ENMESH_IDENTITY_SUBJECT: 'federation' };
  const of = (own: Installation) => ({ ...issuers, ENMESH_IDENTITY_ISSUER: own.gatewayUrl });
  const [giver, taker] = await Promise.all([serve(a, of(a)), serve(b, of(b))]);
  await Promise.all([
    a.apply(partner('bb', b, 'serve: { regions: [AA] }')),
    b.apply(partner('aa', a, 'pull: { regions: [AA], protocol: stream }')),
  ]);
  const { client } = createGrpcClient(PartnerServiceDefinition, b.federationTarget, {}, limits);
  const pair = { a, b, giver, taker, client };
  // Instead of the pull that the role would soon make by itself; the next one would come in a day.
  await pull(pair);
  return pair;
}

/** @returns the process that exchanges keys */
async function serve(installation: Installation, env: NodeJS.ProcessEnv): Promise<ChildProcess> {
  Object.assign(installation.env, env);
  const federation = await installation.serve('federation');
  await installation.serve('server', 'gateway');
  return federation;
}

function partner(name: string, other: Installation, rule: string): string {
  return `
partners:
  - name: ${name}
    address: ${other.federationTarget}
    identity: { issuer: "${other.gatewayUrl}", subject: federation, audience: "https://bench.example" }
    ourAudience: "https://bench.example"
    ${rule}
`;
}

async function measure(pair: Pair, keys: number): Promise<void> {
  console.log(`federation: ${keys.toLocaleString('en')} keys, ${rounds} rounds of merge and pull in turn, medians`);
  await query(pair.a, 'truncate exposures');
  await storeKeys(pair.a.databaseUrl, { count: keys, from: await hoursAgo(pair.a, 6) });
  const merges: number[] = [];
  const pulls: Pulled[] = [];
  for (let round = 0; round < rounds; round++) {
    merges.push(await timeMerge(pair, keys));
    pulls.push(await timePull(pair, keys));
  }
  const [merge, pull] = [median(merges), median(pulls.map(({ seconds }) => seconds))];
  console.log(`  COPY and INSERT … ON CONFLICT   ${merge.toFixed(2)} s  (${inSeconds(merges)})`);
  const seconds = inSeconds(pulls.map((pulled) => pulled.seconds));
  console.log(`  pull, durable                   ${pull.toFixed(2)} s  (${seconds})`);
  console.log(`  rate of the pull                ${(merge / pull).toFixed(2)} of the merge's`);
  const us = (of: (pulled: Pulled) => number) => median(pulls.map(of)).toFixed(1);
  console.log(
    `  CPU a key                       ${us(({ processUs }) => processUs)} µs Enmesh, ${us(({ postgresUs }) => postgresUs)} µs PostgreSQL`,
  );
  const [giver, taker] = [pair.giver, pair.taker].map((child) => peakMemoryMiB(child.pid!).toFixed(0));
  console.log(`  peak memory                     ${giver} MiB giving, ${taker} MiB taking`);
}

/** The baseline, in a process of its own. */
async function timeMerge({ a, b }: Pair, keys: number): Promise<number> {
  await forget(b);
  const child = fork(new URL('bare-merge.ts', import.meta.url), [a.databaseUrl, b.databaseUrl]);
  const [merged] = (await once(child, 'message')) as [{ seconds: number; keys: number }];
  await once(child, 'exit');
  if (merged.keys !== keys) throw new Error(`${merged.keys} keys were merged`);
  return merged.seconds;
}

/** From the order to the last durable key. */
async function timePull(pair: Pair, keys: number): Promise<Pulled> {
  const { a, b, giver, taker } = pair;
  await forget(b);
  const processes = [giver.pid!, taker.pid!];
  const servers = [a.postgresPid, b.postgresPid];
  const before = [cpuSeconds(processes), cpuSeconds(servers)] as const;
  const begin = performance.now();
  await pull(pair);
  const seconds = (performance.now() - begin) / 1000;
  const [{ count }] = await query<{ count: number }>(b, 'select count(*)::integer as count from exposures');
  if (count !== keys) throw new Error(`${count} keys arrived`);
  return {
    seconds,
    processUs: ((cpuSeconds(processes) - before[0]) / keys) * 1e6,
    postgresUs: ((cpuSeconds(servers) - before[1]) / keys) * 1e6,
  };
}

async function pull({ client }: Pair): Promise<void> {
  for await (const { partner: state, isDone } of client.pull({ name: 'aa' })) {
    if (isDone && state?.pull?.errorCode) throw new Error(`${state.pull.errorCode}: ${state.pull.error}`);
  }
}

async function measureIdle(pair: Pair): Promise<void> {
  const before = [cpuSeconds([pair.giver.pid!]), cpuSeconds([pair.taker.pid!])] as const;
  const begin = performance.now();
  for (let round = 0; round < idlePulls; round++) await pull(pair);
  const each = (total: number) => ((total * 1000) / idlePulls).toFixed(1);
  console.log(`federation: a pull of nothing, mean of ${idlePulls}`);
  console.log(`  ${each((performance.now() - begin) / 1000)} ms`);
  const [giver, taker] = [cpuSeconds([pair.giver.pid!]) - before[0], cpuSeconds([pair.taker.pid!]) - before[1]];
  console.log(`  CPU ${each(giver)} ms giving, ${each(taker)} ms taking`);
}

/** B as if it had never pulled. */
async function forget(b: Installation): Promise<void> {
  await query(b, 'truncate exposures');
  await query(b, 'update partner_exchanges set cursor = null');
  await query(b, 'vacuum (analyze) exposures');
  await query(b, 'checkpoint');
}

/** Start of a window that is closed. */
async function hoursAgo(installation: Installation, hours: number): Promise<Date> {
  const [{ at }] = await query<{ at: Date }>(
    installation,
    `select date_trunc('hour', clock_timestamp()) - interval '1 hour' * ${hours} as at`,
  );
  return at;
}

async function query<Row extends pg.QueryResultRow>(
  installation: Installation,
  text: string,
): Promise<[Row, ...Row[]]> {
  const client = new pg.Client({ connectionString: installation.databaseUrl });
  await client.connect();
  const { rows } = await client.query<Row>(text);
  await client.end();
  return rows as [Row, ...Row[]];
}

function inSeconds(values: readonly number[]): string {
  return values.map((value) => value.toFixed(2)).join(', ');
}
