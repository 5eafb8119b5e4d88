/** Mirrors as workers and readers need them: where each stands, and who works on it. */
import type { Clock } from '../../platform/clock.ts';
import type { Queryable } from '../database.ts';

/** A mirror that is worked on, as it was configured when the work began. */
export interface LeasedMirror {
  readonly id: number;
  readonly name: string;
  readonly indexUrl: string;
  readonly baseUrl: string;
  readonly bucket: string;
  readonly filenameRoot: string;
  /** Runs in a row that could not read the index. */
  readonly attempts: number;
}

/** Who works on a mirror. */
export interface MirrorHolder {
  readonly mirrorId: number;
  /** A UUID of this run's own. */
  readonly owner: string;
}

/** How a mirror is taken. */
export interface MirrorLeaseTerms {
  readonly clock: Clock;
  readonly leaseSeconds: number;
  /** Take it even though its index could not be read a moment ago. */
  readonly ignoreBackOff: boolean;
}

/** Where a mirror stands. */
export interface MirrorState {
  readonly name: string;
  /** Lines of the other authority's index. */
  readonly listedFiles: number;
  /** Of these, files that lie in our bucket. */
  readonly mirroredFiles: number;
  /** In the last run, or in this one so far. */
  readonly copiedFiles: number;
  readonly deletedFiles: number;
  /** Lines that name no file, and files that could not be copied. */
  readonly failedFiles: number;
  /** The last run that read the index ended. */
  readonly completedAt: Date | null;
  readonly lastError: string | null;
  /** A worker has it in hand. */
  readonly isRunning: boolean;
}

const now = (parameter: number): string => `coalesce($${String(parameter)}::timestamptz, clock_timestamp())`;

/** Ids of mirrors that a worker may take now. */
export async function dueMirrors(database: Queryable, clock: Clock): Promise<readonly number[]> {
  const { rows } = await database.query<{ id: number }>(
    `select id from mirrors
      where (lease_expires is null or lease_expires < ${now(1)}) and (not_before is null or not_before <= ${now(1)})
      order by id`,
    [clock.forDatabase()],
  );
  return rows.map(({ id }) => id);
}

/** Id of one mirror by its name, or of all; oldest first. */
export async function findMirrors(database: Queryable, name?: string): Promise<readonly number[]> {
  const { rows } = await database.query<{ id: number }>(
    'select id from mirrors where $1::text is null or name = $1 order by id',
    [name ?? null],
  );
  return rows.map(({ id }) => id);
}

/** Takes the mirror if nobody else holds it: of any number of workers exactly one gets it, the others null. */
export async function leaseMirror(
  database: Queryable,
  { mirrorId, owner }: MirrorHolder,
  { clock, leaseSeconds, ignoreBackOff }: MirrorLeaseTerms,
): Promise<LeasedMirror | null> {
  const { rows } = await database.query<LeasedMirrorRow>(
    `update mirrors
        set lease_owner = $2, lease_expires = ${now(3)} + make_interval(secs => $4), copied_files = 0,
            deleted_files = 0
      where id = $1 and (lease_expires is null or lease_expires < ${now(3)})
        and ($5::boolean or not_before is null or not_before <= ${now(3)})
     returning id, name, index_url, base_url, bucket, filename_root, attempts`,
    [mirrorId, owner, clock.forDatabase(), leaseSeconds, ignoreBackOff],
  );
  const row = rows[0];
  if (row === undefined) return null;
  const { index_url, base_url, filename_root, ...same } = row;
  return { ...same, indexUrl: index_url, baseUrl: base_url, filenameRoot: filename_root };
}

interface LeasedMirrorRow {
  id: number;
  name: string;
  index_url: string;
  base_url: string;
  bucket: string;
  filename_root: string;
  attempts: number;
}

