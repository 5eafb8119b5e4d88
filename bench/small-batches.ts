/** A thousand small batches in a row, and how much sooner two export processes are done with two hundred than one. */
import type { ChildProcess } from 'node:child_process';
import pg from 'pg';
import { ExportServiceDefinition } from '../src/gen/enmesh/export/v1/export.ts';
import { createGrpcClient } from '../src/platform/grpc/client.ts';
import { cpuSeconds } from './support/cpu.ts';
import { endProcess, openInstallation, type Installation } from './support/installation.ts';

/** Far fewer than the 1,000 that a file is padded to. */
const realKeys = 20;
/** Longer than any run takes. */
const limits = { timeoutMs: 10 * 60_000 };

/** Someone who is asked to build. */
interface Builder {
  readonly target: string;
  readonly child: ChildProcess;
}

/** What a run took. */
interface Run {
  readonly seconds: number;
  /** CPU milliseconds a batch. */
  readonly postgresMs: number;
  readonly exportMs: number;
}

/** Prints seconds and CPU a batch, and the ratio of one process to two. */
export async function benchSmallBatches(): Promise<void> {
  console.log(`export: batches of ${realKeys} keys, padded to 1,000`);
  const installation = await openInstallation({
    ENMESH_EXPORT_MIN_WINDOW_AGE: '0s',
    ENMESH_UNSAFE_SHORT_WINDOWS: 'true',
    ENMESH_EXPORT_INTERVAL: '1d',
  });
  try {
    await planFirst(installation);
    const one = { target: installation.exportTarget, child: await installation.serve('export') };
    const windows = new Windows(installation);
    report('1,000 batches, one process', await windows.build(1000, [one]));
    const alone = await windows.build(200, [one]);
    report('200 batches, one process', alone);
    const together = await windows.build(200, [one, await installation.serveAnotherExport()]);
    const ratio = `  = ${(alone.seconds / together.seconds).toFixed(2)}× as fast`;
    report('200 batches, two processes', together, ratio);
  } finally {
    await installation.stop();
  }
}

/** The first window is planned by the product; further ones are made like it. */
async function planFirst(installation: Installation): Promise<void> {
  const roles = await installation.serve('server', 'export');
  await installation.apply();
  await runExports(installation.exportTarget);
  await endProcess(roles);
}

async function runExports(target: string): Promise<void> {
  const { client, close } = createGrpcClient(ExportServiceDefinition, target, {}, limits);
  for await (const { batch } of client.run({ name: '' })) {
    if (batch?.lastError) throw new Error(`a batch failed: ${batch.lastError}`);
  }
  close();
}

/** Windows of a minute, further and further back. */
class Windows {
  readonly #installation: Installation;
  #count = 0;

  constructor(installation: Installation) {
    this.#installation = installation;
  }

  /** Queues so many batches and lets all builders build them. */
  async build(batches: number, builders: readonly Builder[]): Promise<Run> {
    const { databaseUrl, postgresPid } = this.#installation;
    const client = new pg.Client({ connectionString: databaseUrl });
    await client.connect();
    await client.query(insertBatches, [batches, this.#count]);
    await client.query(insertKeys, [realKeys]);
    await client.query('vacuum (analyze)');
    this.#count += batches;
    const pids = builders.map(({ child }) => child.pid!);
    const cpu = { postgres: cpuSeconds([postgresPid]), exports: cpuSeconds(pids) };
    const begin = performance.now();
    await Promise.all(builders.map(({ target }) => runExports(target)));
    const seconds = (performance.now() - begin) / 1000;
    const { rows } = await client.query(`select from batches where status <> 'complete' or attempts > 1`);
    if (rows.length > 0) throw new Error(`${rows.length} batches were not built exactly once`);
    await client.end();
    return {
      seconds,
      postgresMs: ((cpuSeconds([postgresPid]) - cpu.postgres) * 1000) / batches,
      exportMs: ((cpuSeconds(pids) - cpu.exports) * 1000) / batches,
    };
  }
}

const insertBatches = `
  insert into batches (export_id, window_start, window_end, bucket, filename_root, output_region, input_regions,
                       exclude_regions, include_travelers, only_non_travelers, max_records)
  select export_id, window_start - make_interval(mins => $2 + n), window_start - make_interval(mins => $2 + n - 1),
         bucket, filename_root, output_region, input_regions, exclude_regions, include_travelers, only_non_travelers,
         max_records
    from (select * from batches order by id limit 1) as first, generate_series(1, $1::integer) as n`;

const insertKeys = `
  insert into exposures (key, created_at, interval_start, interval_count, transmission_risk, report_type,
                         days_since_onset, traveler, regions)
  select uuid_send(gen_random_uuid()), window_start, 2900000 + 144 * (n % 14), 144, 2, 1, n % 14, false, '{AA}'
    from batches, generate_series(1, $1::integer) as n where status = 'open'`;

function report(title: string, { seconds, postgresMs, exportMs }: Run, ratio = ''): void {
  const cpu = `CPU a batch: PostgreSQL ${postgresMs.toFixed(0)} ms, export ${exportMs.toFixed(0)} ms`;
  console.log(`  ${title.padEnd(27)} ${seconds.toFixed(1)} s  ${cpu}${ratio}`);
}
