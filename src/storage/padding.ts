/** Generated keys, and the decisions that made them. */
import type { Batch, KeyCounts } from '../domain/export/batch.ts';
import { BATCH_COLUMNS, BATCH_TABLES, toBatch, type BatchRow } from './batch-row.ts';
import type { Queryable } from './database.ts';
import { keyRows } from './key-selection.ts';

/** Keys in one statement. */
const CHUNK = 10_000;

/** Where generated keys go. */
export interface PaddingPlace {
  /** In all windows that end together. */
  readonly createdAt: Date;
  readonly decision: string;
}

/** A key to be, and which of the real keys it looks like. */
export interface PaddingKey {
  readonly key: Buffer;
  /** Position among the batch's real keys, from 0. */
  readonly template: number;
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

/** Batches without a decision that share the oldest window end up to `through`, the shortest window first. */
export async function oldestUndecidedBatches(client: Queryable, through: Date): Promise<readonly Batch[]> {
  const { rows } = await client.query<BatchRow>(
    `select ${BATCH_COLUMNS} from ${BATCH_TABLES}
      where b.status in ('open', 'pending') and b.padding_decision is null
        and b.window_end = (select min(u.window_end) from batches u
                             where u.status in ('open', 'pending') and u.padding_decision is null and u.window_end <= $1)
      order by b.window_start desc, b.id`,
    [through],
  );
  return rows.map(toBatch);
}

/** Stores keys that look like the batch's real ones, each like the one that it names. */
export async function insertPadding(
  client: Queryable,
  batch: Batch,
  { createdAt, decision, keys }: PaddingPlace & { readonly keys: readonly PaddingKey[] },
): Promise<void> {
  for (let from = 0; from < keys.length; from += CHUNK) {
    const chunk = keys.slice(from, from + CHUNK);
    await client.query(
      `with templates as (
         select row_number() over (order by revised, key) - 1 as position, rows.*
           from (select false as revised, k.* from (${keyRows('keys', batch, 'real')}) as k
                 union all
                 select true as revised, k.* from (${keyRows('revisedKeys', batch, 'real')}) as k) as rows)
       insert into padding_keys (key, created_at, interval_start, interval_count, transmission_risk, report_type,
                                 days_since_onset, traveler, regions, revised, decision)
       select made.key, $1, t.interval_start, t.interval_count, t.transmission_risk, t.report_type,
              t.days_since_onset, t.traveler, t.regions, t.revised, $2
         from unnest($3::bytea[], $4::bigint[]) as made (key, template)
         join templates t on t.position = made.template`,
      [createdAt, decision, chunk.map(({ key }) => key), chunk.map(({ template }) => template)],
    );
  }
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
