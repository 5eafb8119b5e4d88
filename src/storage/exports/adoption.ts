/** Takes published files in that the database does not know. */
import type { DecodedKey, DecodedSignatureInfo } from '../../domain/export-file/decode.ts';
import type { KeyRange } from '../../domain/export/batch.ts';
import { AppError } from '../../domain/errors.ts';
import type { ExportWindow } from '../../domain/export/windows.ts';
import type { Clock } from '../../platform/clock.ts';
import { importKeys, importRevisions, type KeysOfFile } from './adopted-keys.ts';
import { insertBatches } from './batches.ts';
import type { Database, Queryable } from '../database.ts';
import { lockPlanning, type PlannableExport } from './exports.ts';
import { wantIndex } from './index-state.ts';

/** A published file that is to be adopted. */
export interface AdoptableFile extends KeysOfFile {
  readonly name: string;
  /** Position among the files of its batch, from 1. */
  readonly number: number;
  /** How often its batch had been built again. */
  readonly revision: number;
  /** Phones find it in the index. */
  readonly isListed: boolean;
  /** Its window began before the retention. */
  readonly isExpired: boolean;
  readonly windowEnd: Date;
  readonly endTimestamp: Date;
  readonly signatureInfos: readonly DecodedSignatureInfo[];
  /** Of `export.bin`. */
  readonly sha256: Buffer;
  /** Bytes of the zip. */
  readonly size: number;
}

/** Which of these names no file has. */
export async function unknownNames(
  database: Queryable,
  bucket: string,
  names: readonly string[],
): Promise<readonly string[]> {
  const { rows } = await database.query<{ name: string }>(
    `select n.name from unnest($2::text[]) as n (name)
      where not exists (select from files f where f.bucket = $1 and f.name = n.name) order by n.name collate "C"`,
    [bucket, names],
  );
  return rows.map(({ name }) => name);
}

/**
 * In one transaction: the file gets its row, its batch is complete when the file is listed, and keys that are not here are
 * stored in its window.
 * @param owner a worker whose batch may be taken; null = nobody's
 * @throws AppError `conflict`/`batch_in_progress` while another worker has the batch in hand; those of the database
 */
export async function adoptFile(database: Database, series: PlannableExport, adoption: Adoption): Promise<void> {
  const { file } = adoption;
  await database.transaction(async (client) => {
    await lockPlanning(client);
    if ((await unknownNames(client, series.bucket, [file.name])).length === 0) return;
    const batchId = await takeBatch(client, series, adoption);
    await insertBatches(client, series, await unplanned(client, series.id, adoption.missed));
    await insertFile(client, series, { ...adoption, batchId });
    if (file.isExpired) return;
    await importKeys(client, series, adoption);
    await importRevisions(client, file);
    if (file.isListed) await wantIndex(client, series.id);
  });
}

interface Adoption {
  readonly file: AdoptableFile;
  /** Windows before the file's; those that no batch has a part of are planned, or they never would be. */
  readonly missed: readonly ExportWindow[];
  readonly clock: Clock;
  readonly owner: string | null;
}

async function unplanned(
  client: Queryable,
  exportId: number,
  windows: readonly ExportWindow[],
): Promise<readonly ExportWindow[]> {
  const { rows } = await client.query<{ start: Date; end: Date }>(
    `select w.window_start as start, w.window_end as end
       from unnest($2::timestamptz[], $3::timestamptz[]) as w (window_start, window_end)
      where not exists (select from batches b
                         where b.export_id = $1 and b.window_start < w.window_end and b.window_end > w.window_start)`,
    [exportId, windows.map(({ start }) => start), windows.map(({ end }) => end)],
  );
  return rows;
}

/** The batch of the file's window, made when there is none. */
async function takeBatch(client: Queryable, series: PlannableExport, adoption: Adoption): Promise<string> {
  const { file, clock, owner } = adoption;
  const { windowStart, windowEnd } = file;
  const now = clock.forDatabase();
  // Windows that were planned otherwise before the restore are in this file already.
  if (isComplete(file)) {
    await client.query(
      `delete from batches
        where export_id = $1 and status = 'open' and prepared_at is null and window_start >= $2 and window_end <= $3
          and (window_start, window_end) <> ($2, $3)`,
      [series.id, windowStart, windowEnd],
    );
  }
  const { rows } = await client.query<{ id: string; is_busy: boolean }>(
    `select id, status = 'pending' and lease_expires >= coalesce($4::timestamptz, clock_timestamp())
              and lease_owner is distinct from $5 as is_busy
       from batches where export_id = $1 and window_start = $2 and window_end = $3 for update`,
    [series.id, windowStart, windowEnd, now, owner],
  );
  const [found] = rows;
  if (found?.is_busy === true) throw batchInProgress();
  const batchId = found?.id ?? (await insertBatch(client, series, file));
  if (isComplete(file)) await completeBatch(client, batchId, adoption);
  return batchId;
}

