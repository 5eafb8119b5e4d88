/** What of the withdrawals is in which copy in the blob store: fixed first, then written, then forgotten here. */
import { hashLength, type CopiedWithdrawal, type WithdrawalCopy } from '../../domain/withdrawal/withdrawal-copy.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Database, Queryable } from '../database.ts';

/** Hashes of one copy: 1.6 MB. */
const mostHashes = 50_000;
/** Withdrawals of one copy. */
const mostWithdrawals = 1000;

/**
 * Puts what no copy has into a new one, as much as one holds.
 * @returns false when there was nothing
 */
export async function fixNextCopy(
  database: Queryable,
  { clock, retentionSeconds }: { readonly clock: Clock; readonly retentionSeconds: number },
): Promise<boolean> {
  const { rows } = await database.query(
    `with copy as (
       select gen_random_uuid() as id
     ), hashes as (
       update withdrawn_hashes w set copy_id = copy.id from copy
        where w.hash in (select hash from withdrawn_hashes where copy_id is null order by hash limit $3 for update)
       returning w.expires_at
     ), asked as (
       update withdrawals w set copy_id = copy.id from copy
        where w.id in (select id from withdrawals where copy_id is null order by id limit $4 for update)
       returning w.id
     )
     insert into withdrawal_copies (id, keep_until, hashes)
     select copy.id,
            greatest(coalesce($1::timestamptz, clock_timestamp()) + make_interval(secs => $2),
                     (select max(expires_at) from hashes)),
            (select count(*) from hashes)
       from copy where exists (select from hashes) or exists (select from asked)
     returning id`,
    [clock.forDatabase(), retentionSeconds, mostHashes, mostWithdrawals],
  );
  return rows.length > 0;
}

/** Ids of copies that may not be in the blob store yet. */
export async function unwrittenCopies(database: Queryable): Promise<readonly string[]> {
  const { rows } = await database.query<{ id: string }>(
    'select id from withdrawal_copies where written_at is null order by id',
  );
  return rows.map(({ id }) => id);
}

/** What a copy holds; null when another process has written it meanwhile. */
export async function readFixedCopy(database: Queryable, id: string): Promise<WithdrawalCopy | null> {
  const withdrawals = await withdrawalsOf(database, id);
  const { rows } = await database.query<{ keep_until: Date; hashes: number; content: Buffer }>(
    `select keep_until, hashes,
            (select coalesce(string_agg(hash, '' order by hash), '') from withdrawn_hashes where copy_id = c.id) as content
       from withdrawal_copies c where id = $1`,
    [id],
  );
  const [copy] = rows;
  if (copy === undefined || copy.content.length !== copy.hashes * hashLength) return null;
  return { keepUntil: copy.keep_until, withdrawals, hashes: copy.content };
}

async function withdrawalsOf(database: Queryable, copyId: string): Promise<CopiedWithdrawal[]> {
  const { rows } = await database.query<CopiedWithdrawal>(
    'select uid, scope, name, since, until, at, actor from withdrawals where copy_id = $1 order by id',
    [copyId],
  );
  return rows;
}

/** Notes that it is in the blob store; its hashes need not be kept here any more. */
export async function noteCopyWritten(database: Database, id: string, clock: Clock): Promise<void> {
  await database.transaction(async (client) => {
    await client.query(
      'update withdrawal_copies set written_at = coalesce($2::timestamptz, clock_timestamp()) where id = $1 and written_at is null',
      [id, clock.forDatabase()],
    );
    await client.query('delete from withdrawn_hashes where copy_id = $1', [id]);
  });
}

/** Whether everything that was withdrawn is in the blob store. */
export async function areWithdrawalsCopied(database: Queryable): Promise<boolean> {
  const { rows } = await database.query<{ copied: boolean }>(
    `select not exists (select from withdrawn_hashes)
        and not exists (select from withdrawals where copy_id is null and finished_at is not null)
        and not exists (select from withdrawal_copies where written_at is null) as copied`,
  );
  return rows[0]!.copied;
}

/** Which of these copies the database does not know. */
export async function unknownCopies(database: Queryable, ids: readonly string[]): Promise<readonly string[]> {
  const { rows } = await database.query<{ id: string }>(
    `select u.id from unnest($1::uuid[]) as u (id)
      where not exists (select from withdrawal_copies c where c.id = u.id) order by u.id`,
    [ids],
  );
  return rows.map(({ id }) => id);
}

/** Ids of copies of which nothing counts any more, those that could never be written too. */
export async function expiredCopies(database: Queryable, now: Date): Promise<readonly string[]> {
  const { rows } = await database.query<{ id: string }>(
    'select id from withdrawal_copies where keep_until < $1 order by id',
    [now],
  );
  return rows.map(({ id }) => id);
}

/** Forgets a copy that is deleted. */
export async function forgetCopy(database: Queryable, id: string): Promise<void> {
  await database.query('delete from withdrawal_copies where id = $1', [id]);
}

/** Forgets what is not in the blob store and needs no copy any more, by {@link expiredCopies} with the whole copy. */
export async function forgetExpiredHashes(database: Queryable, now: Date): Promise<void> {
  await database.query(
    `delete from withdrawn_hashes
      where (copy_id is null and expires_at < $1)
         or copy_id in (select id from withdrawal_copies where keep_until < $1)`,
    [now],
  );
}
