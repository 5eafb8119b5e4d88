/** Generated keys, and the decisions that made them. */
import type { KeyGroup } from '../../domain/export/atoms.ts';
import type { Batch, KeyCounts, KeySelection } from '../../domain/export/batch.ts';
import { KEY_LENGTH } from '../../domain/export-file/format.ts';
import { BATCH_COLUMNS, BATCH_TABLES, toBatch, type BatchRow } from './batch-row.ts';
import type { Queryable } from '../database.ts';
import { keyRows, type KeySource } from './key-selection.ts';
import { arrayOf } from '../exposures/publish-statement.ts';

/** Keys in one statement. */
const CHUNK = 10_000;

/** Where generated keys go. */
export interface PaddingPlace {
  /** In all windows that end together; for keys without groups. */
  readonly createdAt: Date;
  readonly decision: string;
  /** Templates are these real keys only, and each key goes where one of them is; null = all keys of the batch. */
  readonly groups: readonly KeyGroup[] | null;
}

/** Keys to be, and which real key each looks like. */
export interface PaddingKeys {
  /** Key behind key: many bytes go to PostgreSQL as they are, many keys would be written out. */
  readonly keys: Buffer;
  /** Position among the templates, from 0, for each key. */
  readonly templates: readonly number[];
}

/** One decision at a time, over all replicas; held until the transaction ends. */
export async function lockPaddingDecisions(client: Queryable): Promise<void> {
  await client.query('select pg_advisory_xact_lock((8::bigint << 48) + 2)');
}

/** The number of a new decision: above all before. Needs the lock. */
export async function nextPaddingDecision(client: Queryable): Promise<string> {
  const { rows } = await client.query<{ decision: string }>(`select nextval('padding_decisions') as decision`);
  return rows[0]!.decision;
}

/** Batches without a decision, and not held back, that share the oldest window end up to `through`, the shortest window first. */
export async function oldestUndecidedBatches(client: Queryable, through: Date): Promise<readonly Batch[]> {
  const { rows } = await client.query<BatchRow>(
    `select ${BATCH_COLUMNS} from ${BATCH_TABLES}
      where b.status in ('open', 'pending') and b.padding_decision is null and b.shifted_until is null
        and b.window_end = (select min(u.window_end) from batches u
                             where u.status in ('open', 'pending') and u.padding_decision is null
                               and u.shifted_until is null and u.window_end <= $1)
      order by b.window_start desc, b.id`,
    [through],
  );
  return rows.map(toBatch);
}

/** The batch's real keys, or its padding, by what files can tell apart. */
export async function keyGroups(
  client: Queryable,
  selection: KeySelection,
  source: KeySource,
): Promise<readonly KeyGroup[]> {
  const { rows } = await client.query<KeyGroupRow>(
    `select at, regions, traveler, count(*) filter (where not revised)::integer as keys,
            count(*) filter (where revised)::integer as revised_keys
       from (${bothLists(selection, source)}) as rows group by at, regions, traveler`,
  );
  return rows.map(({ revised_keys: revisedKeys, ...row }) => ({ ...row, revisedKeys }));
}

interface KeyGroupRow {
  at: Date;
  regions: string[];
  traveler: boolean;
  keys: number;
  revised_keys: number;
}

/** Stores keys that look like real ones, each like the one that it names. */
export async function insertPadding(
  client: Queryable,
  batch: Batch,
  { createdAt, decision, groups, keys, templates }: PaddingPlace & PaddingKeys,
): Promise<void> {
  const inGroups = `join jsonb_to_recordset($4::jsonb)
                      as g (at timestamptz, regions text[], traveler boolean, place timestamptz)
                      on g.at = rows.at and g.regions = rows.regions and g.traveler = rows.traveler`;
  const anywhere = 'cross join (select $4::timestamptz as place) as g';
  for (let from = 0; from < templates.length; from += CHUNK) {
    const chunk = templates.slice(from, from + CHUNK);
    await client.query(
      `with templates as (
         select row_number() over (order by rows.revised, rows.key) - 1 as position, rows.*, g.place
           from (${bothLists(batch, 'real')}) as rows ${groups === null ? anywhere : inGroups})
       insert into padding_keys (key, created_at, interval_start, interval_count, transmission_risk, report_type,
                                 days_since_onset, traveler, regions, revised, former_report_type, decision)
       select substring($2::bytea from (${KEY_LENGTH} * (made.number - 1) + 1)::integer for ${KEY_LENGTH}), t.place,
              t.interval_start, t.interval_count, t.transmission_risk, t.report_type, t.days_since_onset,
              t.traveler, t.regions, t.revised, t.former_report_type, $1
         from unnest($3::bigint[]) with ordinality as made (template, number)
         join templates t on t.position = made.template`,
      [
        decision,
        keys.subarray(from * KEY_LENGTH, (from + chunk.length) * KEY_LENGTH),
        arrayOf(chunk),
        groups === null
          ? createdAt
          : JSON.stringify(groups.map((group) => ({ ...group, place: lastAt(group, groups) }))),
      ],
    );
  }
}

/** The latest time of a key of the same filters: windows to come, of other lengths, are then more likely to hold it too. */
function lastAt({ regions, traveler }: KeyGroup, groups: readonly KeyGroup[]): Date {
  const alike = groups.filter((group) => group.traveler === traveler && group.regions.join() === regions.join());
  return new Date(Math.max(...alike.map(({ at }) => at.getTime())));
}

/**
 * Makes generated keys among the revised ones be keys that were generated for earlier windows, where there are such:
 * a revised key that nobody has seen before would be a generated one, and so would one that changed as no real one does.
 * @param salt random, so that the choice says nothing
 */
export async function reviseEarlierPadding(client: Queryable, decision: string, salt: Buffer): Promise<void> {
  await client.query(
    `with made as (
       select key, regions, traveler, former_report_type,
              row_number() over (partition by regions, traveler, former_report_type order by key) as position
         from padding_keys where decision = $1 and revised),
     earlier as (
       select p.key, p.interval_start, p.interval_count, p.regions, p.traveler, p.report_type,
              row_number() over (partition by p.regions, p.traveler, p.report_type
                                 order by sha256(p.key || $2)) as position
         from padding_keys p
        where not p.revised and p.decision < $1
          and p.created_at < (select min(created_at) from padding_keys where decision = $1 and revised)
          and not exists (select from padding_keys r where r.key = p.key and r.revised))
     update padding_keys k
        set key = e.key, interval_start = e.interval_start, interval_count = e.interval_count
       from made m
       join earlier e on e.regions = m.regions and e.traveler = m.traveler and e.position = m.position
                     and e.report_type = m.former_report_type
      where k.key = m.key and k.revised`,
    [decision, salt],
  );
}

function bothLists(selection: KeySelection, source: KeySource): string {
  return `select false as revised, k.* from (${keyRows('keys', selection, source)}) as k
          union all
          select true as revised, k.* from (${keyRows('revisedKeys', selection, source)}) as k`;
}

/** Records that the batch's padding is decided, and with it what it holds. */
export async function saveDecision(
  client: Queryable,
  batchId: string,
  { decision, counts }: { readonly decision: string; readonly counts: KeyCounts },
): Promise<void> {
  await client.query('update batches set padding_decision = $2, keys = $3, revised_keys = $4 where id = $1', [
    batchId,
    decision,
    counts.keys,
    counts.revisedKeys,
  ]);
}
