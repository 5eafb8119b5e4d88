/** Mirrors of other authorities' files as configured. */
import type { Mirror } from '../../domain/configuration/configuration.ts';
import type { Queryable } from '../database.ts';
import { leaveMirrorObjects } from '../mirrors/mirror-leftovers.ts';

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

/**
 * Creates it, or makes the one with this name be like it. One that moves leaves its copies behind to be deleted and makes new
 * ones; with another base URL, copies are compared with what lies there.
 */
export async function saveMirror(database: Queryable, mirror: Mirror): Promise<void> {
  const { rows } = await database.query<MirrorRow & { id: number }>(
    'select id, name, index_url, base_url, bucket, filename_root from mirrors where name = $1 for update',
    [mirror.name],
  );
  const before = rows[0];
  if (before === undefined) {
    await insertMirror(database, mirror);
    return;
  }
  const isMoved = before.bucket !== mirror.bucket || before.filename_root !== mirror.filenameRoot;
  if (isMoved) await leaveMirrorObjects(database, before.id);
  if (before.base_url !== mirror.baseUrl) {
    await database.query(
      'update mirror_files set recheck = true, attempts = 0, not_before = null where mirror_id = $1',
      [before.id],
    );
  }
  // Whoever works on it works for what it was: his lease ends, and the next run does not wait.
  await database.query(
    `update mirrors
        set index_url = $2, base_url = $3, bucket = $4, filename_root = $5, lease_owner = null, lease_expires = null,
            attempts = 0, not_before = null, all_vanished = false, read_at = case when not $6::boolean then read_at end,
            index_wanted = index_wanted + $6::boolean::integer
      where id = $1`,
    [before.id, mirror.indexUrl, mirror.baseUrl, mirror.bucket, mirror.filenameRoot, isMoved],
  );
}

async function insertMirror(database: Queryable, mirror: Mirror): Promise<void> {
  await database.query(
    'insert into mirrors (name, index_url, base_url, bucket, filename_root) values ($1, $2, $3, $4, $5)',
    [mirror.name, mirror.indexUrl, mirror.baseUrl, mirror.bucket, mirror.filenameRoot],
  );
}

/** Deletes it and leaves its copies to be deleted. */
export async function deleteMirror(database: Queryable, name: string): Promise<void> {
  const { rows } = await database.query<{ id: number }>('select id from mirrors where name = $1 for update', [name]);
  const mirror = rows[0];
  if (mirror === undefined) return;
  await leaveMirrorObjects(database, mirror.id);
  await database.query('delete from mirrors where id = $1', [mirror.id]);
}
