/** Published files: decided, uploaded, listed, and out of the index again. */
import type { Batch, ExportFile, FileStatus, KeyRange, PlannedFile, SignerChoice } from '../../domain/export/batch.ts';
import type { Clock } from '../../platform/clock.ts';
import type { LeaseHolder } from './batches.ts';
import type { Queryable } from '../database.ts';

/** A file that may be served. */
export interface ReadableFile {
  readonly bucket: string;
  readonly name: string;
  /** Bytes of the zip. */
  readonly size: number;
  /** SHA-256 of its `export.bin`. */
  readonly sha256: Buffer;
}

/** What was uploaded. */
export interface UploadedFile {
  readonly fileId: string;
  readonly size: number;
  readonly sha256: Buffer;
}

const FILE_COLUMNS = `f.id, f.batch_id, f.number, f.bucket, f.name, f.status, f.end_timestamp, f.after_key, f.through_key,
  f.after_revised_key, f.through_revised_key, f.has_keys, f.has_revised_keys, f.signers, f.keys, f.revised_keys, f.size`;

/** Writes down what the batch's files will be. */
export async function insertPlannedFiles(
  client: Queryable,
  batch: Batch,
  files: readonly PlannedFile[],
): Promise<void> {
  for (const file of files) {
    await client.query(
      `insert into files (batch_id, export_id, number, bucket, name, status, start_timestamp, end_timestamp, after_key,
                          through_key, after_revised_key, through_revised_key, has_keys, has_revised_keys, signers,
                          keys, revised_keys, revision)
       values ($1, $2, $3, $4, $5, 'planned', $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)`,
      [
        batch.id,
        batch.exportId,
        file.number,
        file.bucket,
        file.name,
        batch.windowStart,
        file.endTimestamp,
        file.keyRange?.after ?? null,
        file.keyRange?.through ?? null,
        file.revisedKeyRange?.after ?? null,
        file.revisedKeyRange?.through ?? null,
        file.keyRange !== null,
        file.revisedKeyRange !== null,
        JSON.stringify(file.signers),
        file.counts.keys,
        file.counts.revisedKeys,
        batch.revision,
      ],
    );
  }
}

/** Which of these names a file has already. */
export async function takenNames(
  client: Queryable,
  bucket: string,
  names: readonly string[],
): Promise<ReadonlySet<string>> {
  const { rows } = await client.query<{ name: string }>('select name from files where bucket = $1 and name = any($2)', [
    bucket,
    names,
  ]);
  return new Set(rows.map(({ name }) => name));
}

/** Files of the newest revision of each batch, by batch id, in order. */
export async function filesOfBatches(
  database: Queryable,
  batchIds: readonly string[],
): Promise<ReadonlyMap<string, readonly ExportFile[]>> {
  const { rows } = await database.query<FileRow>(
    `select ${FILE_COLUMNS} from files f join batches b on b.id = f.batch_id and b.revision = f.revision
      where f.batch_id = any($1) order by f.number`,
    [batchIds],
  );
  return new Map(batchIds.map((id) => [id, rows.filter((row) => row.batch_id === id).map(toExportFile)]));
}

interface FileRow {
  id: string;
  batch_id: string;
  number: number;
  bucket: string;
  name: string;
  status: FileStatus;
  end_timestamp: Date;
  after_key: Buffer | null;
  through_key: Buffer | null;
  after_revised_key: Buffer | null;
  through_revised_key: Buffer | null;
  has_keys: boolean;
  has_revised_keys: boolean;
  signers: SignerChoice[];
  keys: number;
  revised_keys: number;
  size: string | null;
}

function toExportFile(row: FileRow): ExportFile {
  return {
    id: row.id,
    number: row.number,
    bucket: row.bucket,
    name: row.name,
    status: row.status,
    endTimestamp: row.end_timestamp,
    keyRange: range(row.has_keys, row.after_key, row.through_key),
    revisedKeyRange: range(row.has_revised_keys, row.after_revised_key, row.through_revised_key),
    counts: { keys: row.keys, revisedKeys: row.revised_keys },
    signers: row.signers,
    size: row.size === null ? null : Number(row.size),
  };
}

