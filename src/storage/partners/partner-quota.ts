/** How many keys each partner has sent today: counted once for all processes, with the keys themselves. */
import type { Queryable } from '../database.ts';
import { partnerNotFound } from './partners.ts';

/** What is counted. */
export interface ReceivedKeys {
  /** Of one batch, whatever becomes of each; a batch without keys counts as one. */
  readonly count: number;
  /** On one day (UTC); 0 = any number. */
  readonly mostPerDay: number;
  readonly now: Date;
}

/**
 * Counts the keys of one batch in the transaction that stores them. Called before anything else of that transaction that
 * locks rows of the partner: `apply`, when it deletes a partner, locks them in the same order.
 * @returns false when the partner had sent as many as it may before this batch: then the transaction must be rolled back
 * @throws AppError not_found `partner_not_found` when it was deleted meanwhile
 */
export async function countReceivedKeys(
  client: Queryable,
  partnerId: number,
  { count, mostPerDay, now }: ReceivedKeys,
): Promise<boolean> {
  const { rows } = await client.query<{ before: number }>({
    name: 'count_received_keys',
    text: `
      update partners
         set quota_day = ($3::timestamptz at time zone 'UTC')::date,
             quota_keys = $2 + case when quota_day = ($3::timestamptz at time zone 'UTC')::date then quota_keys else 0 end
       where id = $1
      returning (quota_keys - $2)::float8 as before`,
    values: [partnerId, Math.max(1, count), now],
  });
  const before = rows[0]?.before;
  if (before === undefined) throw partnerNotFound();
  return mostPerDay === 0 || before < mostPerDay;
}
