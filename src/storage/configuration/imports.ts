/** Imports of other authorities' files as configured. */
import type { Import, ImportPublicKey } from '../../domain/configuration/configuration.ts';
import type { Queryable } from '../database.ts';

interface ImportRow {
  id: number;
  name: string;
  index_url: string;
  base_url: string;
  region: string;
  traveler: boolean;
}

interface KeyRow {
  import_id: number;
  key_id: string;
  key_version: string;
  public_key_pem: string;
  valid_from: Date;
  valid_thru: Date | null;
}

/** All, oldest first. */
export async function readImports(database: Queryable): Promise<Import[]> {
  const imports = await database.query<ImportRow>(
    'select id, name, index_url, base_url, region, traveler from imports order by id',
  );
  const keys = await database.query<KeyRow>(
    `select import_id, key_id, key_version, public_key_pem, valid_from, valid_thru
       from import_public_keys order by key_id, key_version`,
  );
  const byImport = Map.groupBy(keys.rows, (key) => key.import_id);
  return imports.rows.map((row) => ({
    name: row.name,
    indexUrl: row.index_url,
    baseUrl: row.base_url,
    region: row.region,
    traveler: row.traveler,
    publicKeys: (byImport.get(row.id) ?? []).map(toKey),
  }));
}

function toKey(row: KeyRow): ImportPublicKey {
  return {
    keyId: row.key_id,
    keyVersion: row.key_version,
    publicKeyPem: row.public_key_pem,
    from: row.valid_from,
    thru: row.valid_thru,
  };
}

/** Creates it, or makes the one with this name be like it. */
export async function saveImport(database: Queryable, source: Import): Promise<void> {
  const { rows } = await database.query<{ id: number }>(
    `insert into imports (name, index_url, base_url, region, traveler) values ($1, $2, $3, $4, $5)
     on conflict (name) do update
       set index_url = excluded.index_url, base_url = excluded.base_url, region = excluded.region,
           traveler = excluded.traveler
     returning id`,
    [source.name, source.indexUrl, source.baseUrl, source.region, source.traveler],
  );
  const { publicKeys } = source;
  await database.query('delete from import_public_keys where import_id = $1', [rows[0]?.id]);
  await database.query(
    `insert into import_public_keys (import_id, key_id, key_version, public_key_pem, valid_from, valid_thru)
     select $1, * from unnest($2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[])`,
    [
      rows[0]?.id,
      publicKeys.map(({ keyId }) => keyId),
      publicKeys.map(({ keyVersion }) => keyVersion),
      publicKeys.map(({ publicKeyPem }) => publicKeyPem),
      publicKeys.map(({ from }) => from),
      publicKeys.map(({ thru }) => thru),
    ],
  );
}

/** Deletes it with its public keys; keys that came from it stay. */
export async function deleteImport(database: Queryable, name: string): Promise<void> {
  await database.query('delete from imports where name = $1', [name]);
}
