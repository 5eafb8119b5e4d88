/** Takes keys out of published files that the database does not know. */
import type { DecodedKey } from '../../domain/export-file/decode.ts';
import { reportTypeCodes } from '../../domain/publish/report-type.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Queryable } from '../database.ts';
import type { PlannableExport } from './exports.ts';
import { arrayOf, byKey } from '../exposures/publish-statement.ts';
import { unbury } from '../exposures/tombstones.ts';
import { enterWindow } from '../windows.ts';

/** Keys in one statement. */
const chunkKeys = 10_000;

/** What a file holds, and of which window. */
export interface KeysOfFile {
  readonly windowStart: Date;
  readonly keys: readonly DecodedKey[];
  readonly revisedKeys: readonly DecodedKey[];
}

/**
 * The window is over, so nobody else writes there; keys and padding that are here stay as they are. A key with a tombstone
 * was withdrawn after it was published: it goes out once more, as revoked, with the present window.
 */
export async function importKeys(
  client: Queryable,
  series: PlannableExport,
  { file, clock }: { readonly file: KeysOfFile; readonly clock: Clock },
): Promise<void> {
  const regions = series.inputRegions.includes(series.outputRegion) ? [series.outputRegion] : series.inputRegions;
  for (const chunk of chunksOf(file.keys)) {
    const withdrawn = await unbury(
      client,
      chunk.map(({ key }) => key),
    );
    const withdrawnAt = withdrawn.length === 0 ? null : await enterWindow(client, clock);
    await client.query(
      `insert into exposures (key, created_at, interval_start, interval_count, transmission_risk, report_type,
                              days_since_onset, traveler, regions, adopted, withdrawn_at)
       select k.key, $1, k.interval_start, k.interval_count, k.risk, k.report_type, k.onset_days, false, $2, true,
              case when k.key = any($9::bytea[]) then $10::timestamptz end
         from unnest($3::bytea[], $4::integer[], $5::smallint[], $6::smallint[], $7::smallint[], $8::smallint[])
           as k (key, interval_start, interval_count, risk, report_type, onset_days)
        where not exists (select from padding_keys p where p.key = k.key)
        order by k.key
       on conflict (key) do nothing`,
      [file.windowStart, regions, ...columns(chunk), withdrawn, withdrawnAt],
    );
  }
}

/**
 * Of keys that are here without a revision. A withdrawn key that the file tells as revoked is not told again: it gets the
 * file's last window back, unless another file holds it already.
 */
export async function importRevisions(
  client: Queryable,
  file: KeysOfFile & { readonly windowEnd: Date },
): Promise<void> {
  for (const chunk of chunksOf(file.revisedKeys)) {
    const revoked = chunk.filter(({ reportType }) => reportType === reportTypeCodes.negative);
    await client.query(
      `update exposures e
          set withdrawn_at = greatest(f.last_window, e.created_at, e.revised_at)
         from (select $1::timestamptz - make_interval(secs => truncate_seconds) as last_window from window_state) as f
        where e.key = any($2::bytea[]) and e.withdrawn_at > f.last_window
          and not exists (select from batches b
                           where b.prepared_at is not null
                             and e.withdrawn_at >= b.window_start and e.withdrawn_at < b.window_end)`,
      [file.windowEnd, revoked.map(({ key }) => key)],
    );
    await client.query(
      `update exposures e
          set revised_at = greatest($1, e.created_at), revised_transmission_risk = k.risk,
              revised_report_type = k.report_type, revised_days_since_onset = k.onset_days
         from unnest($2::bytea[], $3::integer[], $4::smallint[], $5::smallint[], $6::smallint[], $7::smallint[])
           as k (key, interval_start, interval_count, risk, report_type, onset_days)
        where e.key = k.key and e.revised_at is null
          and (e.withdrawn_at is null or k.report_type <> ${String(reportTypeCodes.negative)})`,
      [file.windowStart, ...columns(chunk)],
    );
  }
}

function columns(keys: readonly DecodedKey[]): unknown[] {
  return [
    keys.map(({ key }) => key),
    arrayOf(keys.map(({ rollingStart }) => rollingStart)),
    arrayOf(keys.map(({ rollingPeriod }) => rollingPeriod)),
    arrayOf(keys.map(({ transmissionRisk }) => transmissionRisk ?? 0)),
    arrayOf(keys.map(({ reportType }) => reportType)),
    arrayOf(keys.map(({ daysSinceOnset }) => daysSinceOnset)),
  ];
}

function* chunksOf(keys: readonly DecodedKey[]): Generator<readonly DecodedKey[]> {
  const sorted = keys.toSorted(byKey);
  for (let at = 0; at < sorted.length; at += chunkKeys) yield sorted.slice(at, at + chunkKeys);
}
