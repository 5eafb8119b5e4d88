/** Health authorities and the keys entered for them by hand; keys that came from a JWKS are none of the configuration's. */
import type { HealthAuthority, HealthAuthorityKey } from '../../domain/configuration/configuration.ts';
import type { Queryable } from '../database.ts';

interface AuthorityRow {
  id: number;
  issuer: string;
  audience: string;
  name: string;
  stats: boolean;
  jwks_uri: string | null;
}

interface KeyRow {
  health_authority_id: number;
  version: string;
  public_key_pem: string;
  valid_from: Date;
  valid_thru: Date | null;
}

/** All, oldest first. */
export async function readHealthAuthorities(database: Queryable): Promise<HealthAuthority[]> {
  const authorities = await database.query<AuthorityRow>(
    'select id, issuer, audience, name, stats, jwks_uri from health_authorities order by id',
  );
  const keys = await database.query<KeyRow>(
    `select health_authority_id, version, public_key_pem, valid_from, valid_thru
       from health_authority_keys where not from_jwks order by version`,
  );
  const byAuthority = Map.groupBy(keys.rows, (key) => key.health_authority_id);
  return authorities.rows.map((row) => ({
    issuer: row.issuer,
    audience: row.audience,
    name: row.name,
    stats: row.stats,
    jwksUri: row.jwks_uri,
    keys: (byAuthority.get(row.id) ?? []).map(toKey),
  }));
}

function toKey(row: KeyRow): HealthAuthorityKey {
  return {
    version: row.version,
    publicKeyPem: row.public_key_pem,
    from: row.valid_from,
    thru: row.valid_thru,
  };
}

/** Creates it, or makes the one with this issuer be like it. */
export async function saveHealthAuthority(database: Queryable, authority: HealthAuthority): Promise<void> {
  const { rows } = await database.query<{ id: number }>(
    `insert into health_authorities as h (issuer, audience, name, stats, jwks_uri) values ($1, $2, $3, $4, $5)
     on conflict (issuer) do update
       set audience = excluded.audience, name = excluded.name, stats = excluded.stats, jwks_uri = excluded.jwks_uri,
           -- What is known of readings belongs to the document.
           jwks_read_at = case when h.jwks_uri = excluded.jwks_uri then h.jwks_read_at end,
           jwks_failing_since = case when h.jwks_uri = excluded.jwks_uri then h.jwks_failing_since end
     returning id`,
    [authority.issuer, authority.audience, authority.name, authority.stats, authority.jwksUri],
  );
  // Without its JWKS no key of it counts; where it has moved, its keys count until it is read at its new place.
  if (authority.jwksUri === null) await deleteJwksKeys(database, rows[0]?.id);
  const { keys } = authority;
  const versions = keys.map(({ version }) => version);
  await database.query(
    'delete from health_authority_keys where health_authority_id = $1 and not from_jwks and version <> all($2)',
    [rows[0]?.id, versions],
  );
  await database.query(
    `insert into health_authority_keys
       (health_authority_id, version, public_key_pem, valid_from, valid_thru, from_jwks)
     select $1, version, pem, valid_from, valid_thru, false
       from unnest($2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[])
         as k (version, pem, valid_from, valid_thru)
     on conflict (health_authority_id, version) do update
       set public_key_pem = excluded.public_key_pem, valid_from = excluded.valid_from,
           valid_thru = excluded.valid_thru, from_jwks = false`,
    [
      rows[0]?.id,
      versions,
      keys.map(({ publicKeyPem }) => publicKeyPem),
      keys.map(({ from }) => from),
      keys.map(({ thru }) => thru),
    ],
  );
}

async function deleteJwksKeys(database: Queryable, id: number | undefined): Promise<void> {
  await database.query('delete from health_authority_keys where health_authority_id = $1 and from_jwks', [id]);
}

/** Deletes it with its keys. */
export async function deleteHealthAuthority(database: Queryable, issuer: string): Promise<void> {
  await database.query('delete from health_authorities where issuer = $1', [issuer]);
}
