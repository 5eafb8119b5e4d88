/** Deletes rows that are past their time: in chunks along an index, each chunk a short transaction of its own. */
import type { Queryable } from './database.ts';
import { buryGone } from './exposures/tombstones.ts';

/** Where to stop. */
export interface DeletionLimits {
  /** Rows from before this go. */
  readonly before: Date;
  /** Rows of one statement at most. */
  readonly chunkRows: number;
  /** Aborted = no further chunk. */
  readonly signal: AbortSignal;
}

/** Keys, and how old one may be that is accepted. */
export interface ExposureLimits extends DeletionLimits {
  readonly now: Date;
  readonly maxIntervalAgeSeconds: number;
}

/**
 * Deletes keys that were published, revised and withdrawn before the limit; those that could still be sent leave a tombstone.
 * Keys that a publish holds are left to the next run.
 */
export async function deleteExposures(database: Queryable, limits: ExposureLimits): Promise<number> {
  return await deleteInChunks(
    database,
    { ...limits, further: [limits.now, limits.maxIntervalAgeSeconds] },
    `with doomed as (
       select key from exposures
        where created_at < $1 and created_at >= $3 and (revised_at is null or revised_at < $1)
          and (withdrawn_at is null or withdrawn_at < $1)
        order by created_at, key limit $2 for update skip locked
     ), deleted as (
       delete from exposures e using doomed d where e.key = d.key
       returning e.key, e.created_at, e.interval_start, e.interval_count
     ), gone as (
       select * from deleted where tombstone_expiry(interval_start, interval_count, $5) > $4
     ), buried as (
       ${buryGone('$5')}
     )
     select count(*)::integer as deleted, max(created_at) as reached from deleted`,
  );
}

/** Deletes tombstones of keys that were too old to be accepted before the limit. */
export async function deleteTombstones(database: Queryable, limits: DeletionLimits): Promise<number> {
  return await deleteInChunks(database, limits, olderRows({ table: 'tombstones', keys: ['hash'], time: 'expires_at' }));
}

/** Deletes receipts that expired before the limit. */
export async function deleteReceipts(database: Queryable, limits: DeletionLimits): Promise<number> {
  return await deleteInChunks(
    database,
    limits,
    olderRows({ table: 'receipts', keys: ['certificate_hash'], time: 'expires_at' }),
  );
}

/** Deletes padding keys whose window began before the limit. */
export async function deletePaddingKeys(database: Queryable, limits: DeletionLimits): Promise<number> {
  return await deleteInChunks(
    database,
    limits,
    olderRows({ table: 'padding_keys', keys: ['created_at', 'key', 'revised'], time: 'created_at' }),
  );
}

/** Deletes imported keys that were refused before the limit. */
export async function deleteQuarantine(database: Queryable, limits: DeletionLimits): Promise<number> {
  return await deleteInChunks(
    database,
    limits,
    olderRows({ table: 'import_quarantine', keys: ['id'], time: 'refused_at' }),
  );
}

/** Deletes keys of partners that were refused before the limit. */
export async function deletePartnerQuarantine(database: Queryable, limits: DeletionLimits): Promise<number> {
  return await deleteInChunks(
    database,
    limits,
    olderRows({ table: 'partner_quarantine', keys: ['id'], time: 'refused_at' }),
  );
}

/** Deletes what pushed batches were answered that came before the limit: nobody sends one again so late. */
export async function deletePushedBatches(database: Queryable, limits: DeletionLimits): Promise<number> {
  return await deleteInChunks(
    database,
    limits,
    olderRows({ table: 'pushed_batches', keys: ['partner_id', 'id'], time: 'received_at' }),
  );
}

/** Deletes files of imports that left their index before the limit; those that are listed stay, or they would be imported again. */
export async function deleteImportFiles(database: Queryable, limits: DeletionLimits): Promise<number> {
  return await deleteInChunks(
    database,
    limits,
    olderRows({ table: 'import_files', keys: ['id'], time: 'unlisted_at', also: `status <> 'pending'` }),
  );
}

/** Rows that are deleted for their age alone. */
interface AgeingRows {
  readonly table: string;
  /** The primary key's columns. */
  readonly keys: readonly string[];
  /** Indexed. */
  readonly time: string;
  /** A condition besides. */
  readonly also?: string;
}

/** The statement for {@link deleteInChunks}, along the index of the time. */
function olderRows({ table, keys, time, also = 'true' }: AgeingRows): string {
  return `
    with doomed as (
      select ${keys.join(', ')} from ${table}
       where ${time} < $1 and ${time} >= $3 and ${also}
       order by ${[...new Set([time, ...keys])].join(', ')} limit $2 for update skip locked
    ), gone as (
      delete from ${table} t using doomed d where ${keys.map((key) => `t.${key} = d.${key}`).join(' and ')}
      returning t.${time}
    )
    select count(*)::integer as deleted, max(${time}) as reached from gone`;
}

/**
 * @param statement takes the limit, the chunk's size, where the last chunk ended and then what is further given; returns
 *   `deleted` and `reached`
 */
async function deleteInChunks(
  database: Queryable,
  limits: DeletionLimits & { readonly further?: readonly unknown[] },
  statement: string,
): Promise<number> {
  let deleted = 0;
  let reached: Date | string = '-infinity';
  while (!limits.signal.aborted) {
    const values: unknown[] = [limits.before, limits.chunkRows, reached, ...(limits.further ?? [])];
    const { rows } = await database.query<{ deleted: number; reached: Date | null }>(statement, values);
    const [chunk] = rows;
    deleted += chunk?.deleted ?? 0;
    if (chunk === undefined || chunk.reached === null || chunk.deleted < limits.chunkRows) break;
    reached = chunk.reached;
  }
  return deleted;
}
