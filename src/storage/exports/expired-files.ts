/** Files at the end of their life: out of the index, out of the blob store, out of the database. */
import type { BlobName } from '../blob/blob-store.ts';
import type { Database, Queryable } from '../database.ts';

/** A file that nobody can find any more. */
export interface ExpiredFile extends BlobName {
  readonly id: string;
}

/**
 * Gives up batches whose window ended before the limit and that were never completed: their keys are deleted, so they
 * cannot be built any more. What they may have uploaded is deleted like other files.
 */
export async function abandonBatches(database: Database, before: Date, now: Date): Promise<void> {
  await database.transaction(async (client) => {
    const { rows } = await client.query<{ id: string }>(
      `update batches set status = 'deleted', lease_owner = null, lease_expires = null
        where status in ('open', 'pending') and window_end < $1 and (lease_expires is null or lease_expires < $2)
        returning id`,
      [before, now],
    );
    await client.query(
      `update files set status = 'unlisted', unlisted_at = $2
        where status in ('planned', 'uploaded') and batch_id = any($1::bigint[])`,
      [rows.map(({ id }) => id), now],
    );
  });
}

/**
 * Starts the grace of files again that left an index of which the blob store still has an older text: until the new one
 * is written, phones find them there.
 */
export async function restartGrace(database: Queryable, now: Date): Promise<void> {
  await database.query(
    `update files f set unlisted_at = $1
       from exports e
      where e.id = f.export_id and f.status = 'unlisted' and e.index_written < e.index_wanted`,
    [now],
  );
}

/**
 * Files whose grace is over: they left the index longer ago than their export's grace, and the index in the blob store
 * is the newest that is wanted.
 * @param afterId continue behind this one
 */
export async function findExpiredFiles(
  database: Queryable,
  options: { readonly now: Date; readonly afterId: string; readonly limit: number },
): Promise<ExpiredFile[]> {
  const { rows } = await database.query<{ id: string; bucket: string; name: string }>(
    `select f.id, f.bucket, f.name from files f join exports e on e.id = f.export_id
      where f.status = 'unlisted' and f.id > $2
        and f.unlisted_at < $1::timestamptz - make_interval(secs => e.grace_seconds)
        and e.index_written >= e.index_wanted
      order by f.id limit $3`,
    [options.now, options.afterId, options.limit],
  );
  return rows;
}

/** Notes that the blob is gone. */
export async function markFilesDeleted(database: Queryable, ids: readonly string[]): Promise<void> {
  await database.query(`update files set status = 'deleted' where id = any($1::bigint[])`, [ids]);
}

/**
 * Deletes batches that ended longer ago than the limit and their export's grace and have no file left. Each export keeps
 * its newest batch: planning goes on from it.
 * @returns how many
 */
export async function deleteBatches(database: Queryable, before: Date): Promise<number> {
  const { rowCount } = await database.query(
    `delete from batches b using exports e
      where e.id = b.export_id and b.status in ('complete', 'deleted')
        and b.window_end < $1::timestamptz - make_interval(secs => e.grace_seconds)
        and not exists (select from files f where f.batch_id = b.id and f.status <> 'deleted')
        and exists (select from batches newer where newer.export_id = b.export_id and newer.window_end > b.window_end)`,
    [before],
  );
  return rowCount ?? 0;
}
