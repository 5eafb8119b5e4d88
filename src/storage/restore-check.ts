/** Whether this very database was looked through for withdrawals that it does not know, as after a restore of it. */
import type { Clock } from '../platform/clock.ts';
import type { Database, Queryable } from './database.ts';

/** Whether it was, with what this bucket holds; null = with none. */
export async function isLookedThrough(database: Queryable, bucket: string | null): Promise<boolean> {
  const { rows } = await database.query<{ found: boolean }>(
    `select exists (select from restore_checks
                     where epoch = database_epoch() and bucket is not distinct from $1) as found`,
    [bucket],
  );
  return rows[0]!.found;
}

/**
 * Whether others than the server role may serve it: it was looked through, or nothing is configured that could be served.
 * Configuration comes by the server role, which looks first.
 */
export async function mayServe(database: Queryable): Promise<boolean> {
  const { rows } = await database.query<{ may: boolean }>(
    `select exists (select from restore_checks where epoch = database_epoch())
         or not exists (select from apps union all select from exports union all select from partners
                        union all select from mirrors union all select from imports) as may`,
  );
  return rows[0]!.may;
}

/** What a look found, which the database knows from now on. */
export interface LookedThrough {
  readonly bucket: string | null;
  /** Of copies that were replayed. */
  readonly copies: readonly { readonly id: string; readonly keepUntil: Date }[];
}

/** Notes that the database knows every withdrawal there is. */
export async function noteLookedThrough(
  database: Database,
  { bucket, copies }: LookedThrough,
  clock: Clock,
): Promise<void> {
  await database.transaction(async (client) => {
    await client.query(
      `insert into withdrawal_copies (id, keep_until, hashes, written_at)
       select id, keep_until, 0, coalesce($3::timestamptz, clock_timestamp())
         from unnest($1::uuid[], $2::timestamptz[]) as c (id, keep_until)
       on conflict (id) do nothing`,
      [copies.map(({ id }) => id), copies.map(({ keepUntil }) => keepUntil), clock.forDatabase()],
    );
    await client.query(
      `insert into restore_checks (epoch, bucket, at) values (database_epoch(), $1, coalesce($2::timestamptz, clock_timestamp()))
       on conflict (only_row) do update set epoch = excluded.epoch, bucket = excluded.bucket, at = excluded.at`,
      [bucket, clock.forDatabase()],
    );
  });
}

/**
 * Runs `work` while nobody else does, over all processes. The lock is that of an open transaction, which works through a
 * pooler too. Should its connection break, or a pool have no second one, others may begin meanwhile: everything that is
 * done may be done twice.
 */
export async function whileLooking<T>(database: Database, work: () => Promise<T>): Promise<T> {
  if (database.poolSize < 2) return await work();
  return await database.transaction(async (client) => {
    await client.query(`set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0`);
    // 12 are indexes of mirrors.
    await client.query('select pg_advisory_xact_lock(13::bigint << 48)');
    return await work();
  });
}