/** Phones have it, and its keys may still be here. */
function isComplete({ isListed, isExpired }: AdoptableFile): boolean {
  return isListed && !isExpired;
}

async function insertBatch(client: Queryable, series: PlannableExport, file: AdoptableFile): Promise<string> {
  const { rows } = await client.query<{ id: string }>(
    `insert into batches (export_id, window_start, window_end, status, bucket, filename_root, output_region,
                          input_regions, exclude_regions, include_travelers, only_non_travelers, max_records)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) returning id`,
    [
      series.id,
      file.windowStart,
      file.windowEnd,
      file.isExpired ? 'deleted' : 'open',
      series.bucket,
      series.filenameRoot,
      series.outputRegion,
      series.inputRegions,
      series.excludeRegions,
      series.includeTravelers,
      series.onlyNonTravelers,
      series.maxRecords,
    ],
  );
  return rows[0]!.id;
}

/** Its content is decided by what is published; a file of a newer revision takes the place of older ones. */
async function completeBatch(client: Queryable, batchId: string, { file, clock }: Adoption): Promise<void> {
  const now = clock.forDatabase();
  await client.query(
    `update files set status = 'unlisted', unlisted_at = coalesce($3::timestamptz, clock_timestamp())
      where batch_id = $1 and revision < $2 and status in ('planned', 'uploaded', 'listed')`,
    [batchId, file.revision, now],
  );
  await client.query(
    `update batches
        set keys = $3 + case when status = 'complete' and revision = $2 then coalesce(keys, 0) else 0 end,
            revised_keys = $4 + case when status = 'complete' and revision = $2 then coalesce(revised_keys, 0) else 0 end,
            status = 'complete', revision = greatest(revision, $2), shifted_until = null, lease_owner = null,
            lease_expires = null, not_before = null, last_error = null,
            prepared_at = coalesce(prepared_at, clock_timestamp()),
            completed_at = coalesce(completed_at, $5::timestamptz, clock_timestamp()),
            padding_decision = coalesce(padding_decision, nextval('padding_decisions'))
      where id = $1 and revision <= $2`,
    [batchId, file.revision, file.keys.length, file.revisedKeys.length, now],
  );
}

/** Not listed is what no phone has seen, or what an expired or a newer file has replaced: it goes after the grace. */
async function insertFile(
  client: Queryable,
  series: PlannableExport,
  { file, batchId, clock }: Pick<Adoption, 'file' | 'clock'> & { readonly batchId: string },
): Promise<void> {
  const keys = rangeOf(file.keys);
  const revisedKeys = rangeOf(file.revisedKeys);
  await client.query(
    `insert into files (batch_id, export_id, number, bucket, name, status, start_timestamp, end_timestamp, after_key,
                        through_key, after_revised_key, through_revised_key, has_keys, has_revised_keys, signers,
                        keys, revised_keys, revision, size, sha256, unlisted_at)
     select b.id, $2, $3, $4, $5, s.status, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
            case when s.status = 'unlisted' then coalesce($21::timestamptz, clock_timestamp()) end
       from batches b,
            lateral (select case when $6 and b.revision = $18 then 'listed' else 'unlisted' end as status) as s
      where b.id = $1`,
    [
      batchId,
      series.id,
      file.number,
      series.bucket,
      file.name,
      isComplete(file),
      file.windowStart,
      file.endTimestamp,
      keys?.after ?? null,
      keys?.through ?? null,
      revisedKeys?.after ?? null,
      revisedKeys?.through ?? null,
      keys !== null,
      revisedKeys !== null,
      JSON.stringify(file.signatureInfos.map(({ keyId, keyVersion }) => ({ keyId, keyVersion }))),
      file.keys.length,
      file.revisedKeys.length,
      file.revision,
      file.size,
      file.sha256,
      clock.forDatabase(),
    ],
  );
}

/** From its first to its last key. */
function rangeOf(keys: readonly DecodedKey[]): KeyRange | null {
  const first = keys[0]?.key;
  const last = keys.at(-1)?.key;
  return first === undefined || last === undefined ? null : { after: before(first), through: last };
}

/** The key that comes directly before; null before the first. */
function before(key: Buffer): Buffer | null {
  const number = BigInt(`0x${key.toString('hex')}`);
  return number === 0n ? null : Buffer.from((number - 1n).toString(16).padStart(key.length * 2, '0'), 'hex');
}

function batchInProgress(): AppError {
  return new AppError('conflict', 'batch_in_progress', 'a worker is building this batch; try again when it is done');
}
