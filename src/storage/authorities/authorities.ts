/** Apps and health authorities, as a publish needs them. */
import type { AndroidAttestation, AttestationMode, IosAttestation } from '../../domain/configuration/configuration.ts';
import type { Queryable } from '../database.ts';

/** An app that may publish. */
export interface StoredApp {
  readonly id: number;
  /** Lower case. */
  readonly appId: string;
  readonly regions: readonly string[];
  readonly bypassesCertificate: boolean;
  readonly bypassesRevisionToken: boolean;
  readonly isHeld: boolean;
  /** Health authorities whose certificates it takes. */
  readonly authorityIds: readonly number[];
  readonly attestation: AttestationMode;
  /** Null = its devices of this platform cannot attest. */
  readonly android: AndroidAttestation | null;
  readonly ios: IosAttestation | null;
}

/** A health authority with all its keys. */
export interface StoredAuthority {
  readonly id: number;
  readonly issuer: string;
  readonly audience: string;
  /** It may read the statistics of its certificates. */
  readonly readsStats: boolean;
  readonly isHeld: boolean;
  readonly keys: readonly StoredAuthorityKey[];
}

/** One public key of a health authority. */
export interface StoredAuthorityKey {
  readonly version: string;
  readonly publicKeyPem: string;
  readonly validFrom: Date;
  /** Null = without end. */
  readonly validThru: Date | null;
}

/** @param appId lower case, without NUL */
export async function findApp(database: Queryable, appId: string): Promise<StoredApp | undefined> {
  const { rows } = await database.query<AppRow>({ name: 'find_app', text: findAppSql, values: [appId] });
  const row = rows[0];
  return (
    row && {
      id: row.id,
      appId: row.app_id,
      regions: row.regions,
      bypassesCertificate: row.bypass_certificate,
      bypassesRevisionToken: row.bypass_revision_token,
      isHeld: row.is_held,
      authorityIds: row.authority_ids,
      attestation: row.attestation,
      android: row.android,
      ios: row.ios,
    }
  );
}

/** @param issuer exactly as stored, without NUL */
export async function findAuthority(database: Queryable, issuer: string): Promise<StoredAuthority | undefined> {
  const { rows } = await database.query<AuthorityRow>({
    name: 'find_authority',
    text: findAuthoritySql,
    values: [issuer],
  });
  const row = rows[0];
  return (
    row && {
      id: row.id,
      issuer: row.issuer,
      audience: row.audience,
      readsStats: row.stats,
      isHeld: row.is_held,
      keys: rows.flatMap(({ version, public_key_pem: publicKeyPem, valid_from: validFrom, valid_thru: validThru }) =>
        version === null || publicKeyPem === null || validFrom === null
          ? []
          : [{ version, publicKeyPem, validFrom, validThru }],
      ),
    }
  );
}

interface AppRow {
  id: number;
  app_id: string;
  regions: string[];
  bypass_certificate: boolean;
  bypass_revision_token: boolean;
  is_held: boolean;
  authority_ids: number[];
  attestation: AttestationMode;
  android: AndroidAttestation | null;
  ios: IosAttestation | null;
}

const findAppSql = `
select id, apps.app_id, regions, bypass_certificate, bypass_revision_token, held_at is not null as is_held,
       attestation, android, ios,
       array(select health_authority_id from app_health_authorities as pair where pair.app_id = apps.id) as authority_ids
  from apps where apps.app_id = $1`;

interface AuthorityRow {
  id: number;
  issuer: string;
  audience: string;
  stats: boolean;
  is_held: boolean;
  version: string | null;
  public_key_pem: string | null;
  valid_from: Date | null;
  valid_thru: Date | null;
}

const findAuthoritySql = `
select id, issuer, audience, stats, held_at is not null as is_held, version, public_key_pem, valid_from, valid_thru
  from health_authorities left join health_authority_keys on health_authority_id = id
 where issuer = $1`;
