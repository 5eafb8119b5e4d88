/** Batches: planned once, leased by one worker at a time. */
import type { Batch } from '../../domain/export/batch.ts';
import type { ExportWindow } from '../../domain/export/windows.ts';
import type { Clock } from '../../platform/clock.ts';
import { BATCH_COLUMNS, BATCH_TABLES, toBatch, type BatchRow } from './batch-row.ts';
import type { Queryable } from '../database.ts';
import type { PlannableExport } from './exports.ts';

/** Who holds a batch. */
export interface LeaseHolder {
  readonly batchId: string;
  /** A UUID of the holder's own. */
  readonly owner: string;
}

/** Lease and back-off against the clock. */
export interface LeaseTerms {
  readonly clock: Clock;
  readonly leaseSeconds: number;
  /** Take it even though it failed a moment ago. */
  readonly ignoreBackOff: boolean;
}

/** Which batches are due. */
export interface DueFilter {
  readonly clock: Clock;
  /** Of this export only. */
  readonly exportName?: string;
  readonly ignoreBackOff: boolean;
}

/** Nobody holds it, it is not held back for want of keys, and it is not waiting after a failure; $2 is the clock, $1 whether to ignore the wait. */
const IS_FREE = `
  (b.status = 'open' or (b.status = 'pending' and b.lease_expires < coalesce($2::timestamptz, clock_timestamp())))
  and b.shifted_until is null
  and ($1::boolean or b.not_before is null or b.not_before <= coalesce($2::timestamptz, clock_timestamp()))`;

/** Plans windows of an export with the configuration that it has now; windows that are planned already are left alone. Returns how many are new. */
export async function insertBatches(
  client: Queryable,
  planned: PlannableExport,
  windows: readonly ExportWindow[],
): Promise<number> {
  const { rowCount } = await client.query(
    `insert into batches (export_id, window_start, window_end, bucket, filename_root, output_region, input_regions,
                          exclude_regions, include_travelers, only_non_travelers, max_records)
     select $1, w.window_start, w.window_end, $4, $5, $6, $7, $8, $9, $10, $11
       from unnest($2::timestamptz[], $3::timestamptz[]) as w (window_start, window_end)
      order by w.window_end
     on conflict (export_id, window_start, window_end) do nothing`,
    [
      planned.id,
      windows.map(({ start }) => start),
      windows.map(({ end }) => end),
      planned.bucket,
      planned.filenameRoot,
      planned.outputRegion,
      planned.inputRegions,
      planned.excludeRegions,
      planned.includeTravelers,
      planned.onlyNonTravelers,
      planned.maxRecords,
    ],
  );
  return rowCount ?? 0;
}

/** Ids of batches that a worker may take now, of exports that are not on hold: oldest first, of equal ends the shortest first. */
export async function dueBatches(database: Queryable, filter: DueFilter): Promise<readonly string[]> {
  const { rows } = await database.query<{ id: string }>(
    `select b.id from ${BATCH_TABLES}
      where b.status in ('open', 'pending') and ${IS_FREE} and e.held_at is null
        and ($3::text is null or e.name = $3)
      order by b.window_end, b.window_start desc, b.id`,
    [filter.ignoreBackOff, filter.clock.forDatabase(), filter.exportName ?? null],
  );
  return rows.map(({ id }) => id);
}

/** Ids of batches that a worker has in hand, oldest first. */
export async function unfinishedBatches(
  database: Queryable,
  { exportName }: Pick<DueFilter, 'exportName'>,
): Promise<readonly string[]> {
  const { rows } = await database.query<{ id: string }>(
    `select b.id from ${BATCH_TABLES}
      where b.status = 'pending' and ($1::text is null or e.name = $1)
      order by b.window_end, b.window_start desc, b.id`,
    [exportName ?? null],
  );
  return rows.map(({ id }) => id);
}

/** Whether a worker has a batch of the export in hand, or may take one now. */
export async function hasWaitingBatches(database: Queryable, exportId: number, clock: Clock): Promise<boolean> {
  const { rows } = await database.query(
    `select from ${BATCH_TABLES}
      where b.export_id = $3 and (b.status = 'pending' or ${IS_FREE}) and e.held_at is null limit 1`,
    [false, clock.forDatabase(), exportId],
  );
  return rows.length > 0;
}

/** Takes the batch if nobody else holds it: of any number of workers exactly one gets it, the others null. */
export async function leaseBatch(database: Queryable, holder: LeaseHolder, terms: LeaseTerms): Promise<Batch | null> {
  const { rows } = await database.query<BatchRow>(
    `update batches b
        set status = 'pending', attempts = b.attempts + 1, lease_owner = $4,
            lease_expires = coalesce($2::timestamptz, clock_timestamp()) + make_interval(secs => $5)
       from exports e
      where b.id = $3 and e.id = b.export_id and e.held_at is null and ${IS_FREE}
     returning ${BATCH_COLUMNS}`,
    [terms.ignoreBackOff, terms.clock.forDatabase(), holder.batchId, holder.owner, terms.leaseSeconds],
  );
  return rows[0] ? toBatch(rows[0]) : null;
}

