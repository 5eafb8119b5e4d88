/** Puts a health authority, its key and an app that trusts it into a database, by SQL. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { Queryable } from '../../src/storage/database.ts';
import { makePhone, type Phone } from './phone.ts';

/** What differs from the sample; everything may be left out. */
export interface AuthorityOptions {
  issuer?: string;
  audience?: string;
  kid?: string;
  appId?: string;
  regions?: string[];
  bypassCertificate?: boolean;
  bypassRevisionToken?: boolean;
  isAppHeld?: boolean;
  isAuthorityHeld?: boolean;
  validFrom?: Date;
  validThru?: Date | null;
}

/** The stored sample and a phone that it accepts. */
export interface Authority {
  readonly appRowId: number;
  readonly authorityRowId: number;
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
  readonly phone: Phone;
}

/** Inserts the sample and returns a phone of its app. */
export async function insertAuthority(database: Queryable, options: AuthorityOptions = {}): Promise<Authority> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const issuer = options.issuer ?? 'https://verify.example.org';
  const audience = options.audience ?? 'enmesh-sample';
  const kid = options.kid ?? 'v1';
  const appId = options.appId ?? 'org.example.health';
  const authorityRowId = await insertId(
    database,
    `insert into health_authorities (issuer, audience, name, stats, held_at)
     values ($1, $2, 'Example Health', true, $3) returning id`,
    [issuer, audience, options.isAuthorityHeld ? new Date(0) : null],
  );
  await database.query(
    `insert into health_authority_keys (health_authority_id, version, public_key_pem, valid_from, valid_thru, from_jwks)
     values ($1, $2, $3, $4, $5, false)`,
    [
      authorityRowId,
      kid,
      publicKey.export({ type: 'spki', format: 'pem' }),
      options.validFrom ?? new Date(0),
      options.validThru ?? null,
    ],
  );
  const appRowId = await insertId(
    database,
    `insert into apps (app_id, regions, bypass_certificate, bypass_revision_token, attestation, held_at)
     values (lower($1), $2, $3, $4, 'off', $5) returning id`,
    [
      appId,
      options.regions ?? ['AA'],
      options.bypassCertificate ?? false,
      options.bypassRevisionToken ?? false,
      options.isAppHeld ? new Date(0) : null,
    ],
  );
  await database.query('insert into app_health_authorities (app_id, health_authority_id) values ($1, $2)', [
    appRowId,
    authorityRowId,
  ]);
  const phone = makePhone({ issuer, audience, kid, privateKey, appId });
  return { appRowId, authorityRowId, publicKey, privateKey, phone };
}

async function insertId(database: Queryable, text: string, values: unknown[]): Promise<number> {
  const { rows } = await database.query<{ id: number }>(text, values);
  const id = rows[0]?.id;
  if (id === undefined) throw new Error('the insert returned nothing');
  return id;
}
