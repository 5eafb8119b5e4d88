/** Health authorities with a JWKS, and the keys that come from it. */
import type { DocumentKey, KeyChanges, StoredKey } from '../../domain/jwks/merge-keys.ts';
import type { Queryable } from '../database.ts';

/** An authority whose JWKS is to be read. */
export interface JwksSource {
  readonly id: number;
  readonly issuer: string;
  readonly jwksUri: string;
  /** Readings that were written when this was looked up. */
  readonly readings: string;
}

/** How long since the JWKS that has gone unread longest was read, or has failed for the first time; null when all are new. */
export async function longestUnread(database: Queryable, now: Date | null): Promise<number | null> {
  const { rows } = await database.query<{ seconds: number | null }>(
    `select extract(epoch from max(coalesce($1, clock_timestamp()) - coalesce(jwks_read_at, jwks_failing_since)))::float8
              as seconds
       from health_authorities where jwks_uri is not null`,
    [now],
  );
  return rows[0]?.seconds ?? null;
}

/** Authorities with a JWKS: those that can be read first, so that they never wait for the others. */
export async function jwksSources(database: Queryable): Promise<readonly JwksSource[]> {
  const { rows } = await database.query<JwksSourceRow>(
    `select id, issuer, jwks_uri, jwks_readings::text from health_authorities
      where jwks_uri is not null order by jwks_failing_since nulls first, issuer`,
  );
  return rows.map((row) => ({ id: row.id, issuer: row.issuer, jwksUri: row.jwks_uri, readings: row.jwks_readings }));
}

interface JwksSourceRow {
  id: number;
  issuer: string;
  jwks_uri: string;
  jwks_readings: string;
}

/** Whether there is an authority of this issuer. */
export async function hasHealthAuthority(database: Queryable, issuer: string): Promise<boolean> {
  return (await database.query('select from health_authorities where issuer = $1', [issuer])).rows.length > 0;
}

/**
 * Lets one write at a time, until its transaction ends. False when the authority has gone, has another JWKS now, or was
 * read by somebody else meanwhile.
 */
export async function lockJwksSource(client: Queryable, source: JwksSource): Promise<boolean> {
  // Publishes that count refer to the row: they need not wait.
  const { rows } = await client.query(
    `select from health_authorities where id = $1 and jwks_uri = $2 and jwks_readings = $3 for no key update`,
    [source.id, source.jwksUri, source.readings],
  );
  return rows.length > 0;
}

/** All keys of an authority. */
export async function authorityKeys(client: Queryable, authorityId: number): Promise<readonly StoredKey[]> {
  const { rows } = await client.query<AuthorityKeyRow>(
    `select version, public_key_pem, valid_thru, from_jwks from health_authority_keys where health_authority_id = $1`,
    [authorityId],
  );
  return rows.map((row) => ({
    version: row.version,
    publicKeyPem: row.public_key_pem,
    validThru: row.valid_thru,
    isFromJwks: row.from_jwks,
  }));
}

interface AuthorityKeyRow {
  version: string;
  public_key_pem: string;
  valid_thru: Date | null;
  from_jwks: boolean;
}

/** Ends keys and accepts keys; none that was entered by hand is touched. */
export async function writeJwksKeys(
  client: Queryable,
  authorityId: number,
  { accepted, revoked, now }: Pick<KeyChanges, 'accepted' | 'revoked'> & { readonly now: Date },
): Promise<void> {
  await client.query(
    `update health_authority_keys set valid_thru = $3
      where health_authority_id = $1 and from_jwks and version = any($2)`,
    [authorityId, revoked, now],
  );
  await client.query(
    `insert into health_authority_keys as stored
       (health_authority_id, version, public_key_pem, valid_from, valid_thru, from_jwks)
     select $1, version, pem, $4, null, true from unnest($2::text[], $3::text[]) as k (version, pem)
     on conflict (health_authority_id, version) do update
       set public_key_pem = excluded.public_key_pem, valid_from = excluded.valid_from, valid_thru = null
     where stored.from_jwks`,
    [authorityId, accepted.map(version), accepted.map(({ publicKeyPem }) => publicKeyPem), now],
  );
}

function version({ version: name }: DocumentKey): string {
  return name;
}

/** Revoked keys of one authority that are kept at most, so that a document that changes all the time fills nothing. */
const mostRevoked = 100;

/** Deletes keys that left the JWKS before `before`, and the oldest of too many. */
export async function deleteRevokedKeys(client: Queryable, authorityId: number, before: Date): Promise<void> {
  await client.query(
    `delete from health_authority_keys k using (
       select version, row_number() over (order by valid_thru desc, version) as n
         from health_authority_keys where health_authority_id = $1 and from_jwks and valid_thru is not null) as revoked
      where k.health_authority_id = $1 and k.version = revoked.version
        and (k.valid_thru < $2 or revoked.n > $3)`,
    [authorityId, before, mostRevoked],
  );
}

/** Keys that are accepted now. */
export async function countActiveKeys(database: Queryable, authorityId: number, now: Date): Promise<number> {
  const { rows } = await database.query<{ n: number }>(
    `select count(*)::integer as n from health_authority_keys
      where health_authority_id = $1 and valid_from <= $2 and (valid_thru is null or valid_thru > $2)`,
    [authorityId, now],
  );
  return rows[0]?.n ?? 0;
}

/** Says that the JWKS was read. */
export async function markJwksRead(client: Queryable, authorityId: number, now: Date): Promise<void> {
  await client.query(
    `update health_authorities set jwks_read_at = $2, jwks_failing_since = null, jwks_readings = jwks_readings + 1
      where id = $1`,
    [authorityId, now],
  );
}

/** Says that it could not be read. */
export async function markJwksFailed(database: Queryable, source: JwksSource, now: Date | null): Promise<void> {
  await database.query(
    `update health_authorities set jwks_failing_since = coalesce(jwks_failing_since, $3, clock_timestamp())
      where id = $1 and jwks_uri = $2`,
    [source.id, source.jwksUri, now],
  );
}
