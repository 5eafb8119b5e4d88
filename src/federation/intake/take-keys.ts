/** Takes a batch of a partner in, whichever way it came: counted, judged, stored, and what is refused kept in quarantine. */
import { AppError } from '../../domain/errors.ts';
import { isRefusal, type Verdict } from '../../domain/federation/verdict.ts';
import type { Queryable } from '../../storage/database.ts';
import { countReceivedKeys } from '../../storage/partners/partner-quota.ts';
import { quarantineKeys } from '../../storage/partners/refused-keys.ts';
import { takeIn, type SentKeys, type TakeInDeps } from './take-in.ts';

/**
 * Within the caller's transaction, before anything else of it that locks rows of the partner.
 * @returns one verdict for each key, in their order; whoever commits counts them (`intakeMetrics`)
 * @throws AppError exhausted `quota_exceeded`; not_found `partner_not_found`; of the database. Nothing may be stored then.
 */
export async function takeKeys(client: Queryable, deps: TakeInDeps, batch: SentKeys): Promise<readonly Verdict[]> {
  const { keys, now } = batch;
  const { partnerId, direction } = batch.sender;
  const { maxKeysPerDay: mostPerDay, maxQuarantine: most } = deps.settings;
  if (!(await countReceivedKeys(client, partnerId, { count: keys.length, mostPerDay, now }))) throw quotaExceeded();
  const verdicts = await takeIn(client, deps, batch);
  const refused = keys.flatMap((sent, index) => {
    const verdict = verdicts[index]!;
    return isRefusal(verdict) ? [{ sent, refusal: verdict }] : [];
  });
  await quarantineKeys(client, { partnerId, direction, refusedAt: now, most }, refused);
  return verdicts;
}

function quotaExceeded(): AppError {
  const message = 'the partner has sent as many keys as it may on one day (UTC); nothing of this batch was stored';
  return new AppError('exhausted', 'quota_exceeded', message);
}
