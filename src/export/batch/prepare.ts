/** Decides what the files of a batch hold and who signs them, before the first is written. */
import type { Batch, ExportFile, KeyRange, PlannedFile } from '../../domain/export/batch.ts';
import { AppError } from '../../domain/errors.ts';
import { fileName } from '../../domain/export/file-name.ts';
import { fileEnd, splitBatch, type FileShare, type RowRange } from '../../domain/export/split.ts';
import type { KeyList } from '../../domain/export-file/format.ts';
import { lockLeasedBatch, markPrepared, type LeaseHolder } from '../../storage/exports/batches.ts';
import type { Queryable } from '../../storage/database.ts';
import { filesOfBatches, insertPlannedFiles, takenNames } from '../../storage/exports/files.ts';
import { keysAt } from '../../storage/exports/key-stream.ts';
import { activeSigners } from '../../storage/exports/signing-keys.ts';
import type { ExportDeps } from '../settings.ts';
import { decidePadding } from './decide-padding.ts';
import { leaseLost } from './lease.ts';
import { systemRandom } from './random.ts';

type Deps = Pick<ExportDeps, 'database' | 'clock' | 'settings'>;

/** A batch whose files are decided; none when it has no keys. */
export interface PreparedBatch {
  readonly batch: Batch;
  readonly files: readonly ExportFile[];
}

/**
 * Decides padding, boundaries, names and signers, or reads what was decided before. Committed before it returns: whoever
 * goes on from here writes the same files.
 *
 * @throws AppError `conflict`/`lease_lost`; `precondition`/`no_active_signer` when there are keys and nobody to sign
 */
export async function prepareBatch(deps: Deps, leased: Batch, holder: LeaseHolder): Promise<PreparedBatch> {
  const { database, clock, settings } = deps;
  if (leased.paddingDecision === null) {
    await decidePadding(database, leased.windowEnd, { settings, random: systemRandom });
  }
  return await database.transaction(async (client) => {
    const batch = await lockLeasedBatch(client, holder);
    if (batch === null) throw leaseLost();
    const current = batch.isPrepared ? batch : await planFiles(client, batch, clock);
    return { batch: current, files: (await filesOfBatches(client, [batch.id])).get(batch.id) ?? [] };
  });
}

async function planFiles(client: Queryable, batch: Batch, clock: Deps['clock']): Promise<Batch> {
  if (batch.counts === null) throw new AppError('internal', 'internal_error', 'Internal Server Error');
  const shares = splitBatch({ ...batch.counts, maxRecords: batch.maxRecords });
  const named = { ...batch, revision: await freeRevision(client, batch, shares) };
  if (shares.length > 0) {
    const signers = await activeSigners(client, batch.exportId, clock);
    if (signers.length === 0) throw noActiveSigner(batch.exportName);
    const boundaries = await readBoundaries(client, batch, shares);
    const files = shares.map((share): PlannedFile => ({
      number: share.number,
      bucket: named.bucket,
      name: fileName({ ...named, number: share.number }),
      endTimestamp: fileEnd(named.windowEnd, share.number),
      keyRange: keyRange(boundaries.keys, share.keys, named.counts!.keys),
      revisedKeyRange: keyRange(boundaries.revisedKeys, share.revisedKeys, named.counts!.revisedKeys),
      counts: { keys: share.keys.to - share.keys.from, revisedKeys: share.revisedKeys.to - share.revisedKeys.from },
      signers,
    }));
    await insertPlannedFiles(client, named, files);
  }
  await markPrepared(client, batch.id, named.revision);
  return { ...named, isPrepared: true };
}

/** Windows of a few seconds, built again, can run into each other's names: the next free revision is taken. */
export async function freeRevision(
  client: Queryable,
  batch: Pick<Batch, 'bucket' | 'filenameRoot' | 'windowStart' | 'windowEnd' | 'revision'>,
  shares: readonly FileShare[],
): Promise<number> {
  for (let revision = batch.revision; ; revision++) {
    const names = shares.map(({ number }) => fileName({ ...batch, revision, number }));
    if ((await takenNames(client, batch.bucket, names)).size === 0) return revision;
  }
}

type Boundaries = Readonly<Record<KeyList, ReadonlyMap<number, Buffer>>>;

/** The last key of each share that is not the last one. */
async function readBoundaries(client: Queryable, batch: Batch, shares: readonly FileShare[]): Promise<Boundaries> {
  const read = async (list: KeyList): Promise<ReadonlyMap<number, Buffer>> => {
    const positions = shares.map((share) => share[list].to - 1).filter((position) => position >= 0);
    return shares.length === 1 ? new Map() : await keysAt(client, batch, { list, positions });
  };
  return { keys: await read('keys'), revisedKeys: await read('revisedKeys') };
}

function keyRange(boundaries: ReadonlyMap<number, Buffer>, { from, to }: RowRange, count: number): KeyRange | null {
  if (from === to) return null;
  return {
    after: from === 0 ? null : (boundaries.get(from - 1) ?? null),
    through: to === count ? null : (boundaries.get(to - 1) ?? null),
  };
}

function noActiveSigner(exportName: string): AppError {
  return new AppError(
    'precondition',
    'no_active_signer',
    `export ${exportName} has no active signing key, so nothing is published: add one to its signingKeys, or see \`enmesh doctor\``,
  );
}
