/** Files of mirrors: what the other authority lists, what is copied of it, and what has left its index. */
import type { Clock } from '../../platform/clock.ts';
import type { Queryable } from '../database.ts';
import type { MirrorHolder } from './mirrors.ts';

/** A file that is known. */
export interface MirrorFile {
  readonly id: string;
  /** Below the base URL. */
  readonly path: string;
  /** Behind the mirror's root. */
  readonly name: string;
  /** In the other authority's index; null = left it. */
  readonly position: number | null;
  readonly isCopied: boolean;
}

/** A file that is to be copied, or compared with what we have. */
export interface WaitingFile {
  readonly id: string;
  readonly path: string;
  readonly name: string;
  readonly attempts: number;
}

/** A copy. */
export interface CopiedFile {
  readonly fileId: string;
  readonly size: number;
  readonly sha256: Buffer;
}

/** Everything that the mirror knows and whether its last reading listed none of it, the mirror's row locked; null when it is no longer ours. */
export async function lockMirrorFiles(
  client: Queryable,
  { mirrorId, owner }: MirrorHolder,
): Promise<{ readonly files: readonly MirrorFile[]; readonly hadAllVanished: boolean } | null> {
  const held = await client.query<{ all_vanished: boolean }>(
    'select all_vanished from mirrors where id = $1 and lease_owner = $2 for update',
    [mirrorId, owner],
  );
  if (held.rows[0] === undefined) return null;
  const { rows } = await client.query<MirrorFile>(
    `select id, path, name, position, copied_at is not null as "isCopied" from mirror_files
      where mirror_id = $1 order by position nulls last, id`,
    [mirrorId],
  );
  return { files: rows, hadAllVanished: held.rows[0].all_vanished };
}

/** What a reading of the index comes to. */
export interface Listing {
  /** What is listed, in order. */
  readonly files: readonly { readonly path: string; readonly name: string }[];
  readonly allVanished: boolean;
  readonly refusedLines: number;
  readonly firstRefusal: string | null;
  /** Our index must be another. */
  readonly isIndexOutdated: boolean;
}

/** Makes the listing be what the mirror lists. Needs the mirror's lock. */
export async function writeListing(
  client: Queryable,
  mirrorId: number,
  { clock, listing }: { readonly clock: Clock; readonly listing: Listing },
): Promise<void> {
  const { files, allVanished, refusedLines, firstRefusal, isIndexOutdated } = listing;
  const paths = files.map(({ path }) => path);
  await client.query(
    `insert into mirror_files as f (mirror_id, path, name, position)
     select $1, l.path, l.name, l.position
       from unnest($2::text[], $3::text[]) with ordinality as l (path, name, position)
     on conflict (mirror_id, path) do update
       set position = excluded.position, unlisted_at = null
       where f.position is distinct from excluded.position`,
    [mirrorId, paths, files.map(({ name }) => name)],
  );
  // What was never copied stands in no index of ours, so its grace begins at once: a killed worker may have left an object.
  await client.query(
    `update mirror_files
        set position = null, last_error = null,
            unlisted_at = case when copied_at is null then coalesce($3::timestamptz, clock_timestamp()) end
      where mirror_id = $1 and position is not null and path <> all($2::text[])`,
    [mirrorId, paths, clock.forDatabase()],
  );
  await client.query(
    `update mirrors
        set read_at = coalesce($2::timestamptz, clock_timestamp()), all_vanished = $3, refused_lines = $4,
            first_refusal = $5, index_wanted = index_wanted + $6::integer
      where id = $1`,
    [mirrorId, clock.forDatabase(), allVanished, refusedLines, firstRefusal, isIndexOutdated ? 1 : 0],
  );
}

/** Listed files that are to be copied now, in the index's order. */
export async function waitingFiles(
  database: Queryable,
  mirrorId: number,
  { clock, ignoreBackOff }: { readonly clock: Clock; readonly ignoreBackOff: boolean },
): Promise<readonly WaitingFile[]> {
  const { rows } = await database.query<WaitingFile>(
    `select id, path, name, attempts from mirror_files
      where mirror_id = $1 and position is not null and (copied_at is null or recheck)
        and ($3::boolean or not_before is null or not_before <= coalesce($2::timestamptz, clock_timestamp()))
      order by position`,
    [mirrorId, clock.forDatabase(), ignoreBackOff],
  );
  return rows;
}