function range(hasKeys: boolean, after: Buffer | null, through: Buffer | null): KeyRange | null {
  return hasKeys ? { after, through } : null;
}

/** Says that the file can be read from the blob store; false when the lease is no longer ours. */
export async function markUploaded(
  database: Queryable,
  { batchId, owner }: LeaseHolder,
  { fileId, size, sha256 }: UploadedFile,
): Promise<boolean> {
  const { rowCount } = await database.query(
    `update files f set status = 'uploaded', size = $4, sha256 = $5
       from batches b
      where f.id = $3 and b.id = f.batch_id and b.id = $1 and b.lease_owner = $2 and b.status = 'pending'`,
    [batchId, owner, fileId, size, sha256],
  );
  return rowCount === 1;
}

/** Lists the batch's newest files and takes older ones out, in one statement. Returns whether the index changes. */
export async function listUploadedFiles(client: Queryable, batch: Batch, clock: Clock): Promise<boolean> {
  const { rowCount } = await client.query(
    `update files
        set status = case when revision = $2 then 'listed' else 'unlisted' end,
            unlisted_at = case when revision = $2 then null else coalesce($3::timestamptz, clock_timestamp()) end
      where batch_id = $1 and (revision = $2 and status = 'uploaded' or revision < $2 and status = 'listed')`,
    [batch.id, batch.revision, clock.forDatabase()],
  );
  return (rowCount ?? 0) > 0;
}

/** Gives up files that were decided but never listed; they may be in the blob store, so clean-up takes them. */
export async function unlistUnfinishedFiles(client: Queryable, batchId: string, clock: Clock): Promise<void> {
  await client.query(
    `update files set status = 'unlisted', unlisted_at = coalesce($2::timestamptz, clock_timestamp())
      where batch_id = $1 and status in ('planned', 'uploaded')`,
    [batchId, clock.forDatabase()],
  );
}

/** Takes files out of their indexes whose window began before the retention (reference 3.5). Returns how many. */
export async function unlistExpiredFiles(
  database: Queryable,
  { clock, retentionSeconds }: { readonly clock: Clock; readonly retentionSeconds: number },
): Promise<number> {
  const { rows } = await database.query<{ count: number }>(
    `with unlisted as (
       update files set status = 'unlisted', unlisted_at = coalesce($1::timestamptz, clock_timestamp())
        where status = 'listed'
          and start_timestamp <= coalesce($1::timestamptz, clock_timestamp()) - make_interval(secs => $2)
       returning export_id),
     changed as (
       update exports set index_wanted = index_wanted + 1 where id in (select export_id from unlisted))
     select count(*)::integer as count from unlisted`,
    [clock.forDatabase(), retentionSeconds],
  );
  return rows[0]?.count ?? 0;
}

/** A file that is listed, or left the index less than the grace ago; null otherwise. */
export async function findReadableFile(
  database: Queryable,
  name: string,
  { clock, exportId }: { readonly clock: Clock; readonly exportId: number },
): Promise<ReadableFile | null> {
  const { rows } = await database.query<{ bucket: string; name: string; size: string; sha256: Buffer }>(
    `select f.bucket, f.name, f.size, f.sha256
       from files f join exports e on e.id = f.export_id
      where f.export_id = $1 and f.name = $2 and f.size is not null
        and (f.status = 'listed' or f.status = 'unlisted'
             and f.unlisted_at + make_interval(secs => e.grace_seconds) > coalesce($3::timestamptz, clock_timestamp()))`,
    [exportId, name, clock.forDatabase()],
  );
  const row = rows[0];
  return row ? { bucket: row.bucket, name: row.name, size: Number(row.size), sha256: row.sha256 } : null;
}
