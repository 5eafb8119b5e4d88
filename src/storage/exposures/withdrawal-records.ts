/** What was withdrawn, and how far it is: done in chunks along the index of windows, each a transaction of its own. */
import type { WithdrawalCounts, WithdrawalScope, WithdrawnKeys } from '../../domain/withdrawal/withdrawal.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Queryable } from '../database.ts';
import { cameBy } from './withdrawal-subjects.ts';
import { withdrawDoomed } from './withdrawals.ts';

/** One withdrawal, done or not. */
export interface Withdrawal extends WithdrawnKeys, WithdrawalCounts {
  readonly id: string;
  readonly at: Date;
  readonly actor: string;
  /** Null = it goes on. */
  readonly finishedAt: Date | null;
}

/** Who wants what withdrawn, and when. */
export interface NewWithdrawal extends WithdrawnKeys {
  readonly at: Date;
  readonly actor: string;
}

/** Puts it down, before the first key; from then on it is done, whoever does it. */
export async function recordWithdrawal(client: Queryable, withdrawal: NewWithdrawal): Promise<Withdrawal> {
  const { scope, name, since, until, at, actor } = withdrawal;
  const { rows } = await client.query<{ id: string }>(
    `insert into withdrawals (scope, name, since, until, at, actor, reached_at)
     values ($1, $2, $3, $4, $5, $6, coalesce($3::timestamptz, '-infinity')) returning id`,
    [scope, name, since, until, at, actor],
  );
  return { ...withdrawal, id: rows[0]!.id, finishedAt: null, withdrawn: 0, deleted: 0 };
}

interface WithdrawalRow {
  id: string;
  scope: WithdrawalScope;
  name: string;
  since: Date | null;
  until: Date | null;
  at: Date;
  actor: string;
  finished_at: Date | null;
  withdrawn_keys: string;
  deleted_keys: string;
}

function toWithdrawal(row: WithdrawalRow): Withdrawal {
  const { finished_at: finishedAt, withdrawn_keys: withdrawn, deleted_keys: deleted } = row;
  const { id, scope, name, since, until, at, actor } = row;
  const counts = { withdrawn: Number(withdrawn), deleted: Number(deleted) };
  return { id, scope, name, since, until, at, actor, finishedAt, ...counts };
}

/** The newest first. */
export async function listWithdrawals(database: Queryable, limit: number): Promise<readonly Withdrawal[]> {
  const { rows } = await database.query<WithdrawalRow>('select * from withdrawals order by id desc limit $1', [limit]);
  return rows.map(toWithdrawal);
}

/** Those that somebody began and did not end, the oldest first. */
export async function unfinishedWithdrawals(database: Queryable): Promise<readonly Withdrawal[]> {
  const { rows } = await database.query<WithdrawalRow>(
    'select * from withdrawals where finished_at is null order by id',
  );
  return rows.map(toWithdrawal);
}

/** The withdrawal as it is, locked until the transaction ends: one chunk of it at a time, over all processes. */
export async function lockWithdrawal(client: Queryable, id: string): Promise<Withdrawal> {
  const { rows } = await client.query<WithdrawalRow>('select * from withdrawals where id = $1 for update', [id]);
  return toWithdrawal(rows[0]!);
}

/** What a chunk is done with. */
export interface ChunkTerms {
  /** That the transaction is in, of `enterWindow`. */
  readonly window: Date;
  readonly maxIntervalAgeSeconds: number;
  /** Rows that it looks at. */
  readonly chunkRows: number;
  readonly clock: Clock;
}

/** Withdraws what is next, and remembers how far it is, in the caller's transaction, which has the withdrawal locked. */
export async function withdrawChunk(
  client: Queryable,
  { id, scope, name }: Withdrawal,
  { window, maxIntervalAgeSeconds, chunkRows, clock }: ChunkTerms,
): Promise<Withdrawal> {
  const isMeant = `${cameBy(scope, '$4')} and withdrawn_at is null`;
  const { rows } = await client.query<WithdrawalRow>(
    `with looked as (
       select key, created_at, ${isMeant} as is_meant from exposures
        where (created_at, key) > ((select reached_at from withdrawals where id = $3),
                                   (select reached_key from withdrawals where id = $3))
          and created_at < coalesce((select until from withdrawals where id = $3), 'infinity')
        order by created_at, key limit $5
     ), doomed as (
       select key, created_at from exposures
        where key in (select key from looked where is_meant) and ${isMeant} order by key for update
     ), ${withdrawDoomed}
     update withdrawals w
        set reached_at = coalesce(last.created_at, w.reached_at), reached_key = coalesce(last.key, w.reached_key),
            withdrawn_keys = w.withdrawn_keys + (select count(*) from marked),
            deleted_keys = w.deleted_keys + (select count(*) from gone),
            finished_at = case when (select count(*) from looked) < $5 then coalesce($6::timestamptz, clock_timestamp()) end
       from (values (1)) as one left join lateral
            (select key, created_at from looked order by created_at desc, key desc limit 1) as last on true
      where w.id = $3 returning w.*`,
    [window, maxIntervalAgeSeconds, id, name, chunkRows, clock.forDatabase()],
  );
  return toWithdrawal(rows[0]!);
}

/** Counts what would be withdrawn now, without waiting for anybody. */
export async function countWithdrawable(
  client: Queryable,
  { scope, name, since, until }: WithdrawnKeys,
  clock: Clock,
): Promise<WithdrawalCounts> {
  const { rows } = await client.query<{ withdrawn: string; deleted: string }>(
    `select count(*) filter (where created_at < w.start) as withdrawn,
            count(*) filter (where created_at >= w.start) as deleted
       from exposures,
            (select greatest(window_start(coalesce($4::timestamptz, clock_timestamp()), truncate_seconds), closed_through)
                 as start from window_state) as w
      where ${cameBy(scope, '$1')} and withdrawn_at is null
        and created_at >= coalesce($2::timestamptz, '-infinity') and created_at < coalesce($3::timestamptz, 'infinity')`,
    [name, since, until, clock.forDatabase()],
  );
  return { withdrawn: Number(rows[0]!.withdrawn), deleted: Number(rows[0]!.deleted) };
}
