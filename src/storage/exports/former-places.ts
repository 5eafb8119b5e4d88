/** Places that exports have left: their files are served, listed there, and cleaned like all others. */
import type { Queryable } from '../database.ts';

/** A place that an export has left. */
export interface FormerPlace {
  readonly id: number;
  readonly bucket: string;
  readonly filenameRoot: string;
}

/** Root of a file's name: all but its last part. */
export const FILE_ROOT = `regexp_replace(f.name, '/[^/]*$', '')`;

/**
 * Remembers where these exports are now, if they have an index there, and takes their roots away, so that they can be
 * given to each other.
 * @param at when; null = the database's clock
 */
export async function leavePlaces(client: Queryable, names: readonly string[], at: Date | null): Promise<void> {
  await client.query(
    `insert into former_places (export_id, bucket, filename_root, left_at)
     select id, bucket, filename_root, coalesce($2::timestamptz, clock_timestamp())
       from exports e
      where name = any($1)
        and (index_written > 0 or exists (select from files f where f.export_id = e.id and f.status <> 'deleted'))
     on conflict (bucket, lower(filename_root)) do nothing`,
    [names, at],
  );
  // No configured root begins with a tilde.
  await client.query(`update exports set filename_root = '~' || id where name = any($1)`, [names]);
}

/**
 * Settles exports where they are configured now: that place is nobody's former one, and unfinished batches go there too.
 * @param at when; null = the database's clock
 */
export async function enterPlaces(client: Queryable, names: readonly string[], at: Date | null): Promise<void> {
  await client.query(
    `delete from former_places p using exports e
      where e.name = any($1) and p.bucket = e.bucket and lower(p.filename_root) = lower(e.filename_root)`,
    [names],
  );
  // Whoever has such a batch in hand loses it. What he uploaded is an unlisted file then, and cleaned as such.
  await client.query(
    `with moved as (
       update batches b
          set bucket = e.bucket, filename_root = e.filename_root, status = 'open', lease_owner = null,
              lease_expires = null, revision = b.revision + case when b.prepared_at is null then 0 else 1 end,
              prepared_at = null
         from exports e
        where e.name = any($1) and b.export_id = e.id and b.status in ('open', 'pending')
          and (b.bucket, b.filename_root) is distinct from (e.bucket, e.filename_root)
       returning b.id)
     update files set status = 'unlisted', unlisted_at = coalesce($2::timestamptz, clock_timestamp())
      where status in ('planned', 'uploaded') and batch_id in (select id from moved)`,
    [names, at],
  );
}

/** Roots, in lower case, that other exports than the one of this name have left, with the name of who left them. */
export async function rootsLeftByOthers(database: Queryable, name: string): Promise<ReadonlyMap<string, string>> {
  const { rows } = await database.query<{ root: string; name: string }>(
    `select lower(p.filename_root) as root, e.name from former_places p join exports e on e.id = p.export_id
      where e.name <> $1
        and exists (select from files f where f.export_id = p.export_id and f.bucket = p.bucket
                       and f.status <> 'deleted' and ${FILE_ROOT} = p.filename_root)`,
    [name],
  );
  return new Map(rows.map((row) => [row.root, row.name]));
}

/** Roots, in lower case, of all places that exports have left and clean-up has not forgotten, with the exports' names. */
export async function formerRoots(database: Queryable): Promise<ReadonlyMap<string, string>> {
  const { rows } = await database.query<{ root: string; name: string }>(
    'select lower(p.filename_root) as root, e.name from former_places p join exports e on e.id = p.export_id',
  );
  return new Map(rows.map(({ root, name }) => [root, name]));
}

/** Places without any file, whose index has been empty for the export's grace. */
export async function emptyPlaces(database: Queryable, now: Date): Promise<readonly FormerPlace[]> {
  const { rows } = await database.query<{ id: number; bucket: string; filename_root: string }>(
    `select p.id, p.bucket, p.filename_root from former_places p join exports e on e.id = p.export_id
      where p.left_at < $1::timestamptz - make_interval(secs => e.grace_seconds)
        and e.index_written >= e.index_wanted
        and not exists (select from files f where f.export_id = p.export_id and f.bucket = p.bucket
                           and f.status <> 'deleted' and ${FILE_ROOT} = p.filename_root)
      order by p.id`,
    [now],
  );
  return rows.map((row) => ({ id: row.id, bucket: row.bucket, filenameRoot: row.filename_root }));
}

/** Forgets a place, whose index is gone. */
export async function forgetPlace(database: Queryable, id: number): Promise<void> {
  await database.query('delete from former_places where id = $1', [id]);
}
