/** When a partner read from us, and pushed to us, the last time: for its status. */
import type { Clock } from '../../platform/clock.ts';
import type { Queryable } from '../database.ts';

/** What it did. */
export type PartnerContact = 'read' | 'pushed';

/** Notes it, at most once a minute. */
export async function notePartnerContact(
  database: Queryable,
  partnerId: number,
  { contact, clock }: { readonly contact: PartnerContact; readonly clock: Clock },
): Promise<void> {
  const column = `${contact}_at`;
  await database.query(
    `update partners set ${column} = coalesce($2::timestamptz, clock_timestamp())
      where id = $1 and (${column} is null or ${column} <= coalesce($2::timestamptz, clock_timestamp()) - interval '1 minute')`,
    [partnerId, clock.forDatabase()],
  );
}
