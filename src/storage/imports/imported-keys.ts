/** Writes imported keys: in key order, as every transaction that writes keys does, into the present window. */
import type { ImportableKey } from '../../domain/import/judge-key.ts';
import type { StoredKey } from '../../domain/import/judge-revision.ts';
import { reportTypeCodes, reportTypeOfCode } from '../../domain/publish/report-type.ts';
import type { Queryable } from '../database.ts';
import { arrayOf, byKey } from '../exposures/publish-statement.ts';

/** What all keys of an import have in common. */
export interface ImportFacts {
  readonly importId: number;
  readonly name: string;
  readonly region: string;
  readonly traveler: boolean;
}

/** How the keys of an import are told from those that were published here. */
function provenanceOf({ name }: ImportFacts): readonly string[] {
  return [`import:${name}`];
}

/**
 * Stores keys that are not here yet, whoever brought the others; of a key given twice the first counts.
 * @returns how many are new
 */
export async function insertImportedKeys(
  client: Queryable,
  facts: ImportFacts,
  { window, keys }: { readonly window: Date; readonly keys: readonly ImportableKey[] },
): Promise<number> {
  if (keys.length === 0) return 0;
  const { rowCount } = await client.query({
    name: 'insert_imported_keys',
    text: `
      insert into exposures (key, created_at, interval_start, import_id, interval_count, transmission_risk, report_type,
                             days_since_onset, traveler, regions, provenance)
      select k.key, greatest($1, to_timestamp(k.embargo)), k.interval_start, $2, k.interval_count, k.risk, k.report_type,
             k.onset_days, $3, $4, $5
        from unnest($6::bytea[], $7::integer[], $8::smallint[], $9::smallint[], $10::smallint[], $11::smallint[], $12::bigint[])
          as k (key, interval_start, interval_count, risk, report_type, onset_days, embargo)
      on conflict (key) do nothing`,
    values: [window, facts.importId, facts.traveler, [facts.region], provenanceOf(facts), ...columns(keys)],
  });
  return rowCount ?? 0;
}

interface StoredRow {
  key: Buffer;
  interval_start: number;
  interval_count: number;
  report_type: number;
  revised_report_type: number | null;
  import_id: number | null;
  is_withdrawn: boolean;
}

/** Those of the keys that are stored, locked until the transaction ends. */
export async function lockStoredKeys(client: Queryable, keys: readonly Buffer[]): Promise<readonly StoredKey[]> {
  const { rows } = await client.query<StoredRow>(
    `select key, interval_start, interval_count, report_type, revised_report_type, import_id,
            withdrawn_at is not null as is_withdrawn
       from exposures where key = any($1::bytea[]) order by key for update`,
    [keys],
  );
  return rows.map((row) => ({
    key: row.key,
    intervalStart: row.interval_start,
    intervalCount: row.interval_count,
    reportType: reportTypeOfCode(row.report_type),
    revisedReportType: row.revised_report_type === null ? null : reportTypeOfCode(row.revised_report_type),
    importId: row.import_id,
    isWithdrawn: row.is_withdrawn,
  }));
}

/** Writes the one revision of keys that are locked and were never revised. @returns how many were written */
export async function reviseImportedKeys(
  client: Queryable,
  facts: ImportFacts,
  { window, keys }: { readonly window: Date; readonly keys: readonly ImportableKey[] },
): Promise<number> {
  if (keys.length === 0) return 0;
  const { rowCount } = await client.query({
    name: 'revise_imported_keys',
    text: `
      update exposures as e
         set revised_at = greatest($1, e.created_at), revised_report_type = k.report_type,
             revised_transmission_risk = k.risk, revised_days_since_onset = k.onset_days,
             revised_traveler = e.traveler or $3,
             revised_regions = array(select distinct r from unnest(e.regions || $4::text[]) as r order by r)
        from unnest($5::bytea[], $6::integer[], $7::smallint[], $8::smallint[], $9::smallint[], $10::smallint[], $11::bigint[])
          as k (key, interval_start, interval_count, risk, report_type, onset_days, embargo)
       where e.key = k.key and e.import_id = $2 and e.revised_at is null`,
    values: [window, facts.importId, facts.traveler, [facts.region], ...columns(keys)],
  });
  return rowCount ?? 0;
}

function columns(keys: readonly ImportableKey[]): unknown[] {
  const sorted = keys.toSorted(byKey);
  return [
    sorted.map(({ key }) => key),
    arrayOf(sorted.map(({ intervalStart }) => intervalStart)),
    arrayOf(sorted.map(({ intervalCount }) => intervalCount)),
    arrayOf(sorted.map(({ transmissionRisk }) => transmissionRisk)),
    arrayOf(sorted.map(({ reportType }) => reportTypeCodes[reportType])),
    arrayOf(sorted.map(({ daysSinceOnset }) => daysSinceOnset)),
    arrayOf(sorted.map(({ embargo }) => embargo && embargo.getTime() / 1000)),
  ];
}
