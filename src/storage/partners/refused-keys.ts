/** Keeps keys of partners that were refused, as they were sent, within bounds, so that they can be judged again. */
import type { AuthorityId } from '../../domain/federation/authority-id.ts';
import { longestPath } from '../../domain/federation/judge-origin.ts';
import type { SentKey } from '../../domain/federation/sent-key.ts';
import type { Refusal } from '../../domain/federation/verdict.ts';
import { reportTypeCodes } from '../../domain/publish/report-type.ts';
import { isRegion, normalRegion } from '../../domain/region.ts';
import type { Queryable } from '../database.ts';
import { nameOf } from './federated-keys.ts';
import { noEvent, noReportType, type IntakeDirection } from './partner-quarantine.ts';
import { arrayOf, byKey, textArray } from '../exposures/publish-statement.ts';

/** A key that is not taken in, and why. */
export interface RefusedKey {
  readonly sent: SentKey;
  readonly refusal: Refusal;
}

/** Whose keys are kept. */
export interface QuarantineTerms {
  readonly partnerId: number;
  readonly direction: IntakeDirection;
  readonly refusedAt: Date;
  /** Of one partner; further ones are not kept. */
  readonly most: number;
}

/** Key bytes that are kept: enough to see what was sent; only 16 can ever be accepted. */
const mostKeyBytes = 64;
/** Characters of a key's regions together. */
const longestRegions = 2_048;
/** Stands for what is too long to be kept, so that the path stays one that is refused. */
const leftOut = '…' as AuthorityId;

/**
 * Keeps refused keys, but for withdrawn ones, of which nothing may stay. Of a key that was refused before the newest
 * refusal counts, of one given twice the first.
 */
export async function quarantineKeys(
  client: Queryable,
  { partnerId, direction, refusedAt, most }: QuarantineTerms,
  refused: readonly RefusedKey[],
): Promise<void> {
  const rows = eachOnce(refused.filter(({ refusal }) => refusal !== 'withdrawn'));
  if (rows.length === 0) return;
  const numbers = (read: (sent: SentKey) => number | null) => arrayOf(rows.map(({ sent }) => read(sent)));
  await client.query(
    `insert into partner_quarantine (partner_id, direction, refused_at, reason, event, key, interval_start, interval_count,
                                     transmission_risk, report_type, days_since_onset, traveler, regions, path)
     select $1, $2, $3, k.reason, k.event, k.key, k.interval_start, k.interval_count, k.risk, k.report_type, k.onset_days,
            k.traveler, k.regions::text[], k.path::text[]
       from unnest($5::text[], $6::text[], $7::bytea[], $8::integer[], $9::integer[], $10::integer[], $11::integer[],
                   $12::integer[], $13::boolean[], $14::text[], $15::text[])
         as k (reason, event, key, interval_start, interval_count, risk, report_type, onset_days, traveler, regions, path)
      limit greatest(0, $4 - (select count(*) from partner_quarantine where partner_id = $1))
     on conflict (partner_id, key, event) do update
       set direction = excluded.direction, refused_at = excluded.refused_at, reason = excluded.reason,
           interval_start = excluded.interval_start, interval_count = excluded.interval_count,
           transmission_risk = excluded.transmission_risk, report_type = excluded.report_type,
           days_since_onset = excluded.days_since_onset, traveler = excluded.traveler, regions = excluded.regions,
           path = excluded.path`,
    [
      partnerId,
      direction,
      refusedAt,
      most,
      rows.map(({ refusal }) => refusal),
      rows.map(({ sent }) => sent.event ?? noEvent),
      rows.map(({ key }) => key),
      numbers(({ intervalStart }) => intervalStart),
      numbers(({ intervalCount }) => intervalCount),
      numbers(({ transmissionRisk }) => transmissionRisk),
      numbers(({ reportType }) => (reportType === null ? noReportType : reportTypeCodes[reportType])),
      numbers(({ daysSinceOnset }) => daysSinceOnset),
      arrayOf(rows.map(({ sent }) => sent.traveler)),
      rows.map(({ sent }) => textArray(keptRegions(sent.regions))),
      rows.map(({ sent }) => textArray(keptPath(sent.path))),
    ],
  );
}

/** In key order, so that two workers never wait for each other in a circle. */
function eachOnce(refused: readonly RefusedKey[]): readonly (RefusedKey & { readonly key: Buffer })[] {
  const cut = refused.map((row) => ({ ...row, key: row.sent.key.subarray(0, mostKeyBytes) }));
  const first = new Map(cut.toReversed().map((row) => [`${nameOf(row.key)} ${row.sent.event ?? noEvent}`, row]));
  return [...first.values()].sort(byKey);
}

function keptRegions(regions: readonly string[]): readonly string[] {
  return fitting([...new Set(regions.map(normalRegion).filter(isRegion))], longestRegions);
}

function keptPath(path: readonly AuthorityId[]): readonly AuthorityId[] {
  const kept = fitting(path, longestPath).filter((hop) => !hop.includes('\0'));
  return kept.length === path.length ? kept : [...kept, leftOut];
}

/** The first ones, as long as they have together no more characters than that. */
function fitting<Text extends string>(texts: readonly Text[], longest: number): readonly Text[] {
  let length = 0;
  const end = texts.findIndex((text) => (length += text.length) > longest);
  return end === -1 ? texts : texts.slice(0, end);
}
