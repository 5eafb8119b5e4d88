/** Partners as the exchange with them needs them: configured, with their id and whether they are paused. */
import type { Partner } from '../../domain/configuration/configuration.ts';
import { AppError } from '../../domain/errors.ts';
import { partnerColumns, toPartner, type PartnerRow } from '../configuration/partners.ts';
import type { Queryable } from '../database.ts';

/** A configured partner and its state. */
export interface KnownPartner extends Partner {
  readonly id: number;
  /** Since when nothing is exchanged with it; null = it is not paused. */
  readonly pausedAt: Date | null;
}

interface KnownPartnerRow extends PartnerRow {
  id: number;
  paused_at: Date | null;
}

/** All, by name. */
export async function readKnownPartners(database: Queryable): Promise<readonly KnownPartner[]> {
  return await read(database, 'true order by name', []);
}

/** The one of that name. */
export async function findPartner(database: Queryable, name: string): Promise<KnownPartner | null> {
  return (await read(database, 'name = $1', [name]))[0] ?? null;
}

/** The one whose tokens say this. */
export async function findPartnerByIdentity(
  database: Queryable,
  { issuer, subject }: { readonly issuer: string; readonly subject: string },
): Promise<KnownPartner | null> {
  const found = await read(database, 'identity_issuer = $1 and identity_subject = $2 order by id', [issuer, subject]);
  return found[0] ?? null;
}

/** The one with that id; null when it is no longer configured. */
export async function readPartner(database: Queryable, id: number): Promise<KnownPartner | null> {
  return (await read(database, 'id = $1', [id]))[0] ?? null;
}

/** Issuers of all partners' tokens. */
export async function readPartnerIssuers(database: Queryable): Promise<ReadonlySet<string>> {
  const { rows } = await database.query<{ issuer: string }>('select distinct identity_issuer as issuer from partners');
  return new Set(rows.map(({ issuer }) => issuer));
}

/** True when there is any partner. */
export async function hasPartners(database: Queryable): Promise<boolean> {
  const { rows } = await database.query('select from partners limit 1');
  return rows.length > 0;
}

/**
 * Pauses a partner, or lets it go on; then nothing waits for the end of a back-off.
 * @param change.at when; null = the database's clock
 * @returns whether anything changed
 * @throws AppError not_found `partner_not_found` when it was deleted meanwhile
 */
export async function writePause(
  client: Queryable,
  partnerId: number,
  change: { readonly isPaused: boolean; readonly at: Date | null },
): Promise<boolean> {
  const { rows } = await client.query<{ was_paused: boolean }>(
    'select paused_at is not null as was_paused from partners where id = $1 for no key update',
    [partnerId],
  );
  const wasPaused = rows[0]?.was_paused;
  if (wasPaused === undefined) throw partnerNotFound();
  if (wasPaused === change.isPaused) return false;
  await client.query(
    `update partners set paused_at = case when $2::boolean then coalesce($3::timestamptz, clock_timestamp()) end
      where id = $1`,
    [partnerId, change.isPaused, change.at],
  );
  if (!change.isPaused) {
    await client.query('update partner_exchanges set not_before = null where partner_id = $1', [partnerId]);
  }
  return true;
}

/** It is not configured, or no longer: AppError not_found `partner_not_found`. */
export function partnerNotFound(): AppError {
  return new AppError('not_found', 'partner_not_found', 'no partner has this name');
}

async function read(database: Queryable, condition: string, values: unknown[]): Promise<readonly KnownPartner[]> {
  const { rows } = await database.query<KnownPartnerRow>(
    `select id, paused_at, ${partnerColumns} from partners where ${condition}`,
    values,
  );
  return rows.map((row) => ({ ...toPartner(row), id: row.id, pausedAt: row.paused_at }));
}
