/** Stores the keys of a verified file, a part at a time; each part is judged, written, counted and fenced in one transaction. */
import { AppError } from '../../domain/errors.ts';
import { decodeKeys, type DecodedKey } from '../../domain/export-file/decode.ts';
import type { KeyList } from '../../domain/export-file/format.ts';
import { countStored, type FileHolder, type StoredCounts } from '../../storage/imports/import-files.ts';
import { quarantineKeys } from '../../storage/imports/import-quarantine.ts';
import { importMetrics } from './metrics.ts';
import type { ImportDeps } from './settings.ts';
import { takeIn, type Origin } from './take-in.ts';

/** Keys of one transaction: short enough that a window's end waits for none. */
const chunkKeys = 2_000;

/** Where a file's keys come from, and who stores them. */
export interface Delivery extends Origin {
  readonly holder: FileHolder;
}

/**
 * Stores all of it: first keys, then revisions. Stopped anywhere and begun again it comes to the same.
 * @throws AppError conflict `lease_lost` when somebody else has the file; of the database
 */
export async function storeKeys(
  deps: ImportDeps,
  delivery: Delivery,
  bin: Buffer,
  signal: AbortSignal,
): Promise<StoredCounts> {
  let counts: StoredCounts = { inserted: 0, revised: 0 };
  for (const list of ['keys', 'revisedKeys'] as const) {
    for (const sent of chunksOf(decodeKeys(bin, list))) {
      signal.throwIfAborted();
      counts = sum(counts, await storeChunk(deps, delivery, { list, sent }));
    }
  }
  return counts;
}

async function storeChunk(
  deps: ImportDeps,
  { source, holder, now }: Delivery,
  { list, sent }: { list: KeyList; sent: readonly DecodedKey[] },
): Promise<StoredCounts> {
  const { database, clock, settings } = deps;
  const outcome = await database.transaction(async (client) => {
    const candidates = sent.map((key) => ({ sent: key }));
    const taken = await takeIn(client, deps, { source, now, list, candidates });
    const refused = taken.refused.map(([candidate, refusal]) => ({ ...candidate, list, refusal }));
    await quarantineKeys(client, { importId: source.id, fileId: holder.fileId, clock }, refused);
    const terms = { ...taken.counts, clock, leaseSeconds: settings.leaseSeconds };
    if (await countStored(client, holder, terms)) return taken;
    throw leaseLost();
  });
  const { counts, withdrawn, refused } = outcome;
  importMetrics(deps).keys(
    { ...counts, withdrawn: withdrawn.length },
    refused.map(([, refusal]) => refusal),
  );
  return counts;
}

/** Somebody else has the file: nothing of ours counts any more. */
export function leaseLost(): AppError {
  return new AppError('conflict', 'lease_lost', 'another worker has taken the file over');
}

function* chunksOf(keys: Iterable<DecodedKey>): Generator<DecodedKey[]> {
  let chunk: DecodedKey[] = [];
  for (const key of keys) {
    chunk.push(key);
    if (chunk.length < chunkKeys) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}

function sum(a: StoredCounts, b: StoredCounts): StoredCounts {
  return { inserted: a.inserted + b.inserted, revised: a.revised + b.revised };
}
