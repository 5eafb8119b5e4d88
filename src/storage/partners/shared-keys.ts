/** What a partner may have, read in the order of domain/federation/position: the one query behind Fetch, Subscribe and Push. */
import type { QueryResultRow } from 'pg';
import { startOf, type Position } from '../../domain/federation/position.ts';
import type { SharingScope } from '../../domain/federation/scope.ts';
import { keyEvents, type KeyEvent, type SharedKey } from '../../domain/federation/shared-key.ts';
import { reportTypeCodes } from '../../domain/publish/report-type.ts';
import type { Database } from '../database.ts';
import { foundKeys, KEY_RECORD, type FoundKey, type SharedGroup } from './shared-key-rows.ts';

/** From where to where. */
export interface SharedRange {
  readonly after: Position;
  /** What happened before this time; never later than `closed_through`, since closed windows alone read the same for ever. */
  readonly through: Date;
  /** All of them when not given. */
  readonly events?: readonly KeyEvent[];
}

/** Keys in turn, and how far they reach. */
export interface SharedPage {
  readonly keys: readonly SharedKey[];
  /** Where to go on after the key with this index. */
  positionAt(index: number): Position;
  /** Where to go on after all of them: after the last key, or at the start of `through` when there is nothing more. */
  readonly reached: Position;
}

/** Rows that one statement looks at: few enough to be far from any time-out. */
const mostRows = 20_000;

/** Rows that are passed over before the reader hears how far it is: some seconds' work, so that nobody takes it for dead. */
const mostPassed = 500_000;

/** A page to be. */
export interface PageOptions extends SharedRange {
  /** Keys at most. */
  readonly limit: number;
  /** Rows that may be passed over; {@link mostPassed} when not given. */
  readonly patience?: number;
  /** Ends a long walk over rows that do not match. */
  readonly signal?: AbortSignal;
}

/**
 * Up to `limit` keys. Rows that the recipient may not see are passed over, in statements of bounded size; nothing is held
 * between them. After very many of them the page ends at the start of a window, with fewer keys or none: a place that
 * names no key.
 */
export async function readSharedKeys(
  database: Database,
  scope: SharingScope,
  { limit, patience = mostPassed, signal, ...range }: PageOptions,
): Promise<SharedPage> {
  const found: FoundKey[] = [];
  let after = range.after;
  let passed = 0;
  for (let rows = Math.min(limit + 1, mostRows); ; rows = Math.min(rows * 4, mostRows)) {
    signal?.throwIfAborted();
    const looked = await look(database, scope, { ...range, after, rows });
    found.push(...looked.found);
    if (found.length > limit) return page(found.slice(0, limit));
    if (looked.last === null) return page(found, startOf(range.through));
    passed += rows - looked.found.length;
    const lastSeen = found.at(-1)?.at ?? range.after.at;
    if (passed >= patience && looked.last.at > lastSeen) return page(found, startOf(looked.last.at));
    after = looked.last;
  }
}

function page(found: readonly FoundKey[], end?: Position): SharedPage {
  const positionAt = (index: number): Position => {
    const { at, key } = found[index]!;
    return { at, event: key.event, key: key.key };
  };
  return { keys: found.map(({ key }) => key), positionAt, reached: end ?? positionAt(found.length - 1) };
}

/**
 * How many keys come after the position: at least so many when there are more than `most`.
 * @param range.most rows of each event that are looked at
 */
export async function countSharedKeys(
  database: Database,
  scope: SharingScope,
  { most, ...range }: SharedRange & { readonly most: number },
): Promise<number> {
  const row = await readByIndex<{ keys: number }>(
    database,
    countStatement,
    parameters(scope, { ...range, rows: most }),
  );
  return row.keys;
}

/**
 * While statistics are behind, PostgreSQL takes the rest of a table to be as few rows as a page has, and sorts all of it for
 * each page, although the indexes have the order; and it takes a page to be of few groups, and compares each key with each.
 */
const byIndex = `set local enable_seqscan = off; set local enable_bitmapscan = off; set local enable_nestloop = off;
                 set local work_mem = '32MB'`;

/** The one row that the statement gives. */
async function readByIndex<Row extends QueryResultRow>(
  database: Database,
  text: string,
  values: unknown[],
): Promise<Row> {
  return await database.transaction(async (client) => {
    await client.query(byIndex);
    const { rows } = await client.query<Row>(text, values);
    return rows[0]!;
  });
}

interface Looked {
  readonly found: readonly FoundKey[];
  /** The last row that was looked at, found or not; null = none comes after it. */
  readonly last: Position | null;
}

