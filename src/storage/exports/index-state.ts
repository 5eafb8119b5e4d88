/** Indexes of exports: what they should list, and what was written last. */
import type { Clock } from '../../platform/clock.ts';
import type { Queryable } from '../database.ts';
import { FILE_ROOT } from './former-places.ts';

/** The index of one place. */
export interface PlaceIndex {
  readonly bucket: string;
  readonly filenameRoot: string;
  /** Names of listed files with their root, in no order; none while the export is on hold. */
  readonly names: readonly string[];
}

/** An export's index, as it should be and as it was written last. */
export interface IndexState {
  /** Where the export is now, then the places that it has left. */
  readonly places: readonly PlaceIndex[];
  /** Counts up with each change of the set of listed files. */
  readonly wanted: bigint;
  readonly written: bigint;
}

/** Says that the set of listed files has changed. */
export async function wantIndex(client: Queryable, exportId: number): Promise<void> {
  await client.query('update exports set index_wanted = index_wanted + 1 where id = $1', [exportId]);
}

/** Exports whose index is not what it should be. */
export async function outdatedIndexes(database: Queryable): Promise<readonly number[]> {
  const { rows } = await database.query<{ id: number }>(
    'select id from exports where index_written < index_wanted order by id',
  );
  return rows.map(({ id }) => id);
}

/** One writer of this export's index at a time; held until the transaction ends. */
export async function lockIndex(client: Queryable, exportId: number): Promise<void> {
  await client.query('select pg_advisory_xact_lock((9::bigint << 48) + $1)', [exportId]);
}

/** Files wait so long for an older window that cannot be built; then an operator has to look at it anyway. */
const longestWaitSeconds = 86_400;

/**
 * Start of the oldest window of the export that was never built, and is still waited for. Phones that remember the last
 * line they saw never look above it (reference 3.8), so a file must not be listed before those of older windows.
 */
const oldestAwaited = `
  select min(awaited.window_start) from batches awaited
   where awaited.export_id = e.id and awaited.status in ('open', 'pending') and awaited.completed_at is null
     and coalesce($2::timestamptz, clock_timestamp()) < awaited.window_end + make_interval(secs => $3)`;

/**
 * The index as it should be now, in one statement, so that number and names belong together; null when the export is gone.
 * Where the export is now, all its files in that bucket are listed: phones that poll there go on where they were. A place
 * that it has left lists its own files until the last has gone. A file is read where its line says, so no index names
 * files of another bucket.
 */
export async function readIndexState(client: Queryable, exportId: number, clock: Clock): Promise<IndexState | null> {
  const { rows } = await client.query<IndexStateRow>(
    `select place.bucket, place.filename_root, e.index_wanted, e.index_written,
            array(select f.name
                    from files f join batches b on b.id = f.batch_id
                   where f.export_id = e.id and f.status = 'listed' and e.held_at is null
                     and f.bucket = place.bucket
                     and (place.is_current or ${FILE_ROOT} = place.filename_root)
                     and b.window_start <= coalesce((${oldestAwaited}), 'infinity')) as names
       from exports e
      cross join lateral (
             select e.bucket, e.filename_root, true as is_current, 0 as id
             union all
             select p.bucket, p.filename_root, false, p.id from former_places p where p.export_id = e.id) as place
      where e.id = $1
      order by place.id`,
    [exportId, clock.forDatabase(), longestWaitSeconds],
  );
  const row = rows[0];
  if (!row) return null;
  return {
    places: rows.map(({ bucket, filename_root: filenameRoot, names }) => ({ bucket, filenameRoot, names })),
    wanted: BigInt(row.index_wanted),
    written: BigInt(row.index_written),
  };
}

interface IndexStateRow {
  bucket: string;
  filename_root: string;
  index_wanted: string;
  index_written: string;
  names: string[];
}

/** Says which state the written index has. */
export async function markIndexWritten(client: Queryable, exportId: number, written: bigint): Promise<void> {
  await client.query('update exports set index_written = $2 where id = $1', [exportId, written.toString()]);
}
