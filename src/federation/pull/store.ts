/** Stores what a pull brought, and moves its cursor, in one transaction. */
import { createHash } from 'node:crypto';
import type { SentKey } from '../../domain/federation/sent-key.ts';
import { databaseTime } from '../../storage/database-time.ts';
import { advanceExchange } from '../../storage/partners/partner-exchanges.ts';
import type { KnownPartner } from '../../storage/partners/partners.ts';
import type { Exchange, Step } from '../exchange/exchange.ts';
import { refusedAmong } from '../exchange/refused.ts';
import type { ExchangeDeps } from '../exchange/settings.ts';
import { intakeMetrics } from '../intake/metrics.ts';
import { senderOf } from '../intake/sender.ts';
import { takeKeys } from '../intake/take-keys.ts';

/** What came at once. */
export interface Delivery {
  /** In the order in which they are to be stored. */
  readonly keys: readonly SentKey[];
  /** Where to go on after them. */
  readonly cursor: Buffer;
  /** As the partner says; null = not all yet. */
  readonly caughtUpThrough: Date | null;
  readonly pendingKeys: number;
}

/**
 * Stores it. Stopped anywhere and begun again it comes to the same.
 * @throws AppError conflict `lease_lost` when another process has the exchange; as `takeKeys`
 */
export async function storeDelivery(deps: ExchangeDeps, exchange: Exchange, delivery: Delivery): Promise<Step> {
  const { database, clock } = deps;
  const { partner, holder, keeper } = exchange;
  const sender = senderOf(partner, 'pull');
  const verdicts = await database.transaction(async (client) => {
    const now = await databaseTime(client, clock);
    const { keys } = delivery;
    const taken = keys.length === 0 ? [] : await takeKeys(client, deps.intake, { sender, keys, now });
    const step = {
      cursor: delivery.cursor,
      ruleHash: pullRuleHash(partner),
      // Nobody can have caught up with the future.
      caughtUpThrough: earlier(delivery.caughtUpThrough, now),
      pendingKeys: delivery.pendingKeys,
      keys: taken.length,
      refusedKeys: refusedAmong(taken).total,
    };
    if (!(await advanceExchange(client, holder, step))) throw keeper.end('lease_lost');
    return taken;
  });
  if (verdicts.length > 0) intakeMetrics(deps).batch('pull', verdicts);
  const fresh = verdicts.filter((verdict) => verdict === 'stored' || verdict === 'changed').length;
  const { total, byReason } = refusedAmong(verdicts);
  if (total > 0) deps.logger.warn({ partner: partner.name, ...byReason }, 'keys of a partner were refused');
  return { keys: verdicts.length, fresh };
}

/**
 * Of everything that decides what a cursor of a pull means: another authority, protocol or choice of keys begins anew, so
 * that keys arrive that were not asked for before.
 */
export function pullRuleHash({ identity: { issuer, subject }, pull }: KnownPartner): Buffer {
  const { regions, excludeRegions, onlyTravelers, protocol } = pull!;
  const text = JSON.stringify([issuer, subject, regions, excludeRegions, onlyTravelers, protocol]);
  return createHash('sha256').update(text).digest().subarray(0, 16);
}

/** Where the last run left off; null = at the beginning, or under another rule. */
export function storedCursor({ partner, leased }: Exchange): Buffer | null {
  return leased.ruleHash?.equals(pullRuleHash(partner)) === true ? leased.cursor : null;
}

function earlier(time: Date | null, now: Date): Date | null {
  return time !== null && time > now ? now : time;
}
