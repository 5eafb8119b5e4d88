/** Federated authorities as configured. */
import type { AcceptGrant, Partner, PullRule, PushRule, ServeGrant } from '../../domain/configuration/configuration.ts';
import type { Queryable } from '../database.ts';
import { toJson } from './json.ts';

/** A row of the columns that follow. */
export interface PartnerRow {
  name: string;
  address: string;
  identity_issuer: string;
  identity_subject: string;
  identity_audience: string;
  our_audience: string;
  require_server_identity: boolean;
  serve: ServeGrant | null;
  pull: PullRule | null;
  accept: AcceptGrant | null;
  push: PushRule | null;
}

/** Those that a configuration has of a partner. */
export const partnerColumns = `name, address, identity_issuer, identity_subject, identity_audience, our_audience,
            require_server_identity, serve, pull, accept, push`;

/** All, oldest first. */
export async function readPartners(database: Queryable): Promise<Partner[]> {
  const { rows } = await database.query<PartnerRow>(`select ${partnerColumns} from partners order by id`);
  return rows.map(toPartner);
}

/** The partner that a row describes. */
export function toPartner(row: PartnerRow): Partner {
  return {
    name: row.name,
    address: row.address,
    identity: { issuer: row.identity_issuer, subject: row.identity_subject, audience: row.identity_audience },
    ourAudience: row.our_audience,
    requireServerIdentity: row.require_server_identity,
    serve: row.serve,
    pull: row.pull,
    accept: row.accept,
    push: row.push,
  };
}

/** Creates it, or makes the one with this name be like it. */
export async function savePartner(database: Queryable, partner: Partner): Promise<void> {
  await database.query(
    `insert into partners (name, address, identity_issuer, identity_subject, identity_audience, our_audience,
                           require_server_identity, serve, pull, accept, push)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
     on conflict (name) do update
       set address = excluded.address, identity_issuer = excluded.identity_issuer,
           identity_subject = excluded.identity_subject, identity_audience = excluded.identity_audience,
           our_audience = excluded.our_audience, require_server_identity = excluded.require_server_identity,
           serve = excluded.serve, pull = excluded.pull, accept = excluded.accept, push = excluded.push`,
    [
      partner.name,
      partner.address,
      partner.identity.issuer,
      partner.identity.subject,
      partner.identity.audience,
      partner.ourAudience,
      partner.requireServerIdentity,
      toJson(partner.serve),
      toJson(partner.pull),
      toJson(partner.accept),
      toJson(partner.push),
    ],
  );
}

/** Deletes it; keys that came from it stay. */
export async function deletePartner(database: Queryable, name: string): Promise<void> {
  await database.query('delete from partners where name = $1', [name]);
}
