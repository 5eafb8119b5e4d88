/** Keys of imported files that were refused, as they stand in their file, so that they can be judged again. */
import type { DecodedKey } from '../../domain/export-file/decode.ts';
import type { KeyList } from '../../domain/export-file/format.ts';
import { unknownKey, type Refusal } from '../../domain/import/refusal.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Queryable } from '../database.ts';
import { arrayOf, byKey } from '../exposures/publish-statement.ts';

/** A key that is not taken in, and why. */
export interface RefusedKey {
  readonly list: KeyList;
  readonly sent: DecodedKey;
  readonly refusal: Refusal;
}

/** A key in quarantine. */
export interface QuarantinedKey extends Omit<RefusedKey, 'refusal'> {
  readonly id: string;
}

/** Key bytes that are kept: enough to see what was sent; only 16 can ever be accepted. */
const mostKeyBytes = 64;

/** Keeps refused keys of one list; of a key that was refused before the newest refusal counts, of one given twice the first. */
export async function quarantineKeys(
  client: Queryable,
  { importId, fileId, clock }: { readonly importId: number; readonly fileId: string; readonly clock: Clock },
  refused: readonly RefusedKey[],
): Promise<void> {
  const rows = eachOnce(refused);
  if (rows.length === 0) return;
  await client.query(
    `insert into import_quarantine as q (import_id, import_file_id, refused_at, reason, is_revision, key, interval_start,
                                         interval_count, transmission_risk, report_type, days_since_onset)
     select $1, $2, coalesce($3::timestamptz, clock_timestamp()), k.*
       from unnest($4::text[], $5::boolean[], $6::bytea[], $7::integer[], $8::integer[], $9::integer[], $10::integer[],
                   $11::integer[]) as k
     on conflict (import_id, key, is_revision) do update
       set import_file_id = excluded.import_file_id, refused_at = excluded.refused_at, reason = excluded.reason,
           interval_start = excluded.interval_start, interval_count = excluded.interval_count,
           transmission_risk = excluded.transmission_risk, report_type = excluded.report_type,
           days_since_onset = excluded.days_since_onset`,
    [
      importId,
      fileId,
      clock.forDatabase(),
      rows.map(({ refusal }) => refusal),
      arrayOf(rows.map(({ list }) => list === 'revisedKeys')),
      rows.map(({ key }) => key),
      arrayOf(rows.map(({ sent }) => sent.rollingStart)),
      arrayOf(rows.map(({ sent }) => sent.rollingPeriod)),
      arrayOf(rows.map(({ sent }) => sent.transmissionRisk)),
      arrayOf(rows.map(({ sent }) => sent.reportType)),
      arrayOf(rows.map(({ sent }) => sent.daysSinceOnset)),
    ],
  );
}

/** In key order, so that two workers never wait for each other in a circle. */
function eachOnce(refused: readonly RefusedKey[]): readonly (RefusedKey & { readonly key: Buffer })[] {
  const cut = refused.map((row) => ({ ...row, key: row.sent.key.subarray(0, mostKeyBytes) }));
  const first = new Map(cut.toReversed().map((row) => [row.key.toString('latin1'), row]));
  return [...first.values()].sort(byKey);
}

interface QuarantineRow {
  id: string;
  is_revision: boolean;
  key: Buffer;
  interval_start: number;
  interval_count: number;
  transmission_risk: number | null;
  report_type: number;
  days_since_onset: number | null;
}

/** Which refused keys. */
export interface QuarantineFilter {
  readonly importId: number;
  /** Of one list: revisions come after the keys that they may revise. */
  readonly list: KeyList;
  /** Only revisions whose key has been imported meanwhile. */
  readonly onlyArrived: boolean;
  readonly afterId: string;
  readonly limit: number;
}

/** Refused keys, oldest first. */
export async function quarantinedKeys(
  database: Queryable,
  { importId, list, onlyArrived, afterId, limit }: QuarantineFilter,
): Promise<readonly QuarantinedKey[]> {
  const { rows } = await database.query<QuarantineRow>(
    `select q.id, q.is_revision, q.key, q.interval_start, q.interval_count, q.transmission_risk, q.report_type,
            q.days_since_onset
       from import_quarantine q
      where q.import_id = $1 and q.is_revision = $2 and q.id > $3
        and (not $4::boolean or q.reason = $6 and exists (select from exposures e where e.key = q.key))
      order by q.id limit $5`,
    [importId, list === 'revisedKeys', afterId, onlyArrived, limit, unknownKey],
  );
  return rows.map((row) => ({
    id: row.id,
    list,
    sent: {
      key: row.key,
      transmissionRisk: row.transmission_risk,
      rollingStart: row.interval_start,
      rollingPeriod: row.interval_count,
      reportType: row.report_type,
      daysSinceOnset: row.days_since_onset,
      variantOfConcern: null,
    },
  }));
}

/** Lets keys out that were taken in, and tells of those that were refused again why. */
export async function updateQuarantine(
  client: Queryable,
  {
    released,
    refused,
  }: { readonly released: readonly string[]; readonly refused: readonly (readonly [id: string, refusal: Refusal])[] },
): Promise<number> {
  // In the order in which files quarantine keys, so that none waits for another in a circle.
  await client.query(
    'select from import_quarantine where id = any($1::bigint[]) order by key, is_revision for update',
    [[...released, ...refused.map(([id]) => id)]],
  );
  const { rowCount } = await client.query('delete from import_quarantine where id = any($1::bigint[])', [released]);
  await client.query(
    `update import_quarantine q set reason = r.reason from unnest($1::bigint[], $2::text[]) as r (id, reason)
      where q.id = r.id and q.reason <> r.reason`,
    [refused.map(([id]) => id), refused.map(([, refusal]) => refusal)],
  );
  return rowCount ?? 0;
}
