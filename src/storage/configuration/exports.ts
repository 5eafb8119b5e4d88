/** Exports as configured; what was planned keeps the configuration of its time. */
import type { Export } from '../../domain/configuration/configuration.ts';
import type { Queryable } from '../database.ts';
import { leaveExportIndexes } from '../mirrors/mirror-leftovers.ts';

interface ExportRow {
  name: string;
  bucket: string;
  filename_root: string;
  output_region: string;
  input_regions: string[];
  exclude_regions: string[];
  include_travelers: boolean;
  only_non_travelers: boolean;
  period_seconds: number;
  valid_from: Date | null;
  valid_thru: Date | null;
  max_records: number | null;
  shift_seconds: number | null;
  grace_seconds: number;
  signing_keys: string[];
}

/** All, oldest first. */
export async function readExports(database: Queryable): Promise<Export[]> {
  const { rows } = await database.query<ExportRow>(
    `select name, bucket, filename_root, output_region, input_regions, exclude_regions, include_travelers,
            only_non_travelers, period_seconds, valid_from, valid_thru, max_records, shift_seconds, grace_seconds,
            array(select k.name from export_signing_keys j join signing_keys k on k.id = j.signing_key_id
                   where j.export_id = exports.id order by k.name) as signing_keys
       from exports order by id`,
  );
  return rows.map(toExport);
}

function toExport(row: ExportRow): Export {
  return {
    name: row.name,
    bucket: row.bucket,
    filenameRoot: row.filename_root,
    outputRegion: row.output_region,
    inputRegions: row.input_regions,
    excludeRegions: row.exclude_regions,
    includeTravelers: row.include_travelers,
    onlyNonTravelers: row.only_non_travelers,
    periodSeconds: row.period_seconds,
    from: row.valid_from,
    thru: row.valid_thru,
    maxRecords: row.max_records,
    shiftSeconds: row.shift_seconds,
    graceSeconds: row.grace_seconds,
    signingKeys: row.signing_keys,
  };
}

/** Names of those that have files, or batches that are about to have some; their rows are locked until the transaction ends. */
export async function exportsInUse(database: Queryable, names: readonly string[]): Promise<Set<string>> {
  await database.query('select from exports where name = any($1) order by id for update', [names]);
  const { rows } = await database.query<{ name: string }>(
    `select name from exports e
      where name = any($1)
        and (exists (select from files f where f.export_id = e.id and f.status <> 'deleted')
          or exists (select from batches b where b.export_id = e.id and b.status in ('open', 'pending')))`,
    [names],
  );
  return new Set(rows.map(({ name }) => name));
}

/** Creates it, or makes the one with this name be like it. */
export async function saveExport(database: Queryable, series: Export): Promise<void> {
  const { rows } = await database.query<{ id: number }>(
    `insert into exports (name, bucket, filename_root, output_region, input_regions, exclude_regions,
                          include_travelers, only_non_travelers, period_seconds, valid_from, valid_thru, max_records,
                          shift_seconds, grace_seconds)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
     on conflict (name) do update
       set bucket = excluded.bucket, filename_root = excluded.filename_root, output_region = excluded.output_region,
           input_regions = excluded.input_regions, exclude_regions = excluded.exclude_regions,
           include_travelers = excluded.include_travelers, only_non_travelers = excluded.only_non_travelers,
           period_seconds = excluded.period_seconds, valid_from = excluded.valid_from,
           valid_thru = excluded.valid_thru, max_records = excluded.max_records,
           shift_seconds = excluded.shift_seconds, grace_seconds = excluded.grace_seconds,
           -- An export that moves gets an index at its new place.
           index_wanted = exports.index_wanted + case
             when exports.bucket = excluded.bucket and exports.filename_root = excluded.filename_root then 0 else 1 end
     returning id`,
    exportValues(series),
  );
  await database.query('delete from export_signing_keys where export_id = $1', [rows[0]?.id]);
  await database.query(
    `insert into export_signing_keys (export_id, signing_key_id) select $1, id from signing_keys where name = any($2)`,
    [rows[0]?.id, series.signingKeys],
  );
}

function exportValues(series: Export): unknown[] {
  return [
    series.name,
    series.bucket,
    series.filenameRoot,
    series.outputRegion,
    series.inputRegions,
    series.excludeRegions,
    series.includeTravelers,
    series.onlyNonTravelers,
    series.periodSeconds,
    series.from,
    series.thru,
    series.maxRecords,
    series.shiftSeconds,
    series.graceSeconds,
  ];
}

/**
 * Notes when exports were added: what is accepted from then on is exported, also when the first planner comes later.
 * @param at when; null = the database's clock
 */
export async function noteAddedExports(database: Queryable, names: readonly string[], at: Date | null): Promise<void> {
  await database.query(
    'update exports set added_at = coalesce($2::timestamptz, clock_timestamp()) where name = any($1)',
    [names, at],
  );
}

/** Deletes it with its batches, and leaves its index to be deleted; it must not be in use. */
export async function deleteExport(database: Queryable, name: string): Promise<void> {
  await leaveExportIndexes(database, name);
  await database.query('delete from exports where name = $1', [name]);
}
