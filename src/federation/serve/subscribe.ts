/** Subscribe: everything that a partner may have from its cursor on, and on with each window that closes. */
import { setTimeout as wait } from 'node:timers/promises';
import { authorityId } from '../../domain/federation/authority-id.ts';
import { decodeCursor, encodeCursor } from '../../domain/federation/cursor.ts';
import { beginning } from '../../domain/federation/position.ts';
import { effectiveScope, scopeHash, type AskedScope, type SharingScope } from '../../domain/federation/scope.ts';
import { closedThrough } from '../../storage/windows.ts';
import type { AuthenticatedPartner } from '../auth/caller.ts';
import { deliveries, type Delivery } from './deliveries.ts';
import type { ServeDeps } from './settings.ts';

/** What a partner subscribes to. */
export interface Subscription {
  readonly asked: AskedScope;
  /** Empty = from the beginning. */
  readonly cursor: Buffer;
  readonly follow: boolean;
  /** Keys of one batch. */
  readonly batchKeys: number;
}

/** One response: where to go on stands in it as the partner keeps it. */
export type SubscriptionResponse = Omit<Delivery, 'reached'> & { readonly cursor: Buffer };

/**
 * At least one response. No connection to the database is held while the reader takes his time. The grant is read again
 * after each response, and while there is nothing to send: under another one everything is gone through again, so that
 * what is newly granted arrives.
 * @throws AppError invalid `invalid_cursor`, `region_conflict`, `invalid_regions`; as `PartnerAuthenticator.readmit`
 */
export async function* subscribe(
  deps: ServeDeps,
  admission: AuthenticatedPartner,
  { asked, cursor, follow, batchKeys, signal }: Subscription & { readonly signal: AbortSignal },
): AsyncGenerator<SubscriptionResponse, void, undefined> {
  const scopeNow = async (): Promise<SharingScope | null> => {
    signal.throwIfAborted();
    const { serve, identity } = await deps.authenticator.readmit(admission);
    return effectiveScope(asked, serve, authorityId(identity));
  };
  let scope = await scopeNow();
  let after = decodeCursor(cursor, scope);
  const isScopeTheSame = async (): Promise<boolean> => {
    const current = await scopeNow();
    if (scopeHash(current).equals(scopeHash(scope))) return true;
    scope = current;
    after = beginning;
    return false;
  };
  let through = await closedThrough(deps);
  for (;;) {
    for await (const { reached, ...delivery } of deliveries(deps, { scope, after, through, batchKeys, signal })) {
      yield { ...delivery, cursor: encodeCursor(reached, scope) };
      after = reached;
      if (!(await isScopeTheSame())) break;
    }
    while (after.at.getTime() === through.getTime()) {
      if (!follow) return;
      await pause(deps.settings.followMs, signal);
      if (await isScopeTheSame()) through = await closedThrough(deps);
    }
  }
}

/** @throws the signal's reason */
async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await wait(milliseconds, undefined, { signal }).catch(() => undefined);
  signal.throwIfAborted();
}
