/** Apps and the health authorities whose certificates they may use. */
import type {
  AndroidAttestation,
  App,
  AttestationMode,
  IosAttestation,
} from '../../domain/configuration/configuration.ts';
import type { Queryable } from '../database.ts';
import { toJson } from './json.ts';

interface AppRow {
  app_id: string;
  regions: string[];
  issuers: string[];
  bypass_certificate: boolean;
  bypass_revision_token: boolean;
  attestation: AttestationMode;
  android: AndroidAttestation | null;
  ios: IosAttestation | null;
}

/** All, oldest first. */
export async function readApps(database: Queryable): Promise<App[]> {
  const { rows } = await database.query<AppRow>(
    `select app_id, regions, bypass_certificate, bypass_revision_token, attestation, android, ios,
            array(select h.issuer from app_health_authorities j join health_authorities h on h.id = j.health_authority_id
                   where j.app_id = apps.id order by h.issuer) as issuers
       from apps order by id`,
  );
  return rows.map((row) => ({
    id: row.app_id,
    regions: row.regions,
    healthAuthorities: row.issuers,
    bypassCertificate: row.bypass_certificate,
    bypassRevisionToken: row.bypass_revision_token,
    attestation: row.attestation,
    android: row.android,
    ios: row.ios,
  }));
}

/** Creates it, or makes the one with this id be like it. */
export async function saveApp(database: Queryable, app: App): Promise<void> {
  const { rows } = await database.query<{ id: number }>(
    `insert into apps (app_id, regions, bypass_certificate, bypass_revision_token, attestation, android, ios)
     values ($1, $2, $3, $4, $5, $6, $7)
     on conflict (app_id) do update
       set regions = excluded.regions, bypass_certificate = excluded.bypass_certificate,
           bypass_revision_token = excluded.bypass_revision_token, attestation = excluded.attestation,
           android = excluded.android, ios = excluded.ios
     returning id`,
    [
      app.id,
      app.regions,
      app.bypassCertificate,
      app.bypassRevisionToken,
      app.attestation,
      toJson(app.android),
      toJson(app.ios),
    ],
  );
  await database.query('delete from app_health_authorities where app_id = $1', [rows[0]?.id]);
  await database.query(
    `insert into app_health_authorities (app_id, health_authority_id)
     select $1, id from health_authorities where issuer = any($2)`,
    [rows[0]?.id, app.healthAuthorities],
  );
}

/** Deletes it; keys that it published stay. */
export async function deleteApp(database: Queryable, id: string): Promise<void> {
  await database.query('delete from apps where app_id = $1', [id]);
}
