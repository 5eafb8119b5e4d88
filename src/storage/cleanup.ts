/** Deletes rows that are past their time: in chunks along an index, each chunk a short transaction of its own. */
import type { Queryable } from './database.ts';
import { buryGone } from './tombstones.ts';

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
  return await deleteInChunks(
    database,
    limits,
    `with doomed as (
       select hash from tombstones
        where expires_at < $1 and expires_at >= $3
        order by expires_at limit $2 for update skip locked
     ), gone as (
       delete from tombstones t using doomed d where t.hash = d.hash returning t.expires_at
     )
     select count(*)::integer as deleted, max(expires_at) as reached from gone`,
  );
}

/** Deletes receipts that expired before the limit. */
export async function deleteReceipts(database: Queryable, limits: DeletionLimits): Promise<number> {
  return await deleteInChunks(
    database,
    limits,
    `with doomed as (
       select certificate_hash from receipts
        where expires_at < $1 and expires_at >= $3
        order by expires_at limit $2 for update skip locked
     ), gone as (
       delete from receipts r using doomed d where r.certificate_hash = d.certificate_hash returning r.expires_at
     )
     select count(*)::integer as deleted, max(expires_at) as reached from gone`,
  );
}

/** Deletes padding keys whose window began before the limit. */
export async function deletePaddingKeys(database: Queryable, limits: DeletionLimits): Promise<number> {
  return await deleteInChunks(
    database,
    limits,
    `with doomed as (
       select created_at, key, revised from padding_keys
        where created_at < $1 and created_at >= $3
        order by created_at, key limit $2 for update skip locked
     ), gone as (
       delete from padding_keys p using doomed d
        where p.created_at = d.created_at and p.key = d.key and p.revised = d.revised
       returning p.created_at
     )
     select count(*)::integer as deleted, max(created_at) as reached from gone`,
  );
}

/** Deletes imported keys that were refused before the limit. */
export async function deleteQuarantine(database: Queryable, limits: DeletionLimits): Promise<number> {
  return await deleteInChunks(
    database,
    limits,
    `with doomed as (
       select id from import_quarantine
        where refused_at < $1 and refused_at >= $3
        order by refused_at, id limit $2 for update skip locked
     ), gone as (
       delete from import_quarantine q using doomed d where q.id = d.id returning q.refused_at
     )
     select count(*)::integer as deleted, max(refused_at) as reached from gone`,
  );
}

/** Deletes keys of partners that were refused before the limit. */
export async function deletePartnerQuarantine(database: Queryable, limits: DeletionLimits): Promise<number> {
  return await deleteInChunks(
    database,
    limits,
    `with doomed as (
       select id from partner_quarantine
        where refused_at < $1 and refused_at >= $3
        order by refused_at, id limit $2 for update skip locked
     ), gone as (
       delete from partner_quarantine q using doomed d where q.id = d.id returning q.refused_at
     )
     select count(*)::integer as deleted, max(refused_at) as reached from gone`,
  );
}

/** Deletes what pushed batches were answered that came before the limit: nobody sends one again so late. */
export async function deletePushedBatches(database: Queryable, limits: DeletionLimits): Promise<number> {
  return await deleteInChunks(
    database,
    limits,
    `with doomed as (
       select partner_id, id from pushed_batches
        where received_at < $1 and received_at >= $3
        order by received_at limit $2 for update skip locked
     ), gone as (
       delete from pushed_batches b using doomed d where b.partner_id = d.partner_id and b.id = d.id returning b.received_at
     )
     select count(*)::integer as deleted, max(received_at) as reached from gone`,
  );
}

/** Deletes files of imports that left their index before the limit; those that are listed stay, or they would be imported again. */
export async function deleteImportFiles(database: Queryable, limits: DeletionLimits): Promise<number> {
  return await deleteInChunks(
    database,
    limits,
    `with doomed as (
       select id from import_files
        where unlisted_at < $1 and unlisted_at >= $3 and status <> 'pending'
        order by unlisted_at, id limit $2 for update skip locked
     ), gone as (
       delete from import_files f using doomed d where f.id = d.id returning f.unlisted_at
     )
     select count(*)::integer as deleted, max(unlisted_at) as reached from gone`,
  );
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
