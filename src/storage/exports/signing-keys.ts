/** Signing keys and their versions. */
import type { SignerChoice } from '../../domain/export/batch.ts';
import { MAX_SIGNERS } from '../../domain/export/key-version.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Queryable } from '../database.ts';

/** A version of a signing key, as phones know it. */
export interface PublicKeyVersion {
  readonly keyId: string;
  readonly keyVersion: string;
  /** SPKI PEM, P-256. */
  readonly publicKeyPem: string;
  readonly from: Date;
  /** Null = no end. */
  readonly thru: Date | null;
}

/** A signing key as configured. */
export interface SigningKey {
  readonly id: number;
  readonly name: string;
  /** Key in the key manager. */
  readonly key: string;
  /** Of the first version. */
  readonly firstVersion: string;
  /** No version signs longer; null = no end. */
  readonly thru: Date | null;
}

/** A version to be. */
export interface NewVersion {
  readonly keyVersion: string;
  readonly managerVersion: string;
  readonly publicKeyPem: string;
}

const NEWEST_FIRST = 'v.valid_from desc, length(v.key_version) desc, v.key_version desc, v.signing_key_id desc';

/** Who signs the export's files now: newest first, at most as many as phones look at. */
export async function activeSigners(
  client: Queryable,
  exportId: number,
  clock: Clock,
): Promise<readonly SignerChoice[]> {
  const { rows } = await client.query<SignerRow>(
    `select k.key, v.manager_version, k.key_id, v.key_version
       from export_signing_keys j
       join signing_keys k on k.id = j.signing_key_id
       join signing_key_versions v on v.signing_key_id = k.id
      where j.export_id = $1
        and v.valid_from <= coalesce($2::timestamptz, clock_timestamp())
        and (v.valid_thru is null or v.valid_thru > coalesce($2::timestamptz, clock_timestamp()))
        and (k.thru is null or k.thru > coalesce($2::timestamptz, clock_timestamp()))
      order by ${NEWEST_FIRST} limit ${MAX_SIGNERS}`,
    [exportId, clock.forDatabase()],
  );
  return rows.map((row) => ({
    key: row.key,
    managerVersion: row.manager_version,
    keyId: row.key_id,
    keyVersion: row.key_version,
  }));
}

interface SignerRow {
  key: string;
  manager_version: string;
  key_id: string;
  key_version: string;
}

/** Public keys of signers as they were recorded, SPKI PEM, in their order; undefined where the version is no longer there. */
export async function recordedPublicKeys(
  database: Queryable,
  choices: readonly SignerChoice[],
): Promise<readonly (string | undefined)[]> {
  const { rows } = await database.query<{ public_key_pem: string | null }>(
    `select v.public_key_pem
       from unnest($1::text[], $2::text[], $3::text[], $4::text[]) with ordinality
            as s(key, manager_version, key_id, key_version, position)
       left join (signing_keys k join signing_key_versions v on v.signing_key_id = k.id)
         on k.key = s.key and v.manager_version = s.manager_version
            and k.key_id = s.key_id and v.key_version = s.key_version
      order by s.position`,
    [
      choices.map(({ key }) => key),
      choices.map(({ managerVersion }) => managerVersion),
      choices.map(({ keyId }) => keyId),
      choices.map(({ keyVersion }) => keyVersion),
    ],
  );
  return rows.map((row) => row.public_key_pem ?? undefined);
}

/**
 * Keys that verify files which may still be read, newest first: those of the export's signers, the ones that ended before
 * the retention left out, and those that signed a file that is still there.
 */
export async function exportPublicKeys(
  database: Queryable,
  exportId: number,
  { clock, retentionSeconds }: { readonly clock: Clock; readonly retentionSeconds: number },
): Promise<readonly PublicKeyVersion[]> {
  const { rows } = await database.query<PublicKeyRow>(
    `select k.key_id, v.key_version, v.public_key_pem, v.valid_from, v.valid_thru
       from signing_keys k
       join signing_key_versions v on v.signing_key_id = k.id
      where (exists (select from export_signing_keys j where j.export_id = $1 and j.signing_key_id = k.id)
             and (v.valid_thru is null
                  or v.valid_thru > coalesce($2::timestamptz, clock_timestamp()) - make_interval(secs => $3)))
         or exists (select from files f, jsonb_to_recordset(f.signers)
                             as s("keyId" text, "keyVersion" text, key text, "managerVersion" text)
                     where f.export_id = $1 and f.status in ('listed', 'unlisted')
                       and s."keyId" = k.key_id and s."keyVersion" = v.key_version
                       -- Not known of adopted files.
                       and coalesce(s.key, k.key) = k.key
                       and coalesce(s."managerVersion", v.manager_version) = v.manager_version)
      order by ${NEWEST_FIRST}`,
    [exportId, clock.forDatabase(), retentionSeconds],
  );
  return rows.map(toPublicKeyVersion);
}

