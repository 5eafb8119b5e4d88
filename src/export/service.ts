/** ExportService: published files for the gateway, batches and signing keys for operators. */
import type { Batch } from '../domain/export/batch.ts';
import { AppError } from '../domain/errors.ts';
import { callerName } from '../platform/grpc/caller-name.ts';
import type * as proto from '../gen/enmesh/export/v1/export.ts';
import { BatchStatus } from '../gen/enmesh/export/v1/export.ts';
import { exportNames } from '../storage/exports/exports.ts';
import { filesOfBatches } from '../storage/exports/files.ts';
import { listBatches } from '../storage/exports/batches.ts';
import { adoptPublishedFiles } from './adopt/adopt.ts';
import { reprocessBatch } from './batch/reprocess.ts';
import { runExports } from './batch/run.ts';
import { explainKey } from './explain-key.ts';
import { ensureSigningKeys } from './keys/ensure.ts';
import { readSigningKey, rotateSigningKey } from './keys/rotate.ts';
import { planAhead } from './plan-ahead.ts';
import { findFile, inChunks, openFile, readIndex, readPublicKeys } from './published.ts';
import type { ExportDeps } from './settings.ts';
import { explanationToWire, plannedWindowToWire } from './outlook-wire.ts';
import { batchToWire, publicKeyToWire, signingKeyToWire } from './wire.ts';
import { writeOutdatedIndexes } from './index/write-index.ts';

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1000;
const DEFAULT_AHEAD = 3;
const MAX_AHEAD = 100;

/**
 * Implements the contract; who may call what is decided before a call arrives here.
 * @param stopping aborts work on batches, which are given back; never, when not given
 */
export function createExportService(
  deps: ExportDeps,
  stopping: AbortSignal = new AbortController().signal,
): proto.ExportServiceImplementation {
  return {
    getIndex: async ({ filenameRoot }) => await readIndex(deps, filenameRoot),
    getFile: (request) => streamFile(deps, request),
    getPublicKeys: async ({ filenameRoot }) => ({
      keys: (await readPublicKeys(deps, filenameRoot)).map(publicKeyToWire),
    }),
    run: (request, { signal }) => run(deps, request, AbortSignal.any([signal, stopping])),
    listBatches: async ({ name, limit }) => {
      await requireExport(deps, name);
      const batches = await listBatches(deps.database, {
        ...nameFilter(name),
        limit: Math.min(limit || DEFAULT_LIMIT, MAX_LIMIT),
      });
      return { batches: await withFiles(deps, batches) };
    },
    reprocess: async ({ batchId }, context) => {
      const batch = await reprocessBatch(deps, batchId.toString(), {
        signal: AbortSignal.any([context.signal, stopping]),
        actor: callerName(context),
      });
      return { batch: (await withFiles(deps, [batch]))[0] };
    },
    rotateSigningKey: async ({ name, overlapSeconds }, context) => {
      const options = { overlapSeconds, actor: callerName(context) };
      return { key: signingKeyToWire(name, await rotateSigningKey(deps, name, options)) };
    },
    getSigningKey: async ({ name }) => ({ key: signingKeyToWire(name, await readSigningKey(deps.database, name)) }),
    plan: async ({ name, ahead }) => {
      await requireExport(deps, name);
      const options = { ...nameFilter(name), ahead: Math.min(ahead || DEFAULT_AHEAD, MAX_AHEAD) };
      return { windows: (await planAhead(deps, options)).map(plannedWindowToWire) };
    },
    explainKey: async ({ key, name }) => {
      await requireExport(deps, name);
      return explanationToWire(await explainKey(deps, { ...nameFilter(name), key: Buffer.from(key) }));
    },
  };
}

async function* streamFile(deps: ExportDeps, request: proto.GetFileRequest): AsyncGenerator<proto.GetFileResponse> {
  const file = await findFile(deps, request.filenameRoot, request.file);
  const range = { offset: Number(request.offset), length: Number(request.length) };
  const body = await openFile(deps, file, range);
  try {
    yield { part: { $case: 'header', value: { size: BigInt(file.size), etag: file.etag } } };
    for await (const chunk of inChunks(body)) yield { part: { $case: 'chunk', value: chunk } };
  } finally {
    body.destroy();
  }
}

async function* run(
  deps: ExportDeps,
  { name }: proto.RunRequest,
  signal: AbortSignal,
): AsyncGenerator<proto.RunResponse> {
  await requireExport(deps, name);
  await ensureSigningKeys(deps, { createMissing: deps.settings.createKeys });
  await adoptPublishedFiles(deps);
  let keys = 0n;
  for await (const { batch, done, total } of runExports(deps, { ...nameFilter(name), signal })) {
    const [told] = batch === null ? [] : await withFiles(deps, [batch]);
    keys += told === undefined ? 0n : keysIn(told);
    yield { batch: told, progress: { done, total, keys } };
  }
  await writeOutdatedIndexes(deps);
}

/** Counts what is in files: none while a batch has not ended well. */
function keysIn({ status, files }: proto.Batch): bigint {
  if (status !== BatchStatus.COMPLETE) return 0n;
  return files.reduce((sum, file) => sum + BigInt(file.keys + file.revisedKeys), 0n);
}

async function requireExport({ database }: ExportDeps, name: string): Promise<void> {
  if (name === '') return;
  const names = await exportNames(database);
  if (names.includes(name)) return;
  const there = names.length === 0 ? 'none is configured; `enmesh apply` adds some' : `there are ${names.join(', ')}`;
  throw new AppError('not_found', 'export_not_found', 'no export has this name', { details: [there] });
}

function nameFilter(name: string): { exportName?: string } {
  return name === '' ? {} : { exportName: name };
}

async function withFiles({ database }: ExportDeps, batches: readonly Batch[]): Promise<proto.Batch[]> {
  const files = await filesOfBatches(
    database,
    batches.map(({ id }) => id),
  );
  return batches.map((batch) => batchToWire(batch, files.get(batch.id) ?? []));
}
