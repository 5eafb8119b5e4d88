/** Mirrors of other authorities' files as configured. */
import type { Mirror } from '../../domain/configuration/configuration.ts';
import type { Queryable } from '../database.ts';

interface MirrorRow {
  name: string;
  index_url: string;
  base_url: string;
  bucket: string;
  filename_root: string;
}

/** All, oldest first. */
export async function readMirrors(database: Queryable): Promise<Mirror[]> {
  const { rows } = await database.query<MirrorRow>(
    'select name, index_url, base_url, bucket, filename_root from mirrors order by id',
  );
  return rows.map((row) => ({
    name: row.name,
    indexUrl: row.index_url,
    baseUrl: row.base_url,
    bucket: row.bucket,
    filenameRoot: row.filename_root,
  }));
}

/** Creates it, or makes the one with this name be like it. */
export async function saveMirror(database: Queryable, mirror: Mirror): Promise<void> {
  await database.query(
    `insert into mirrors (name, index_url, base_url, bucket, filename_root) values ($1, $2, $3, $4, $5)
     on conflict (name) do update
       set index_url = excluded.index_url, base_url = excluded.base_url, bucket = excluded.bucket,
           filename_root = excluded.filename_root`,
    [mirror.name, mirror.indexUrl, mirror.baseUrl, mirror.bucket, mirror.filenameRoot],
  );
}

/** Deletes it; copies that it made stay. */
export async function deleteMirror(database: Queryable, name: string): Promise<void> {
  await database.query('delete from mirrors where name = $1', [name]);
}