/** Says that the copy can be read from the blob store; false when the mirror is no longer ours. */
export async function markCopied(
  database: Queryable,
  { mirrorId, owner }: MirrorHolder,
  { clock, file }: { readonly clock: Clock; readonly file: CopiedFile },
): Promise<boolean> {
  const { rowCount } = await database.query(
    `with held as (
       update mirrors m
          set index_wanted = index_wanted + case when f.copied_at is null then 1 else 0 end,
              copied_files = copied_files + 1
         from mirror_files f
        where m.id = $1 and m.lease_owner = $2 and f.id = $3 and f.mirror_id = m.id
        returning m.id)
     update mirror_files
        set copied_at = coalesce($4::timestamptz, clock_timestamp()), size = $5, sha256 = $6, recheck = false,
            attempts = 0, not_before = null, last_error = null
      where id = $3 and mirror_id = (select id from held)`,
    [mirrorId, owner, file.fileId, clock.forDatabase(), file.size, file.sha256],
  );
  return rowCount === 1;
}

/** A try that failed. */
export interface FailedCopy {
  readonly fileId: string;
  /** Safe for strangers. */
  readonly error: string;
  readonly retryAfterSeconds: number;
  /** What we have is not what the other authority has: it is listed no longer. */
  readonly isOther: boolean;
}

/** Writes it down; false when the mirror is no longer ours. */
export async function markCopyFailed(
  database: Queryable,
  { mirrorId, owner }: MirrorHolder,
  { clock, failed }: { readonly clock: Clock; readonly failed: FailedCopy },
): Promise<boolean> {
  const { rowCount } = await database.query(
    `with failed as (
       update mirror_files f
          set attempts = f.attempts + 1, last_error = $2,
              not_before = coalesce($3::timestamptz, clock_timestamp()) + make_interval(secs => $4),
              copied_at = case when not $5::boolean then f.copied_at end
         from (select id, copied_at from mirror_files where id = $1 for update) as was
        where f.id = was.id and f.mirror_id = (select id from mirrors where id = $6 and lease_owner = $7)
       returning f.mirror_id, $5::boolean and was.copied_at is not null as leaves_index)
     update mirrors set index_wanted = index_wanted + case when failed.leaves_index then 1 else 0 end
       from failed where mirrors.id = failed.mirror_id`,
    [failed.fileId, failed.error, clock.forDatabase(), failed.retryAfterSeconds, failed.isOther, mirrorId, owner],
  );
  return rowCount === 1;
}

/** Copies that left our index so long ago that nobody looks for them; none while a newer index is still to be written. */
export async function expiredCopies(
  database: Queryable,
  mirrorId: number,
  { clock, graceSeconds }: { readonly clock: Clock; readonly graceSeconds: number },
): Promise<readonly string[]> {
  const { rows } = await database.query<{ id: string }>(
    `select f.id from mirror_files f join mirrors m on m.id = f.mirror_id
      where m.id = $1 and m.index_written >= m.index_wanted and f.position is null
        and f.unlisted_at + make_interval(secs => $3) <= coalesce($2::timestamptz, clock_timestamp())
      order by f.id`,
    [mirrorId, clock.forDatabase(), graceSeconds],
  );
  return rows.map(({ id }) => id);
}

/** Forgets a copy unless it is listed again; who lists it waits until the transaction ends. Returns where it lay. */
export async function forgetCopy(
  client: Queryable,
  { mirrorId, owner }: MirrorHolder,
  fileId: string,
): Promise<{ readonly bucket: string; readonly name: string } | null> {
  const { rows } = await client.query<{ bucket: string; name: string }>(
    `with gone as (
       delete from mirror_files f using mirrors m
        where f.id = $3 and f.mirror_id = $1 and f.position is null and m.id = $1 and m.lease_owner = $2
        returning f.name)
     update mirrors m set deleted_files = deleted_files + 1 from gone where m.id = $1
     returning m.bucket, m.filename_root || '/' || gone.name as name`,
    [mirrorId, owner, fileId],
  );
  return rows[0] ?? null;
}
