/** Objects of mirrors that were deleted or moved, and indexes of exports that were deleted, until the store is rid of them. */
import type { BlobName } from '../blob/blob-store.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Queryable } from '../database.ts';

/** Indexes may have been read a moment ago, and files are cached for so long. */
export const mirrorGraceSeconds = 86_400;

/** Leaves every object of the mirror to be deleted after the grace, its index too, and forgets its files. */
export async function leaveMirrorObjects(client: Queryable, mirrorId: number): Promise<void> {
  await client.query(
    `insert into mirror_leftovers (bucket, name, delete_after)
     select m.bucket, m.filename_root || '/' || o.name, clock_timestamp() + make_interval(secs => $2)
       from mirrors m
       join (select name from mirror_files where mirror_id = $1 union all select 'index.txt') as o on true
      where m.id = $1 and m.read_at is not null
     on conflict (bucket, name) do update set delete_after = excluded.delete_after`,
    [mirrorId, mirrorGraceSeconds],
  );
  await client.query('delete from mirror_files where mirror_id = $1', [mirrorId]);
}

/** Leaves an export's indexes, where it is and where it was, to be deleted after its grace; its files are gone before it is. */
export async function leaveExportIndexes(client: Queryable, name: string): Promise<void> {
  await client.query(
    `insert into mirror_leftovers (bucket, name, delete_after)
     select place.bucket, place.filename_root || '/index.txt',
            clock_timestamp() + make_interval(secs => e.grace_seconds)
       from exports e
      cross join lateral (
             select e.bucket, e.filename_root
             union
             select p.bucket, p.filename_root from former_places p where p.export_id = e.id) as place
      where e.name = $1 and e.index_written > 0
     on conflict (bucket, name) do update set delete_after = excluded.delete_after`,
    [name],
  );
}

/** The object is gone, or somebody's again. Waits while it is being deleted, so whoever writes it afterwards keeps it. */
export async function forgetLeftover(client: Queryable, { bucket, name }: BlobName): Promise<void> {
  await client.query('delete from mirror_leftovers where bucket = $1 and name = $2', [bucket, name]);
}

/**
 * Takes the next leftover whose grace is over, its row locked until the transaction ends; null when there is none.
 * @returns whether it is still nobody's: another mirror or an export may have files, or its index, under that name by now
 */
export async function takeLeftover(
  client: Queryable,
  { clock, after }: { readonly clock: Clock; readonly after: BlobName },
): Promise<(BlobName & { readonly isNobodys: boolean }) | null> {
  const { rows } = await client.query<{ bucket: string; name: string; is_nobodys: boolean }>(
    `select l.bucket, l.name,
            not exists (select from files f where f.bucket = l.bucket and f.name = l.name and f.status <> 'deleted')
            and not exists (select from exports e where e.bucket = l.bucket and l.name = e.filename_root || '/index.txt')
            and not exists (select from former_places p where p.bucket = l.bucket and l.name = p.filename_root || '/index.txt')
            and not exists (select from mirrors m left join mirror_files f on f.mirror_id = m.id
                             where m.bucket = l.bucket
                               and l.name in (m.filename_root || '/index.txt', m.filename_root || '/' || f.name))
            as is_nobodys
       from mirror_leftovers l
      where l.delete_after <= coalesce($1::timestamptz, clock_timestamp()) and (l.bucket, l.name) > ($2, $3)
      order by l.bucket, l.name limit 1 for update of l skip locked`,
    [clock.forDatabase(), after.bucket, after.name],
  );
  const row = rows[0];
  return row === undefined ? null : { bucket: row.bucket, name: row.name, isNobodys: row.is_nobodys };
}
