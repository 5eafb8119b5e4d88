/** Indexes of mirrors: what they should list, and what was written last. */
import type { Clock } from '../../platform/clock.ts';
import type { Queryable } from '../database.ts';

/** A mirror's index, as it should be and as it was written last. */
export interface MirrorIndexState {
  readonly bucket: string;
  readonly filenameRoot: string;
  /** Counts up with each change of what is listed. */
  readonly wanted: bigint;
  readonly written: bigint;
  /** Copies that are listed, in the other authority's order, without the root. */
  readonly names: readonly string[];
}

/** One writer of this mirror's index at a time; held until the transaction ends. */
export async function lockMirrorIndex(client: Queryable, mirrorId: number): Promise<void> {
  await client.query('select pg_advisory_xact_lock((12::bigint << 48) + $1)', [mirrorId]);
}

/**
 * The index as it should be now, in one statement, so that number and names belong together; null when the mirror is gone, or
 * the other authority's index was never read.
 */
export async function readMirrorIndexState(client: Queryable, mirrorId: number): Promise<MirrorIndexState | null> {
  const { rows } = await client.query<MirrorIndexRow>(
    `select m.bucket, m.filename_root, m.index_wanted, m.index_written,
            array(select f.name from mirror_files f
                   where f.mirror_id = m.id and f.position is not null and f.copied_at is not null
                   order by f.position) as names
       from mirrors m where m.id = $1 and m.read_at is not null`,
    [mirrorId],
  );
  const row = rows[0];
  if (row === undefined) return null;
  return {
    bucket: row.bucket,
    filenameRoot: row.filename_root,
    wanted: BigInt(row.index_wanted),
    written: BigInt(row.index_written),
    names: row.names,
  };
}

interface MirrorIndexRow {
  bucket: string;
  filename_root: string;
  index_wanted: string;
  index_written: string;
  names: string[];
}

/** Says which state the written index has; the grace of what it lists no longer begins. */
export async function markMirrorIndexWritten(
  client: Queryable,
  mirrorId: number,
  { written, clock }: { readonly written: bigint; readonly clock: Clock },
): Promise<void> {
  await client.query('update mirrors set index_written = $2 where id = $1', [mirrorId, written.toString()]);
  await client.query(
    `update mirror_files set unlisted_at = coalesce($2::timestamptz, clock_timestamp())
      where mirror_id = $1 and position is null and unlisted_at is null`,
    [mirrorId, clock.forDatabase()],
  );
}
