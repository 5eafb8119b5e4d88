/** Indexes of exports: what they should list, and what was written last. */
import type { Clock } from '../platform/clock.ts';
import type { Queryable } from './database.ts';

/** An export's index, as it should be and as it was written last. */
export interface IndexState {
  readonly bucket: string;
  readonly filenameRoot: string;
  /** Counts up with each change of the set of listed files. */
  readonly wanted: bigint;
  readonly written: bigint;
  /** Names of listed files with their root, in no order; none while the export is on hold. */
  readonly names: readonly string[];
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
 * An older window of the export that was never built. Phones that remember the last line they saw never look above it
 * (reference 3.8), so a file must not be listed before those of older windows.
 */
const awaitedBatch = `
  select from batches older
   where older.export_id = b.export_id and older.window_start < b.window_start
     and older.status in ('open', 'pending') and older.completed_at is null
     and coalesce($2::timestamptz, clock_timestamp()) < older.window_end + make_interval(secs => $3)`;

/** The index as it should be now, in one statement, so that number and names belong together; null when the export is gone. */
export async function readIndexState(client: Queryable, exportId: number, clock: Clock): Promise<IndexState | null> {
  const { rows } = await client.query<IndexStateRow>(
    `select e.bucket, e.filename_root, e.index_wanted, e.index_written,
            array(select f.name
                    from files f join batches b on b.id = f.batch_id
                   where f.export_id = e.id and f.status = 'listed' and e.held_at is null
                     and not exists (${awaitedBatch})) as names
       from exports e where e.id = $1`,
    [exportId, clock.forDatabase(), longestWaitSeconds],
  );
  const row = rows[0];
  if (!row) return null;
  return {
    bucket: row.bucket,
    filenameRoot: row.filename_root,
    wanted: BigInt(row.index_wanted),
    written: BigInt(row.index_written),
    names: row.names,
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
