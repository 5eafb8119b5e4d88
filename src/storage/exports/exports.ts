/** Exports as workers and readers need them. */
import type { Queryable } from '../database.ts';

/** An export as it is configured, and how far it is planned. */
export interface PlannableExport {
  readonly id: number;
  readonly name: string;
  readonly periodSeconds: number;
  readonly from: Date | null;
  readonly thru: Date | null;
  /** Batches of few keys are held back so long; null = padded at once. */
  readonly shiftSeconds: number | null;
  /** One of its batches is held back now. */
  readonly hasShifted: boolean;
  /** End of the newest window that is planned. */
  readonly latestEnd: Date | null;
  /** When `apply` added it; null where that was not recorded. */
  readonly addedAt: Date | null;
  readonly bucket: string;
  readonly filenameRoot: string;
  readonly outputRegion: string;
  /** Never empty: the output region where none is configured. */
  readonly inputRegions: readonly string[];
  readonly excludeRegions: readonly string[];
  readonly includeTravelers: boolean;
  readonly onlyNonTravelers: boolean;
  /** Most keys in one file. */
  readonly maxRecords: number;
  readonly isHeld: boolean;
}

/** An export as its readers know it. */
export interface PublishedExport {
  readonly id: number;
  readonly bucket: string;
  readonly filenameRoot: string;
  readonly isHeld: boolean;
}

/** One planner at a time, over all replicas; held until the transaction ends. */
export async function lockPlanning(client: Queryable): Promise<void> {
  await client.query('select pg_advisory_xact_lock((8::bigint << 48) + 1)');
}

/** Exports that are not on hold; regions in upper case, as keys have them. */
export async function plannableExports(
  client: Queryable,
  defaultMaxRecords: number,
): Promise<readonly PlannableExport[]> {
  return (await configuredExports(client, defaultMaxRecords)).filter(({ isHeld }) => !isHeld);
}

/** All exports, also those on hold. */
export async function configuredExports(
  client: Queryable,
  defaultMaxRecords: number,
): Promise<readonly PlannableExport[]> {
  const { rows } = await client.query<PlannableExportRow>(
    `select e.id, e.name, e.period_seconds, e.valid_from, e.valid_thru, e.bucket, e.filename_root, e.output_region,
            e.input_regions, e.exclude_regions, e.include_travelers, e.only_non_travelers, e.max_records, e.shift_seconds,
            exists (select from batches b where b.export_id = e.id and b.shifted_until is not null) as has_shifted,
            e.held_at is not null as is_held, e.added_at,
            (select max(b.window_end) from batches b where b.export_id = e.id) as latest_end
       from exports e order by e.id`,
  );
  return rows.map((row) => toPlannableExport(row, defaultMaxRecords));
}

interface PlannableExportRow {
  id: number;
  name: string;
  period_seconds: number;
  valid_from: Date | null;
  valid_thru: Date | null;
  bucket: string;
  filename_root: string;
  output_region: string;
  input_regions: string[];
  exclude_regions: string[];
  include_travelers: boolean;
  only_non_travelers: boolean;
  max_records: number | null;
  shift_seconds: number | null;
  has_shifted: boolean;
  is_held: boolean;
  latest_end: Date | null;
  added_at: Date | null;
}

function toPlannableExport(row: PlannableExportRow, defaultMaxRecords: number): PlannableExport {
  return {
    id: row.id,
    name: row.name,
    periodSeconds: row.period_seconds,
    from: row.valid_from,
    thru: row.valid_thru,
    shiftSeconds: row.shift_seconds,
    hasShifted: row.has_shifted,
    latestEnd: row.latest_end,
    addedAt: row.added_at,
    bucket: row.bucket,
    filenameRoot: row.filename_root,
    outputRegion: row.output_region,
    inputRegions: upperCased(row.input_regions.length > 0 ? row.input_regions : [row.output_region]),
    excludeRegions: upperCased(row.exclude_regions),
    includeTravelers: row.include_travelers,
    onlyNonTravelers: row.only_non_travelers,
    maxRecords: row.max_records ?? defaultMaxRecords,
    isHeld: row.is_held,
  };
}

function upperCased(regions: readonly string[]): string[] {
  return [...new Set(regions.map((region) => region.toUpperCase()))];
}

/** By file name root, whatever its case, also one that the export has left; null when there is none. */
export async function findExportByRoot(database: Queryable, filenameRoot: string): Promise<PublishedExport | null> {
  const { rows } = await database.query<{ id: number; bucket: string; filename_root: string; is_held: boolean }>(
    `select id, bucket, filename_root, held_at is not null as is_held, true as is_current, null::timestamptz as left_at
       from exports where lower(filename_root) = lower($1)
     union all
     select e.id, p.bucket, p.filename_root, e.held_at is not null, false, p.left_at
       from former_places p join exports e on e.id = p.export_id where lower(p.filename_root) = lower($1)
      order by is_current desc, left_at desc limit 1`,
    [filenameRoot],
  );
  const row = rows[0];
  if (row?.filename_root !== filenameRoot) return null;
  return { id: row.id, bucket: row.bucket, filenameRoot: row.filename_root, isHeld: row.is_held };
}

/** Names of all exports, sorted. */
export async function exportNames(database: Queryable): Promise<readonly string[]> {
  const { rows } = await database.query<{ name: string }>('select name from exports order by name');
  return rows.map(({ name }) => name);
}