/** Makes the lease last from now on again; false when it is no longer ours. */
export async function renewMirrorLease(
  database: Queryable,
  { mirrorId, owner }: MirrorHolder,
  { clock, leaseSeconds }: Pick<MirrorLeaseTerms, 'clock' | 'leaseSeconds'>,
): Promise<boolean> {
  const { rowCount } = await database.query(
    `update mirrors set lease_expires = ${now(3)} + make_interval(secs => $4) where id = $1 and lease_owner = $2`,
    [mirrorId, owner, clock.forDatabase(), leaseSeconds],
  );
  return rowCount === 1;
}

/** How a run ended. */
export type MirrorRunEnd =
  | { readonly kind: 'completed' }
  /** The index could not be read. */
  | { readonly kind: 'failed'; readonly error: string; readonly retryAfterSeconds: number }
  /** We were asked to stop. */
  | { readonly kind: 'interrupted' };

/** Writes down how the run ended and lets others take the mirror. Nothing happens when it is no longer ours. */
export async function endMirrorRun(
  database: Queryable,
  { mirrorId, owner }: MirrorHolder,
  { clock, end }: { readonly clock: Clock; readonly end: MirrorRunEnd },
): Promise<void> {
  const changes = {
    completed: `completed_at = ${now(3)}, attempts = 0, not_before = null, last_error = null`,
    failed: `attempts = attempts + 1, last_error = $4, not_before = ${now(3)} + make_interval(secs => $5)`,
    interrupted: 'attempts = attempts',
  };
  const values = [mirrorId, owner, ...(end.kind === 'interrupted' ? [] : [clock.forDatabase()])];
  await database.query(
    `update mirrors set lease_owner = null, lease_expires = null, ${changes[end.kind]} where id = $1 and lease_owner = $2`,
    end.kind === 'failed' ? [...values, end.error, end.retryAfterSeconds] : values,
  );
}

/** By name; those of the ids alone, where any are given. */
export async function readMirrorStates(
  database: Queryable,
  { clock, ids }: { readonly clock: Clock; readonly ids?: readonly number[] },
): Promise<readonly MirrorState[]> {
  const { rows } = await database.query<MirrorStateRow>(
    `select m.name, m.completed_at, m.copied_files, m.deleted_files,
            m.refused_lines + count(f.id)::integer as listed,
            count(f.copied_at)::integer as mirrored,
            m.refused_lines + count(f.last_error)::integer as failed,
            coalesce(m.last_error, (array_agg(f.path || ': ' || f.last_error order by f.position)
                                      filter (where f.last_error is not null))[1], m.first_refusal) as last_error,
            coalesce(m.lease_expires >= ${now(1)}, false) as is_running
       from mirrors m left join mirror_files f on f.mirror_id = m.id and f.position is not null
      where $2::integer[] is null or m.id = any($2)
      group by m.id order by m.name`,
    [clock.forDatabase(), ids ?? null],
  );
  return rows.map(toMirrorState);
}

interface MirrorStateRow {
  name: string;
  completed_at: Date | null;
  copied_files: number;
  deleted_files: number;
  listed: number;
  mirrored: number;
  failed: number;
  last_error: string | null;
  is_running: boolean;
}

function toMirrorState(row: MirrorStateRow): MirrorState {
  return {
    name: row.name,
    listedFiles: row.listed,
    mirroredFiles: row.mirrored,
    copiedFiles: row.copied_files,
    deletedFiles: row.deleted_files,
    failedFiles: row.failed,
    completedAt: row.completed_at,
    lastError: row.last_error,
    isRunning: row.is_running,
  };
}

/** Seconds since the index of the mirror that was read longest ago was read; one never read counts from nothing. */
export async function longestUnreadMirror(database: Queryable, clock: Clock): Promise<number> {
  const { rows } = await database.query<{ seconds: number | null }>(
    `select max(extract(epoch from ${now(1)} - read_at))::float8 as seconds from mirrors`,
    [clock.forDatabase()],
  );
  return rows[0]?.seconds ?? 0;
}