interface LookedRow {
  rows: number;
  last_at: Date;
  last_event: number;
  last_key: Buffer;
  records: Buffer;
  groups: readonly SharedGroup[];
}

/** Looks at the next rows, and gives those that match. */
async function look(
  database: Database,
  scope: SharingScope,
  range: SharedRange & { readonly rows: number },
): Promise<Looked> {
  const row = await readByIndex<LookedRow>(database, lookStatement, parameters(scope, range));
  const isEnd = row.rows < range.rows;
  return {
    found: foundKeys(row.records, row.groups, scope),
    last: isEnd ? null : { at: row.last_at, event: keyEvents[row.last_event]!, key: row.last_key },
  };
}

/** Before every key, and after every one. */
const firstKey = Buffer.alloc(0);
const lastKey = Buffer.alloc(17, 0xff);

function parameters(
  scope: SharingScope,
  { after, through, events = keyEvents, rows }: SharedRange & { readonly rows: number },
): unknown[] {
  const reached = keyEvents.indexOf(after.event);
  return [
    after.at,
    through,
    rows,
    events,
    ...keyEvents.map((_event, index) =>
      index < reached ? lastKey : index > reached ? firstKey : (after.key ?? firstKey),
    ),
    scope.regions,
    scope.excludeRegions,
    scope.onlyTravelers,
    scope.onlyLocal,
    scope.omitOnset,
    scope.recipient,
  ];
}

/** Of each event: when it happened, what is true from then on, and the parameter of the key to go on after. */
const branches = [
  eventRows({ event: 'published', at: 'created_at', after: '$5', isRevised: 'false' }),
  eventRows({ event: 'revised', at: 'revised_at', after: '$6', isRevised: 'true' }),
  eventRows({ event: 'withdrawn', at: 'withdrawn_at', after: '$7', isRevised: 'revised_at is not null' }),
];

/**
 * The first rows of each event by its index; the first of all of them together are among these.
 * What was true before a withdrawal decides who gets it: whoever got the key.
 */
function eventRows(row: { event: KeyEvent; at: string; after: string; isRevised: string }): string {
  const { event, at, after, isRevised } = row;
  const now = (column: string): string => `case when ${isRevised} then revised_${column} else ${column} end`;
  const kept = (column: string): string =>
    `case when ${isRevised} then coalesce(revised_${column}, ${column}) else ${column} end`;
  return `
    (select ${at} as at, ${keyEvents.indexOf(event)} as event, key, interval_start, interval_count,
            ${kept('transmission_risk')} as transmission_risk, ${kept('report_type')} as report_type,
            ${now('days_since_onset')} as days_since_onset, ${kept('traveler')} as traveler, ${kept('regions')} as regions,
            coalesce(provenance, '{}') as path, adopted,
            provenance is null and partner_id is null and import_id is null as is_local
       from exposures
      where (${at}, key) > ($1::timestamptz, ${after}::bytea) and ${at} < $2::timestamptz and '${event}' = any($4::text[])
      order by ${at}, key limit $3::integer)`;
}

const events = branches.join(' union all ');

/** Whether the recipient may see the row. Padding is in another table, and keys out of files of ours may be padding. */
const isShared = `
  not adopted and regions && $8::text[] and not regions && $9::text[] and (traveler or not $10::boolean)
  and (is_local or not $11::boolean) and (report_type <> ${String(reportTypeCodes['user-report'])} or not $12::boolean)
  and $13::text <> all(path)`;

const countStatement = `select count(*)::integer as keys from (${events}) as events where ${isShared}`;

/** looked: the next rows. shared: those that the recipient may see. groups: what many of them have in common. */
const lookStatement = `
  with looked as materialized (
    select * from (${events}) as events order by at, event, key limit $3
  ),
  shared as materialized (
    select * from looked where ${isShared}
  ),
  groups as materialized (
    select at, event, regions, path, (row_number() over () - 1)::integer as number
      from (select distinct at, event, regions, path from shared) as origins
  )
  select (select count(*)::integer from looked) as rows, last.at as last_at, last.event as last_event, last.key as last_key,
         coalesce((select string_agg(${KEY_RECORD}, ''::bytea order by at, event, key)
                     from shared join groups using (at, event, regions, path)), '') as records,
         coalesce((select json_agg(json_build_object('at', extract(epoch from at) * 1000, 'event', event,
                                                     'regions', regions, 'path', path) order by number)
                     from groups), '[]') as groups
    from (select null) as always
    left join (select at, event, key from looked order by at desc, event desc, key desc limit 1) as last on true`;
