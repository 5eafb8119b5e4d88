/** Between the messages of partners and what they mean. */
import type * as proto from '../../gen/enmesh/federation/v1/partners.ts';
import { refusals, type Refusal } from '../../domain/federation/verdict.ts';
import { AppError } from '../../domain/errors.ts';
import type { QuarantineEntry } from '../../storage/partners/partner-quarantine.ts';
import type { PartnerProgress } from './run-exchanges.ts';
import type { ExchangeStatus, PartnerStatus } from './status.ts';

/** For an answer. */
export function toPartnerMessage(status: PartnerStatus): proto.Partner {
  const { partner } = status;
  return {
    name: partner.name,
    pausedAt: partner.pausedAt ?? undefined,
    pull: status.pull === null ? undefined : toExchangeMessage(status.pull),
    push: status.push === null ? undefined : toExchangeMessage(status.push),
    readAt: status.readAt ?? undefined,
    pushedAt: status.pushedAt ?? undefined,
    storedKeys: status.storedKeys === null ? undefined : BigInt(status.storedKeys),
    quarantine: status.quarantine.map(({ reason, keys }) => ({ reason, keys: BigInt(keys) })),
    isServed: partner.serve !== null,
    isAccepted: partner.accept !== null,
    receivedKeysToday: BigInt(status.receivedToday),
  };
}

function toExchangeMessage(status: ExchangeStatus): proto.Exchange {
  return {
    caughtUpThrough: status.caughtUpThrough ?? undefined,
    lagSeconds: status.lagSeconds === null ? undefined : BigInt(status.lagSeconds),
    lagKeys: BigInt(status.lagKeys),
    keys: BigInt(status.keys),
    refusedKeys: BigInt(status.refusedKeys),
    succeededAt: status.succeededAt ?? undefined,
    failures: status.failures,
    retryAt: status.notBefore ?? undefined,
    errorCode: status.errorCode ?? '',
    error: status.lastError ?? '',
    isRunning: status.isRunning,
  };
}

/** For an answer of Pull or Push. */
export function toProgressMessage({ status, isDone }: PartnerProgress): proto.PullResponse {
  return { partner: toPartnerMessage(status), isDone };
}

/** For an answer. */
export function toQuarantinedMessage(entry: QuarantineEntry): proto.QuarantinedKey {
  return {
    id: BigInt(entry.id),
    refusedAt: entry.refusedAt,
    reason: entry.reason,
    event: entry.event ?? '',
    rollingStart: entry.intervalStart,
    rollingPeriod: entry.intervalCount,
    regions: [...entry.regions],
    direction: entry.direction,
  };
}

const usualLimit = 100;
const mostListed = 1_000;

/** Of a request; 0 = as many as usual. */
export function quarantineLimit(limit: number): number {
  return limit === 0 ? usualLimit : Math.min(limit, mostListed);
}

/** Of a request: null = any. @throws AppError invalid `unknown_reason`, with those that there are */
export function reasonFilter(reason: string): Refusal | null {
  if (reason === '') return null;
  const found = refusals.find((word) => word === reason);
  if (found !== undefined) return found;
  const details = [`the reasons are ${refusals.join(', ')}`];
  throw new AppError('invalid', 'unknown_reason', 'keys are refused for no such reason', { details });
}