/** Names, in the key manager, of the keys that the export is configured with. */
export async function exportKeyNames(database: Queryable, exportId: number): Promise<readonly string[]> {
  const { rows } = await database.query<{ key: string }>(
    `select distinct k.key from export_signing_keys j join signing_keys k on k.id = j.signing_key_id
      where j.export_id = $1 order by k.key`,
    [exportId],
  );
  return rows.map(({ key }) => key);
}

/** All versions of a signing key, newest first. */
export async function signingKeyVersions(database: Queryable, id: number): Promise<readonly PublicKeyVersion[]> {
  const { rows } = await database.query<PublicKeyRow>(
    `select k.key_id, v.key_version, v.public_key_pem, v.valid_from, v.valid_thru
       from signing_keys k join signing_key_versions v on v.signing_key_id = k.id
      where k.id = $1 order by ${NEWEST_FIRST}`,
    [id],
  );
  return rows.map(toPublicKeyVersion);
}

interface PublicKeyRow {
  key_id: string;
  key_version: string;
  public_key_pem: string;
  valid_from: Date;
  valid_thru: Date | null;
}

function toPublicKeyVersion(row: PublicKeyRow): PublicKeyVersion {
  return {
    keyId: row.key_id,
    keyVersion: row.key_version,
    publicKeyPem: row.public_key_pem,
    from: row.valid_from,
    thru: row.valid_thru,
  };
}

const KEY_COLUMNS = 'k.id, k.name, k.key, k.first_version, k.thru';

interface SigningKeyRow {
  id: number;
  name: string;
  key: string;
  first_version: string;
  thru: Date | null;
}

function toSigningKey(row: SigningKeyRow): SigningKey {
  return { id: row.id, name: row.name, key: row.key, firstVersion: row.first_version, thru: row.thru };
}

/** Null when there is none. With `lock`, its row is locked until the transaction ends. */
export async function findSigningKey(
  database: Queryable,
  name: string,
  { lock }: { readonly lock: boolean } = { lock: false },
): Promise<SigningKey | null> {
  const { rows } = await database.query<SigningKeyRow>(
    `select ${KEY_COLUMNS} from signing_keys k where k.name = $1 ${lock ? 'for update' : ''}`,
    [name],
  );
  return rows[0] ? toSigningKey(rows[0]) : null;
}

/** Signing keys that have no version yet. */
export async function signingKeysWithoutVersion(database: Queryable): Promise<readonly SigningKey[]> {
  const { rows } = await database.query<SigningKeyRow>(
    `select ${KEY_COLUMNS} from signing_keys k
      where not exists (select from signing_key_versions v where v.signing_key_id = k.id) order by k.id`,
  );
  return rows.map(toSigningKey);
}

/** Versions, with this keyId, of the other signing keys that sign for an export with this one. */
export async function keyVersionsBeside(
  client: Queryable,
  { id }: SigningKey,
  keyId: string,
): Promise<ReadonlySet<string>> {
  const { rows } = await client.query<{ key_version: string }>(
    `select coalesce(v.key_version, k.first_version) as key_version
       from signing_keys k left join signing_key_versions v on v.signing_key_id = k.id
      where k.key_id = $2 and k.id <> $1
        and exists (select from export_signing_keys j join export_signing_keys own on own.export_id = j.export_id
                     where j.signing_key_id = k.id and own.signing_key_id = $1)`,
    [id, keyId],
  );
  return new Set(rows.map((row) => row.key_version));
}

/** Public keys (SPKI PEM) of all versions that come from this key of the key manager, whoever signs with them. */
export async function publicKeysOf(database: Queryable, key: string): Promise<ReadonlySet<string>> {
  const { rows } = await database.query<{ public_key_pem: string }>(
    `select v.public_key_pem from signing_keys k join signing_key_versions v on v.signing_key_id = k.id where k.key = $1`,
    [key],
  );
  return new Set(rows.map((row) => row.public_key_pem));
}

/** Adds a version that signs from now until the key's end. */
export async function insertSigningKeyVersion(
  client: Queryable,
  signingKey: SigningKey,
  { version, clock }: { readonly version: NewVersion; readonly clock: Clock },
): Promise<void> {
  await client.query(
    `insert into signing_key_versions
       (signing_key_id, key_version, manager_version, public_key_pem, valid_from, valid_thru)
     values ($1, $2, $3, $4, coalesce($5::timestamptz, clock_timestamp()), $6)`,
    [
      signingKey.id,
      version.keyVersion,
      version.managerVersion,
      version.publicKeyPem,
      clock.forDatabase(),
      signingKey.thru,
    ],
  );
}

/** Lets all versions end so many seconds from now, unless they end earlier. */
export async function endSigningKeyVersions(
  client: Queryable,
  id: number,
  { afterSeconds, clock }: { readonly afterSeconds: number; readonly clock: Clock },
): Promise<void> {
  await client.query(
    `update signing_key_versions
        set valid_thru = least(valid_thru, coalesce($2::timestamptz, clock_timestamp()) + make_interval(secs => $3))
      where signing_key_id = $1`,
    [id, clock.forDatabase(), afterSeconds],
  );
}
