/** An export of a million keys (and of four) beside an ordered binary COPY of the same rows, with peak memory. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import pg from 'pg';
import { ExportServiceDefinition } from '../src/gen/enmesh/export/v1/export.ts';
import { createGrpcClient } from '../src/platform/grpc/client.ts';
import { peakMemoryMiB } from './support/cpu.ts';
import { openInstallation, type Installation } from './support/installation.ts';

const sizes = [1_000_000, 4_000_000];

/** Prints seconds, their ratio and peak memory for each size. */
export async function benchExport(): Promise<void> {
  for (const keys of sizes) {
    console.log(`export: ${keys.toLocaleString('en')} keys`);
    const installation = await openInstallation({
      ENMESH_EXPORT_MAX_RECORDS: '10000000',
      ENMESH_EXPORT_MIN_WINDOW_AGE: '0s',
      ENMESH_EXPORT_INTERVAL: '1d',
      ENMESH_DATABASE_STATEMENT_TIMEOUT: '10m',
    });
    try {
      await measure(installation, keys);
    } finally {
      await installation.stop();
    }
  }
}

async function measure(installation: Installation, keys: number): Promise<void> {
  const server = await installation.serve('server');
  await installation.apply();
  const window = await insertKeys(installation.databaseUrl, keys);
  const copies = [await timeCopy(installation.databaseUrl, window), await timeCopy(installation.databaseUrl, window)];
  const exporter = await installation.serve('export');
  const idleMiB = peakMemoryMiB(exporter.pid!);
  const seconds = await timeExport(installation.exportTarget, keys);
  const peakMiB = peakMemoryMiB(exporter.pid!);
  copies.push(await timeCopy(installation.databaseUrl, window));
  const copy = copies.toSorted((a, b) => a - b)[1]!;
  server.kill('SIGTERM');
  console.log(`  ordered binary COPY   ${copy.toFixed(2)} s`);
  console.log(`  export                ${seconds.toFixed(2)} s  = ${(seconds / copy).toFixed(2)}× the COPY`);
  console.log(`  peak memory           ${peakMiB.toFixed(0)} MiB (${idleMiB.toFixed(0)} MiB before the first batch)`);
}

/** Keys of the last closed window of four hours. */
async function insertKeys(url: string, keys: number): Promise<{ start: Date; end: Date }> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<{ start: Date; end: Date }>(
    `select window_start(now(), 14400) - interval '4 hours' as start, window_start(now(), 14400) as end`,
  );
  const window = rows[0]!;
  await client.query(
    `insert into exposures (key, created_at, interval_start, interval_count, transmission_risk, report_type,
       days_since_onset, traveler, regions)
     select uuid_send(gen_random_uuid()), $1::timestamptz + interval '1 hour' * (n % 4), 2900000 + 144 * (n % 14), 144, 2, 1,
            n % 14, false, '{AA}'
       from generate_series(1, $2) as n`,
    [window.start, keys],
  );
  await client.query('vacuum analyze exposures');
  await client.end();
  return window;
}

/** The baseline, in a process of its own that throws the bytes away. */
async function timeCopy(url: string, window: { start: Date; end: Date }): Promise<number> {
  const child = fork(new URL('bare-copy.ts', import.meta.url), [
    url,
    window.start.toISOString(),
    window.end.toISOString(),
  ]);
  const [{ seconds }] = (await once(child, 'message')) as [{ seconds: number }];
  await once(child, 'exit');
  return seconds;
}

async function timeExport(target: string, keys: number): Promise<number> {
  const { client, close } = createGrpcClient(ExportServiceDefinition, target, {});
  const start = performance.now();
  let exported = 0;
  for await (const { batch } of client.run({ name: '' })) {
    if (batch?.lastError) throw new Error(batch.lastError);
    for (const file of batch?.files ?? []) exported += file.keys;
  }
  const seconds = (performance.now() - start) / 1000;
  close();
  if (exported !== keys) throw new Error(`${exported} keys were exported instead of ${keys}`);
  return seconds;
}
