/** Data keys of revision tokens, wrapped by the key manager. */
import type { Database, Queryable } from '../database.ts';

/** A wrapped data key. */
export interface WrappedKey {
  readonly wrappedKey: Buffer;
  /** Additional data of the wrapping. */
  readonly aad: Buffer;
}

/** A stored one. */
export interface StoredRevisionKey extends WrappedKey {
  /** Decimal. */
  readonly kid: string;
  readonly createdAt: Date;
}

/** One who makes or destroys keys at a time, over all replicas; held until the transaction ends. 10 is the configuration's lock. */
export async function lockRevisionKeys(client: Queryable): Promise<void> {
  await client.query('select pg_advisory_xact_lock(11::bigint << 48)');
}

/** The keys that tokens may be under, newest first. */
export async function listRevisionKeys(database: Queryable): Promise<readonly StoredRevisionKey[]> {
  const { rows } = await database.query<{ kid: string; wrapped_key: Buffer; aad: Buffer; created_at: Date }>({
    name: 'list_revision_keys',
    text: `select kid::text, wrapped_key, aad, created_at from revision_keys
            where allowed and wrapped_key is not null and aad is not null
            order by created_at desc, kid desc`,
  });
  return rows.map((row) => ({ kid: row.kid, wrappedKey: row.wrapped_key, aad: row.aad, createdAt: row.created_at }));
}

/** Inserts a key, now the newest, and returns its id. */
export async function insertRevisionKey(database: Queryable, key: WrappedKey, now: Date | null): Promise<string> {
  const { rows } = await database.query<{ kid: string }>(
    `insert into revision_keys (wrapped_key, aad, created_at) values ($1, $2, coalesce($3, clock_timestamp()))
     returning kid::text`,
    [key.wrappedKey, key.aad, now],
  );
  return rows[0]!.kid;
}

/** Inserts a key unless there is one already: of many that try at the same time, one does. */
export async function insertFirstRevisionKey(database: Database, key: WrappedKey, now: Date | null): Promise<void> {
  await database.transaction(async (client) => {
    await lockRevisionKeys(client);
    if ((await listRevisionKeys(client)).length === 0) await insertRevisionKey(client, key, now);
  });
}

/** Forgets what these keys are; their rows stay, so that no id is given twice (reference 8.2). */
export async function destroyRevisionKeys(client: Queryable, kids: readonly string[]): Promise<void> {
  await client.query(
    'update revision_keys set wrapped_key = null, aad = null, allowed = false where kid = any($1::bigint[])',
    [kids],
  );
}
