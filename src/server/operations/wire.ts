/** Between the messages of operations and what they mean. */
import { AppError } from '../../domain/errors.ts';
import * as proto from '../../gen/enmesh/operations/v1/operations.ts';
import type { WithdrawalCounts, WithdrawalScope } from '../../domain/withdrawal/withdrawal.ts';
import type { QueuedJob } from '../../platform/jobs.ts';
import type { Hold, HoldSubject } from '../../storage/holds.ts';
import type { Withdrawal } from '../../storage/exposures/withdrawal-records.ts';
import type { RefreshedJwks } from '../jwks/refresh.ts';
import type { CleanupCounts } from './cleanup.ts';
import type { WithdrawRequest } from './withdraw.ts';

/** For an answer. */
export function toCleanupMessage(counts: CleanupCounts): proto.CleanupResponse {
  return {
    exposures: BigInt(counts.exposures),
    receipts: BigInt(counts.receipts),
    unlistedFiles: BigInt(counts.unlistedFiles),
    deletedFiles: BigInt(counts.deletedFiles),
    batches: BigInt(counts.batches),
    paddingKeys: BigInt(counts.paddingKeys),
    statistics: BigInt(counts.statistics),
    tombstones: BigInt(counts.tombstones),
  };
}

/** For an answer. */
export function toJobMessage(queued: QueuedJob): proto.Job {
  return {
    id: queued.id,
    task: queued.job,
    attempts: queued.attempts,
    runAt: queued.runAt,
    lockedAt: queued.lockedAt ?? undefined,
    lastError: queued.lastError ?? '',
  };
}

/** For an answer. */
export function toRefreshedMessage(result: RefreshedJwks): proto.RefreshedJwks {
  return {
    issuer: result.issuer,
    added: [...result.added],
    revoked: [...result.revoked],
    active: result.active,
    skipped: [...result.skipped],
    error: result.error ?? '',
  };
}

const subjects: Readonly<Record<HoldSubject, proto.HoldSubject>> = {
  apps: proto.HoldSubject.APP,
  healthAuthorities: proto.HoldSubject.HEALTH_AUTHORITY,
  exports: proto.HoldSubject.EXPORT,
};

/** Of a request. @throws AppError invalid `bad_hold_subject` for a kind that cannot be held */
export function holdSubject(subject: proto.HoldSubject): HoldSubject {
  const found = (Object.keys(subjects) as HoldSubject[]).find((key) => subjects[key] === subject);
  if (found !== undefined) return found;
  throw new AppError('invalid', 'bad_hold_subject', 'subject must be an app, a health authority or an export');
}

/** For an answer. */
export function toHoldMessage({ subject, name, since }: Hold): proto.Hold {
  return { subject: subjects[subject], name, since };
}

const scopes: Readonly<Record<WithdrawalScope, proto.WithdrawalScope>> = {
  app: proto.WithdrawalScope.APP,
  authority: proto.WithdrawalScope.HEALTH_AUTHORITY,
  partner: proto.WithdrawalScope.PARTNER,
  import: proto.WithdrawalScope.IMPORT,
};

/** Of a request. @throws AppError invalid `bad_withdrawal_scope` */
export function withdrawRequest(request: proto.WithdrawRequest, actor: string): WithdrawRequest {
  const scope = (Object.keys(scopes) as WithdrawalScope[]).find((key) => scopes[key] === request.scope);
  if (scope !== undefined) {
    return { scope, name: request.name, since: request.since ?? null, until: request.until ?? null, actor };
  }
  const message = 'scope must be an app, a health authority, a partner or an import';
  throw new AppError('invalid', 'bad_withdrawal_scope', message);
}

/** For an answer; without an id, keys were only counted. */
export function toWithdrawMessage(
  { id = '0', withdrawn, deleted }: WithdrawalCounts & { readonly id?: string },
  { isCopied }: { readonly isCopied: boolean } = { isCopied: true },
): proto.WithdrawResponse {
  return {
    id: BigInt(id),
    withdrawnKeys: BigInt(withdrawn),
    deletedKeys: BigInt(deleted),
    copyPending: !isCopied,
  };
}

/** For an answer. */
export function toWithdrawalMessage(withdrawal: Withdrawal): proto.Withdrawal {
  const { id, scope, name, since, until, at, actor, finishedAt, withdrawn, deleted } = withdrawal;
  return {
    id: BigInt(id),
    scope: scopes[scope],
    name,
    since: since ?? undefined,
    until: until ?? undefined,
    at,
    actor,
    finishedAt: finishedAt ?? undefined,
    withdrawnKeys: BigInt(withdrawn),
    deletedKeys: BigInt(deleted),
  };
}
