/** Files of imports under a lease: of any number of workers exactly one has a file in hand. */
import type { Clock } from '../../platform/clock.ts';
import type { Queryable } from '../database.ts';

/** A file in hand. */
export interface LeasedFile {
  readonly id: string;
  readonly importId: number;
  /** Its line in the index. */
  readonly name: string;
  /** With this try. */
  readonly attempts: number;
}

/** Who holds a file. */
export interface FileHolder {
  readonly fileId: string;
  /** A UUID of the holder's own. */
  readonly owner: string;
}

/** Lease and back-off against the clock. */
export interface FileLeaseTerms {
  readonly clock: Clock;
  readonly leaseSeconds: number;
  /** Take it even though it failed a moment ago. */
  readonly ignoreBackOff: boolean;
}

/** Nobody holds it and it is not waiting after a failure; $1 is the clock, $2 whether to ignore the wait. */
const IS_FREE = `
  (f.status = 'open' and ($2::boolean or f.not_before is null or f.not_before <= coalesce($1::timestamptz, clock_timestamp()))
   or f.status = 'pending' and f.lease_expires < coalesce($1::timestamptz, clock_timestamp()))`;

/** Ids of files that a worker may take now: least tried first, of these in the index's order; with `withHeld`, those in other hands too. */
export async function dueFiles(
  database: Queryable,
  importId: number,
  { clock, ignoreBackOff, withHeld }: Omit<FileLeaseTerms, 'leaseSeconds'> & { readonly withHeld: boolean },
): Promise<readonly string[]> {
  const { rows } = await database.query<{ id: string }>(
    `select f.id from import_files f
      where f.import_id = $3 and (${IS_FREE} or $4::boolean and f.status = 'pending') order by f.attempts, f.id`,
    [clock.forDatabase(), ignoreBackOff, importId, withHeld],
  );
  return rows.map(({ id }) => id);
}

/** Takes the file if nobody else holds it: of any number of workers exactly one gets it, the others null. */
export async function leaseFile(
  database: Queryable,
  { fileId, owner }: FileHolder,
  { clock, leaseSeconds, ignoreBackOff }: FileLeaseTerms,
): Promise<LeasedFile | null> {
  const { rows } = await database.query<LeasedFile>(
    `update import_files f
        set status = 'pending', attempts = f.attempts + 1, lease_owner = $4,
            lease_expires = coalesce($1::timestamptz, clock_timestamp()) + make_interval(secs => $5)
      where f.id = $3 and ${IS_FREE}
     returning f.id, f.import_id as "importId", f.name, f.attempts`,
    [clock.forDatabase(), ignoreBackOff, fileId, owner, leaseSeconds],
  );
  return rows[0] ?? null;
}

/** True while somebody has the file in hand. */
export async function isHeld(database: Queryable, fileId: string): Promise<boolean> {
  const { rows } = await database.query<{ status: string }>('select status from import_files where id = $1', [fileId]);
  return rows[0]?.status === 'pending';
}

/** What a part of a file's keys came to. */
export interface StoredCounts {
  readonly inserted: number;
  readonly revised: number;
}

/**
 * Counts what this transaction stored and makes the lease last from now on again. The row stays locked until the
 * transaction ends, so that nobody takes the file before.
 * @returns false when the lease is no longer ours: then nothing may be stored
 */
export async function countStored(
  client: Queryable,
  { fileId, owner }: FileHolder,
  { inserted, revised, clock, leaseSeconds }: StoredCounts & Omit<FileLeaseTerms, 'ignoreBackOff'>,
): Promise<boolean> {
  const { rowCount } = await client.query(
    `update import_files
        set inserted_keys = inserted_keys + $3, revised_keys = revised_keys + $4,
            lease_expires = coalesce($5::timestamptz, clock_timestamp()) + make_interval(secs => $6)
      where id = $1 and lease_owner = $2 and status = 'pending'`,
    [fileId, owner, inserted, revised, clock.forDatabase(), leaseSeconds],
  );
  return rowCount === 1;
}

/** Ends the work on a file; false when it was no longer ours. */
export async function markImported(database: Queryable, { fileId, owner }: FileHolder): Promise<boolean> {
  const { rowCount } = await database.query(
    `update import_files
        set status = 'imported', lease_owner = null, lease_expires = null, not_before = null, last_error = null
      where id = $1 and lease_owner = $2 and status = 'pending'`,
    [fileId, owner],
  );
  return rowCount === 1;
}

/** Why a file goes back. */
export interface GiveBackFileReason {
  readonly clock: Clock;
  /** Null when it is not the file's fault, such as a stop of the process. */
  readonly error: string | null;
  /** Null = it is given up. */
  readonly retryAfterSeconds: number | null;
}

/** Lets others take the file, after a while; one that has left its index is given up. Nothing happens when it is no longer ours. */
export async function giveBackFile(
  database: Queryable,
  { fileId, owner }: FileHolder,
  { clock, error, retryAfterSeconds }: GiveBackFileReason,
): Promise<void> {
  await database.query(
    `update import_files
        set status = case when $3::text is not null and ($5::float8 is null or unlisted_at is not null) then 'failed' else 'open' end,
            lease_owner = null, lease_expires = null, last_error = coalesce($3, last_error),
            attempts = attempts - case when $3 is null then 1 else 0 end,
            not_before = coalesce($4::timestamptz, clock_timestamp()) + make_interval(secs => coalesce($5, 0))
      where id = $1 and lease_owner = $2 and status = 'pending'`,
    [fileId, owner, error, clock.forDatabase(), retryAfterSeconds],
  );
}
