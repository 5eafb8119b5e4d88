/** Data keys of revision tokens, wrapped by the key manager. */
import type { Database, Queryable } from './database.ts';

/** A wrapped data key. */
export interface StoredRevisionKey {
  /** Decimal. */
  readonly kid: string;
  readonly wrappedKey: Buffer;
  /** Additional data of the wrapping. */
  readonly aad: Buffer;
}

/** The keys that tokens may be under, newest first. */
export async function listRevisionKeys(database: Queryable): Promise<readonly StoredRevisionKey[]> {
  const { rows } = await database.query<{ kid: string; wrapped_key: Buffer; aad: Buffer }>({
    name: 'list_revision_keys',
    text: `select kid::text, wrapped_key, aad from revision_keys
            where allowed and wrapped_key is not null and aad is not null
            order by created_at desc, kid desc`,
  });
  return rows.map((row) => ({ kid: row.kid, wrappedKey: row.wrapped_key, aad: row.aad }));
}

/** Inserts a key, now the newest. */
export async function insertRevisionKey(
  database: Queryable,
  key: Omit<StoredRevisionKey, 'kid'>,
  now: Date | null,
): Promise<void> {
  await database.query(
    `insert into revision_keys (wrapped_key, aad, created_at) values ($1, $2, coalesce($3, clock_timestamp()))`,
    [key.wrappedKey, key.aad, now],
  );
}

/** Inserts a key unless there is one already: of many that try at the same time, one does. */
export async function insertFirstRevisionKey(
  database: Database,
  key: Omit<StoredRevisionKey, 'kid'>,
  now: Date | null,
): Promise<void> {
  await database.transaction(async (client) => {
    await client.query('lock table revision_keys in share row exclusive mode');
    const { rowCount } = await client.query(
      'select from revision_keys where allowed and wrapped_key is not null limit 1',
    );
    if (rowCount === 0) await insertRevisionKey(client, key, now);
  });
}
