/** Mirrors as readers of their files know them. */
import type { Queryable } from '../database.ts';
import type { ReadableFile } from '../exports/files.ts';

/** Where a mirror's objects lie. */
export interface PublishedMirror {
  readonly id: number;
  readonly bucket: string;
}

/** By file name root; of several in different buckets the oldest; null when there is none. */
export async function findMirrorByRoot(database: Queryable, filenameRoot: string): Promise<PublishedMirror | null> {
  const { rows } = await database.query<PublishedMirror>(
    'select id, bucket from mirrors where filename_root = $1 order by id limit 1',
    [filenameRoot],
  );
  return rows[0] ?? null;
}

/** A copy that is listed, or left the index less than the grace ago; null otherwise. Its SHA-256 is the whole file's. */
export async function findMirroredFile(
  database: Queryable,
  mirrorId: number,
  name: string,
): Promise<ReadableFile | null> {
  const { rows } = await database.query<{ bucket: string; name: string; size: string; sha256: Buffer }>(
    `select m.bucket, m.filename_root || '/' || f.name as name, f.size, f.sha256
       from mirror_files f join mirrors m on m.id = f.mirror_id
      where f.mirror_id = $1 and f.name = $2 and f.copied_at is not null`,
    [mirrorId, name],
  );
  const row = rows[0];
  return row ? { ...row, size: Number(row.size) } : null;
}
