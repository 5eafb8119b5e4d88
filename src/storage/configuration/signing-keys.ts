/** Signing keys as configured. Their versions are state: made by the export role, counted up by rotation. */
import type { SigningKey } from '../../domain/configuration/configuration.ts';
import type { Queryable } from '../database.ts';

interface SigningKeyRow {
  name: string;
  key: string;
  key_id: string;
  first_version: string;
  thru: Date | null;
}

/** All, oldest first. */
export async function readSigningKeys(database: Queryable): Promise<SigningKey[]> {
  const { rows } = await database.query<SigningKeyRow>(
    'select name, key, key_id, first_version, thru from signing_keys order by id',
  );
  return rows.map((row) => ({
    name: row.name,
    key: row.key,
    keyId: row.key_id,
    keyVersion: row.first_version,
    thru: row.thru,
  }));
}

/** Names of those that have a version already. */
export async function signingKeysWithVersions(database: Queryable): Promise<Set<string>> {
  const { rows } = await database.query<{ name: string }>(
    'select name from signing_keys k where exists (select from signing_key_versions v where v.signing_key_id = k.id)',
  );
  return new Set(rows.map(({ name }) => name));
}

/** Creates it, or makes the one with this name be like it. A new end also ends its versions, but for those that rotation ended. */
export async function saveSigningKey(database: Queryable, signingKey: SigningKey): Promise<void> {
  await database.query(
    `update signing_key_versions v set valid_thru = $2
       from signing_keys k
      where k.name = $1 and v.signing_key_id = k.id and v.valid_thru is not distinct from k.thru`,
    [signingKey.name, signingKey.thru],
  );
  await database.query(
    `insert into signing_keys (name, key, key_id, first_version, thru) values ($1, $2, $3, $4, $5)
     on conflict (name) do update
       set key = excluded.key, key_id = excluded.key_id, first_version = excluded.first_version, thru = excluded.thru`,
    [signingKey.name, signingKey.key, signingKey.keyId, signingKey.keyVersion, signingKey.thru],
  );
}

/** Deletes it with its versions. */
export async function deleteSigningKey(database: Queryable, name: string): Promise<void> {
  await database.query('delete from signing_keys where name = $1', [name]);
}
