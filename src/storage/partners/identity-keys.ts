/** Versions of our own issuer's key. */
import type { Clock } from '../../platform/clock.ts';
import type { Queryable } from '../database.ts';

/** One version. */
export interface IdentityKeyVersion {
  /** The `kid` of its tokens. */
  readonly version: string;
  /** The key manager's names of the key, and of the version. */
  readonly key: string;
  readonly managerVersion: string;
  /** SPKI PEM, P-256. */
  readonly publicKeyPem: string;
  /** It signs from then on; it is published before. */
  readonly from: Date;
  /** It is not published after this; null = no end. */
  readonly thru: Date | null;
}

interface IdentityKeyRow {
  version: string;
  key: string;
  manager_version: string;
  public_key_pem: string;
  valid_from: Date;
  valid_thru: Date | null;
}

/** Newest first; those that are no longer published are left out. */
export async function identityKeyVersions(database: Queryable, clock: Clock): Promise<readonly IdentityKeyVersion[]> {
  const { rows } = await database.query<IdentityKeyRow>(
    `select version, key, manager_version, public_key_pem, valid_from, valid_thru
       from identity_key_versions
      where valid_thru is null or valid_thru > coalesce($1::timestamptz, clock_timestamp())
      order by valid_from desc, length(version) desc, version desc`,
    [clock.forDatabase()],
  );
  return rows.map((row) => ({
    version: row.version,
    key: row.key,
    managerVersion: row.manager_version,
    publicKeyPem: row.public_key_pem,
    from: row.valid_from,
    thru: row.valid_thru,
  }));
}

/** Whoever changes versions does it alone, to the end of the transaction. */
export async function lockIdentityKeys(client: Queryable): Promise<void> {
  await client.query('lock table identity_key_versions in share row exclusive mode');
}

/** A version to be. */
export interface NewIdentityKeyVersion {
  readonly version: string;
  readonly key: string;
  readonly managerVersion: string;
  readonly publicKeyPem: string;
  /** Seconds from now until it signs. */
  readonly signsAfterSeconds: number;
}

/** Adds a version, published from now on. */
export async function insertIdentityKeyVersion(
  client: Queryable,
  { version, key, managerVersion, publicKeyPem, signsAfterSeconds }: NewIdentityKeyVersion,
  clock: Clock,
): Promise<void> {
  await client.query(
    `insert into identity_key_versions (version, key, manager_version, public_key_pem, valid_from)
     values ($1, $2, $3, $4, coalesce($5::timestamptz, clock_timestamp()) + make_interval(secs => $6))`,
    [version, key, managerVersion, publicKeyPem, clock.forDatabase(), signsAfterSeconds],
  );
}

/** Lets all versions end so many seconds from now, unless they end earlier. */
export async function endIdentityKeyVersions(client: Queryable, afterSeconds: number, clock: Clock): Promise<void> {
  await client.query(
    `update identity_key_versions
        set valid_thru = least(valid_thru, coalesce($1::timestamptz, clock_timestamp()) + make_interval(secs => $2))`,
    [clock.forDatabase(), afterSeconds],
  );
}
