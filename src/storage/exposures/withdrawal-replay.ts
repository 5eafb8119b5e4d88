/** Does withdrawals again in a database that was restored to a time before them. Everything may be done twice. */
import { hashLength, type CopiedWithdrawal, type WithdrawalCopy } from '../../domain/withdrawal/withdrawal-copy.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Database, Queryable } from '../database.ts';
import { enterWindow } from '../windows.ts';
import { isKnownSubject } from './withdrawal-subjects.ts';
import { withdrawDoomed } from './withdrawals.ts';

/** The key of all hashes of withdrawn keys. */
export async function readHashSecret(database: Queryable): Promise<Buffer> {
  const { rows } = await database.query<{ secret: Buffer }>('select secret from tombstone_secret');
  return rows[0]!.secret;
}

/**
 * Takes a secret over that copies were made with, in a database that has made no hash with its own.
 * @returns whether it has it now
 */
export async function takeHashSecret(database: Queryable, secret: Buffer): Promise<boolean> {
  const { rows } = await database.query(
    `update tombstone_secret set secret = $1
      where secret = $1 or (not exists (select from tombstones) and not exists (select from withdrawn_hashes)
                            and not exists (select from withdrawal_copies))
     returning only_row`,
    [secret],
  );
  return rows.length > 0;
}

/**
 * Puts the copy's withdrawals down and buries its keys, those that are stored too: they are withdrawn afterwards, by
 * {@link withdrawBuried}. A withdrawal takes keys of windows before it was asked for; later ones it has among the hashes.
 */
export async function buryCopy(database: Database, id: string, copy: WithdrawalCopy): Promise<void> {
  await database.transaction(async (client) => {
    for (const withdrawal of copy.withdrawals) await putDown(client, id, withdrawal);
    await client.query(
      `insert into tombstones (hash, expires_at)
       select substr($1::bytea, $3 * i - $3 + 1, $3), $2
         from generate_series(1, octet_length($1::bytea) / $3) as i
       on conflict (hash) do update set expires_at = greatest(tombstones.expires_at, excluded.expires_at)`,
      [copy.hashes, copy.keepUntil, hashLength],
    );
  });
}

/** One whose subject is unknown here is done: what it took is among the hashes. */
async function putDown(client: Queryable, copyId: string, withdrawal: CopiedWithdrawal): Promise<void> {
  const { uid, scope, name, since, until, at, actor } = withdrawal;
  const isKnown = await isKnownSubject(client, withdrawal);
  await client.query(
    `insert into withdrawals (uid, scope, name, since, until, at, actor, copy_id, reached_at, finished_at)
     values ($1, $2, $3, $4, least($5::timestamptz, $6), $6, $7, $8, coalesce($4::timestamptz, '-infinity'),
             case when not $9::boolean then $6::timestamptz end)
     on conflict (uid) do nothing`,
    [uid, scope, name, since, until, at, actor, copyId, isKnown],
  );
}

/** Where a look through all keys is. */
export interface BuriedPlace {
  readonly reachedAt: Date | '-infinity';
  readonly reachedKey: Buffer;
  /** Keys that were withdrawn so far. */
  readonly withdrawn: number;
  readonly isEnd: boolean;
}

/** Before the first key. */
export const beforeFirstKey: BuriedPlace = {
  reachedAt: '-infinity',
  reachedKey: Buffer.alloc(0),
  withdrawn: 0,
  isEnd: false,
};

/** What a look through the keys is done with. */
export interface BuriedTerms {
  readonly clock: Clock;
  readonly maxIntervalAgeSeconds: number;
  /** Rows of one transaction. */
  readonly chunkRows: number;
}

interface BuriedRow {
  created_at: Date | null;
  key: Buffer | null;
  looked: number;
  withdrawn: number;
}

/**
 * Withdraws, of the next keys in the order of windows, those that have a tombstone; then a key has a row or a tombstone
 * again, and never both.
 */
export async function withdrawBuried(
  database: Database,
  { clock, maxIntervalAgeSeconds, chunkRows }: BuriedTerms,
  place: BuriedPlace,
): Promise<BuriedPlace> {
  const row = await database.transaction(async (client) => {
    const window = await enterWindow(client, clock);
    const { rows } = await client.query<BuriedRow>(buriedSql, [
      window,
      maxIntervalAgeSeconds,
      place.reachedAt,
      place.reachedKey,
      chunkRows,
    ]);
    return rows[0]!;
  });
  return {
    reachedAt: row.created_at ?? place.reachedAt,
    reachedKey: row.key ?? place.reachedKey,
    withdrawn: place.withdrawn + row.withdrawn,
    isEnd: row.looked < chunkRows,
  };
}

const buriedSql = `
  with looked as (
    select key, created_at from exposures where (created_at, key) > ($3::timestamptz, $4::bytea)
     order by created_at, key limit $5
  ), dead as (
    select l.key from looked l, tombstone_secret s
     where exists (select from tombstones t where t.hash = tombstone_hash(s.secret, l.key))
  ), locked as (
    select key, created_at, withdrawn_at from exposures where key in (select key from dead) order by key for update
  ), doomed as (
    select key, created_at from locked where withdrawn_at is null
  ), ${withdrawDoomed}, unburied as (
    delete from tombstones t
     using tombstone_secret s, (select key from marked union all select key from locked where withdrawn_at is not null) m
     where t.hash = tombstone_hash(s.secret, m.key)
  )
  select last.created_at, last.key, (select count(*)::integer from looked) as looked,
         (select count(*)::integer from doomed) as withdrawn
    from (values (1)) as one left join lateral
         (select created_at, key from looked order by created_at desc, key desc limit 1) as last on true`;
