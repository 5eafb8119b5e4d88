/** Keys in the database as publishes, imports, partners and revisions leave them; windows are counted from the last closed one. */
import { createHash } from 'node:crypto';
import type { Database } from '../../../src/storage/database.ts';
import { readWindowState } from '../../../src/storage/windows.ts';

/** A stored key; what is not said is as an ordinary publish leaves it. */
export interface ExposureRow {
  /** Windows after the last closed one: 0 = in it, negative = before, positive = not closed yet. */
  readonly window?: number;
  readonly revisedWindow?: number;
  readonly withdrawnWindow?: number;
  readonly reportType?: number;
  readonly revisedReportType?: number;
  readonly risk?: number;
  readonly onset?: number | null;
  readonly revisedOnset?: number | null;
  readonly traveler?: boolean;
  readonly revisedTraveler?: boolean;
  readonly regions?: readonly string[];
  readonly revisedRegions?: readonly string[];
  readonly provenance?: readonly string[];
  readonly partnerId?: number;
  readonly importId?: number;
  readonly adopted?: boolean;
}

/** The key number n, as hexadecimal digits. */
export function keyNumber(n: number): string {
  return createHash('md5').update(String(n)).digest('hex');
}

/** Stores them under the keys of their numbers, from `first` on. @returns the keys, in the order of the rows */
export async function addRows(database: Database, rows: readonly ExposureRow[], first = 0): Promise<string[]> {
  const { closedThrough } = await readWindowState(database);
  const start = (window: number | undefined) =>
    window === undefined ? null : new Date(closedThrough.getTime() + (window - 1) * 3_600_000);
  const stored = rows.map((row, index) => ({
    ...row,
    key: keyNumber(first + index),
    created: start(row.window ?? 0),
    revised: start(row.revisedWindow),
    withdrawn: start(row.withdrawnWindow),
  }));
  await database.query(
    `insert into exposures (key, created_at, revised_at, withdrawn_at, interval_start, interval_count, transmission_risk,
                            report_type, days_since_onset, traveler, regions, revised_report_type,
                            revised_transmission_risk, revised_days_since_onset, revised_traveler, revised_regions,
                            provenance, partner_id, import_id, adopted)
     select decode(key, 'hex'), created, revised, withdrawn, 2650000, 144, coalesce(risk, 2), coalesce("reportType", 1),
            onset, coalesce(traveler, false), coalesce(regions, '{AA}'),
            case when revised is not null then coalesce("revisedReportType", 5) end,
            case when revised is not null then 6 end, "revisedOnset", "revisedTraveler", "revisedRegions",
            provenance, "partnerId", "importId", coalesce(adopted, false)
       from jsonb_to_recordset($1) as r (
         key text, created timestamptz, revised timestamptz, withdrawn timestamptz, risk int, "reportType" int, onset int,
         traveler boolean, regions text[], "revisedReportType" int, "revisedOnset" int, "revisedTraveler" boolean,
         "revisedRegions" text[], provenance text[], "partnerId" int, "importId" int, adopted boolean)`,
    [JSON.stringify(stored)],
  );
  return stored.map(({ key }) => key);
}