/** Makes the lease last from now on again; false when it is no longer ours. */
export async function renewLease(
  database: Queryable,
  { batchId, owner }: LeaseHolder,
  { clock, leaseSeconds }: Pick<LeaseTerms, 'clock' | 'leaseSeconds'>,
): Promise<boolean> {
  const { rowCount } = await database.query(
    `update batches set lease_expires = coalesce($3::timestamptz, clock_timestamp()) + make_interval(secs => $4)
      where id = $1 and lease_owner = $2 and status = 'pending'`,
    [batchId, owner, clock.forDatabase(), leaseSeconds],
  );
  return rowCount === 1;
}

/** Why a batch goes back. */
export interface GiveBackReason {
  readonly clock: Clock;
  /** Safe for strangers; null when it is not the batch's fault, such as a stop of the process. */
  readonly error: string | null;
  readonly retryAfterSeconds: number;
}

/** Lets others take the batch, after a while. Nothing happens when it is no longer ours. */
export async function giveBackBatch(
  database: Queryable,
  { batchId, owner }: LeaseHolder,
  { clock, error, retryAfterSeconds }: GiveBackReason,
): Promise<void> {
  await database.query(
    `update batches
        set status = 'open', lease_owner = null, lease_expires = null, last_error = coalesce($3, last_error),
            attempts = attempts - case when $3 is null then 1 else 0 end,
            not_before = coalesce($4::timestamptz, clock_timestamp()) + make_interval(secs => $5)
      where id = $1 and lease_owner = $2 and status = 'pending'`,
    [batchId, owner, error, clock.forDatabase(), retryAfterSeconds],
  );
}

/** The batch if the lease is ours, its row locked until the transaction ends; null otherwise. */
export async function lockLeasedBatch(client: Queryable, { batchId, owner }: LeaseHolder): Promise<Batch | null> {
  const { rows } = await client.query<BatchRow>(
    `select ${BATCH_COLUMNS} from ${BATCH_TABLES}
      where b.id = $1 and b.lease_owner = $2 and b.status = 'pending' for update of b`,
    [batchId, owner],
  );
  return rows[0] ? toBatch(rows[0]) : null;
}

/** Fixes what the files hold. Needs the row's lock. */
export async function markPrepared(client: Queryable, batchId: string, revision: number): Promise<void> {
  await client.query('update batches set prepared_at = clock_timestamp(), revision = $2 where id = $1', [
    batchId,
    revision,
  ]);
}

/** Ends the work on a batch. Needs the row's lock. */
export async function markComplete(client: Queryable, batchId: string, clock: Clock): Promise<void> {
  await client.query(
    `update batches set status = 'complete', lease_owner = null, lease_expires = null, not_before = null,
            last_error = null, completed_at = coalesce($2::timestamptz, clock_timestamp())
      where id = $1`,
    [batchId, clock.forDatabase()],
  );
}

/**
 * Opens the batch again under its next revision, with nothing decided, where its export is now; false when a worker has it
 * in hand.
 */
export async function reopenBatch(client: Queryable, batchId: string, clock: Clock): Promise<boolean> {
  const { rowCount } = await client.query(
    `update batches b
        set status = 'open', revision = revision + 1, shifted_until = null, prepared_at = null, padding_decision = null,
            keys = null, revised_keys = null, attempts = 0, last_error = null, not_before = null, lease_owner = null,
            lease_expires = null, bucket = e.bucket, filename_root = e.filename_root
       from exports e
      where b.id = $1 and e.id = b.export_id
        and (b.status in ('open', 'complete')
             or b.status = 'pending' and b.lease_expires < coalesce($2::timestamptz, clock_timestamp()))`,
    [batchId, clock.forDatabase()],
  );
  return rowCount === 1;
}

/** Null when there is none. */
export async function readBatch(database: Queryable, batchId: string): Promise<Batch | null> {
  const { rows } = await database.query<BatchRow>(`select ${BATCH_COLUMNS} from ${BATCH_TABLES} where b.id = $1`, [
    batchId,
  ]);
  return rows[0] ? toBatch(rows[0]) : null;
}

/** Newest window first. */
export async function listBatches(
  database: Queryable,
  { exportName, limit }: { readonly exportName?: string; readonly limit: number },
): Promise<readonly Batch[]> {
  const { rows } = await database.query<BatchRow>(
    `select ${BATCH_COLUMNS} from ${BATCH_TABLES}
      where $1::text is null or e.name = $1
      order by b.window_end desc, b.window_start desc, b.id desc limit $2`,
    [exportName ?? null, limit],
  );
  return rows.map(toBatch);
}
