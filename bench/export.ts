/** An export of a million keys (and of four) beside an ordered binary COPY of the same rows, with peak memory. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { ExportServiceDefinition, type ExportServiceClient } from '../src/gen/enmesh/export/v1/export.ts';
import { createGrpcClient } from '../src/platform/grpc/client.ts';
import { benchSmallBatches } from './small-batches.ts';
import { peakMemoryMiB } from './support/cpu.ts';
import { endProcess, openInstallation, type Installation } from './support/installation.ts';
import { storeKeys } from './support/stored-keys.ts';

const sizes = [1_000_000, 4_000_000];
/** A COPY and an export each; the medians count. */
const rounds = 3;
/** Longer than any export takes. */
const limits = { timeoutMs: 10 * 60_000 };

interface PlannedBatch {
  readonly id: bigint;
  readonly start: Date;
  readonly end: Date;
}

/** Prints seconds, their ratio and peak memory for each size; then the figures of small batches. */
export async function benchExport(): Promise<void> {
  for (const keys of sizes) {
    console.log(`export: ${keys.toLocaleString('en')} keys, ${rounds} rounds of COPY and export in turn, medians`);
    const installation = await openInstallation({
      ENMESH_EXPORT_MAX_RECORDS: '10000000',
      ENMESH_EXPORT_MIN_WINDOW_AGE: '0s',
      ENMESH_UNSAFE_SHORT_WINDOWS: 'true',
      ENMESH_EXPORT_INTERVAL: '1d',
      ENMESH_DATABASE_STATEMENT_TIMEOUT: '10m',
    });
    try {
      await measure(installation, keys);
    } finally {
      await installation.stop();
    }
  }
  await benchSmallBatches();
}

async function measure(installation: Installation, keys: number): Promise<void> {
  const batch = await planBatch(installation);
  await storeKeys(installation.databaseUrl, { count: keys, from: batch.start });
  const exporter = await installation.serve('export');
  const idleMiB = peakMemoryMiB(exporter.pid!);
  const { client, close } = createGrpcClient(ExportServiceDefinition, installation.exportTarget, {}, limits);
  const copies: number[] = [];
  const exports: number[] = [];
  for (let round = 0; round < rounds; round++) {
    copies.push(await timeCopy(installation.databaseUrl, batch));
    exports.push(await timeExport(client, batch, keys));
  }
  close();
  const [copy, whole] = [median(copies), median(exports)];
  const peakMiB = peakMemoryMiB(exporter.pid!);
  console.log(`  ordered binary COPY   ${copy.toFixed(2)} s  (${inSeconds(copies)})`);
  console.log(
    `  export                ${whole.toFixed(2)} s  (${inSeconds(exports)})  = ${(whole / copy).toFixed(2)}× the COPY`,
  );
  console.log(
    `  peak memory           ${peakMiB.toFixed(0)} MiB, ${idleMiB.toFixed(0)} of them before the first batch`,
  );
}

/** Lets the roles plan the last closed window while it has no keys: the empty batch is what is built again and again. */
async function planBatch(installation: Installation): Promise<PlannedBatch> {
  const roles = await installation.serve('server', 'export');
  await installation.apply();
  const { client, close } = createGrpcClient(ExportServiceDefinition, installation.exportTarget, {}, limits);
  await Array.fromAsync(client.run({ name: '' }));
  const { batches } = await client.listBatches({ name: '', limit: 1 });
  close();
  await endProcess(roles);
  const [batch] = batches;
  if (!batch?.start || !batch.end) throw new Error('no batch was planned');
  return { id: batch.id, start: batch.start, end: batch.end };
}

/** The baseline, in a process of its own that throws the bytes away. */
async function timeCopy(url: string, { start, end }: PlannedBatch): Promise<number> {
  const child = fork(new URL('bare-copy.ts', import.meta.url), [url, start.toISOString(), end.toISOString()]);
  const [{ seconds }] = (await once(child, 'message')) as [{ seconds: number }];
  await once(child, 'exit');
  return seconds;
}

/** From the order to the listed file: count, padding, COPY, encode, hash, deflate, sign, upload, index. */
async function timeExport(client: ExportServiceClient, { id }: PlannedBatch, keys: number): Promise<number> {
  const begin = performance.now();
  const { batch } = await client.reprocess({ batchId: id });
  const seconds = (performance.now() - begin) / 1000;
  const exported = batch?.files.reduce((sum, file) => sum + file.keys, 0);
  if (batch?.lastError || exported !== keys) throw new Error(`${exported} keys were exported: ${batch?.lastError}`);
  return seconds;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

function inSeconds(values: readonly number[]): string {
  return values.map((value) => value.toFixed(2)).join(', ');
}
