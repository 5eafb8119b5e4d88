/** The quarantine of each partner: how much there is, what, and which keys are to be judged again. */
import type { AuthorityId } from '../../domain/federation/authority-id.ts';
import type { SentKey } from '../../domain/federation/sent-key.ts';
import { keyEvents, type KeyEvent } from '../../domain/federation/shared-key.ts';
import { unknownKey, type Refusal } from '../../domain/federation/verdict.ts';
import { reportTypeOfCode } from '../../domain/publish/report-type.ts';
import type { Queryable } from '../database.ts';

/** Which way a key came, and by whose rule it is judged again. */
export type IntakeDirection = 'pull' | 'push';

/** Stands for a report type, and for an event, that nobody knows. */
export const noReportType = -1;
export const noEvent = '';

/** A key in quarantine. */
export interface QuarantinedKey {
  readonly id: string;
  readonly sent: SentKey;
}

/** How many keys of a partner there are, by reason. */
export async function quarantineCounts(
  database: Queryable,
  partnerId: number,
): Promise<readonly { readonly reason: Refusal; readonly keys: number }[]> {
  const { rows } = await database.query<{ reason: Refusal; keys: number }>(
    `select reason, count(*)::integer as keys from partner_quarantine where partner_id = $1 group by reason order by reason`,
    [partnerId],
  );
  return rows;
}

/** What may be shown of a key in quarantine: never the key itself. */
export interface QuarantineEntry {
  readonly id: string;
  readonly direction: IntakeDirection;
  /** The last time. */
  readonly refusedAt: Date;
  readonly reason: Refusal;
  /** Null = one that nobody knows. */
  readonly event: KeyEvent | null;
  readonly intervalStart: number;
  readonly intervalCount: number;
  readonly regions: readonly string[];
}

/** Keys of a partner, those that were refused first before the others. @param options.reason null = any */
export async function listQuarantine(
  database: Queryable,
  { partnerId, reason, limit }: { readonly partnerId: number; readonly reason: string | null; readonly limit: number },
): Promise<readonly QuarantineEntry[]> {
  const { rows } = await database.query<QuarantineEntry>(
    `select id, direction, refused_at as "refusedAt", reason, nullif(event, '${noEvent}') as event,
            interval_start as "intervalStart", interval_count as "intervalCount", regions
       from partner_quarantine where partner_id = $1 and ($2::text is null or reason = $2)
      order by refused_at, id limit $3`,
    [partnerId, reason, limit],
  );
  return rows;
}

/** Keeps everybody else who takes keys of the partner in, and so its quarantine as it is, until the transaction ends. */
export async function lockPartner(client: Queryable, partnerId: number): Promise<void> {
  await client.query('select from partners where id = $1 for no key update', [partnerId]);
}

/** Changes that wait for one of these keys, oldest first. */
export async function waitingChanges(
  client: Queryable,
  partnerId: number,
  keys: readonly Buffer[],
): Promise<readonly QuarantinedKey[]> {
  return await read(client, 'partner_id = $1 and reason = $2 and key = any($3::bytea[]) order by id', [
    partnerId,
    unknownKey,
    keys,
  ]);
}

/** Which refused keys. */
export interface QuarantineFilter {
  readonly partnerId: number;
  readonly direction: IntakeDirection;
  /** Changes come after the keys that they may change. */
  readonly event: KeyEvent;
  /** Null = any. */
  readonly reason: string | null;
  readonly afterId: string;
  readonly limit: number;
}

/** Refused keys that may be judged again, oldest first. */
export async function quarantinedKeys(
  client: Queryable,
  { partnerId, direction, event, reason, afterId, limit }: QuarantineFilter,
): Promise<readonly QuarantinedKey[]> {
  return await read(
    client,
    `partner_id = $1 and direction = $2 and event = $3 and ($4::text is null or reason = $4) and id > $5
     order by id limit $6`,
    [partnerId, direction, event, reason, afterId, limit],
  );
}

/** Lets keys out that were taken in or may never be, and tells of the others why they are refused now. */
export async function updateQuarantine(
  client: Queryable,
  verdicts: {
    readonly released: readonly string[];
    readonly refused: readonly (readonly [id: string, refusal: Refusal])[];
  },
): Promise<void> {
  const { released, refused } = verdicts;
  if (released.length > 0)
    await client.query('delete from partner_quarantine where id = any($1::bigint[])', [released]);
  if (refused.length === 0) return;
  await client.query(
    `update partner_quarantine q set reason = r.reason from unnest($1::bigint[], $2::text[]) as r (id, reason)
      where q.id = r.id and q.reason <> r.reason`,
    [refused.map(([id]) => id), refused.map(([, refusal]) => refusal)],
  );
}

interface QuarantineRow {
  id: string;
  event: string;
  key: Buffer;
  interval_start: number;
  interval_count: number;
  transmission_risk: number;
  report_type: number;
  days_since_onset: number | null;
  traveler: boolean;
  regions: string[];
  path: AuthorityId[];
}

async function read(client: Queryable, condition: string, values: unknown[]): Promise<readonly QuarantinedKey[]> {
  const { rows } = await client.query<QuarantineRow>(
    `select id, event, key, interval_start, interval_count, transmission_risk, report_type, days_since_onset, traveler,
            regions, path
       from partner_quarantine where ${condition}`,
    values,
  );
  return rows.map((row) => ({
    id: row.id,
    sent: {
      key: row.key,
      event: keyEvents.find((event) => event === row.event) ?? null,
      intervalStart: row.interval_start,
      intervalCount: row.interval_count,
      transmissionRisk: row.transmission_risk,
      reportType: row.report_type === noReportType ? null : reportTypeOfCode(row.report_type),
      daysSinceOnset: row.days_since_onset,
      traveler: row.traveler,
      regions: row.regions,
      path: row.path,
    },
  }));
}
