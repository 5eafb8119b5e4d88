/** Judges refused keys of a partner again: time, its grant or other keys may have made them acceptable. */
import { keyEvents, type KeyEvent } from '../../domain/federation/shared-key.ts';
import { isRefusal } from '../../domain/federation/verdict.ts';
import { databaseTime } from '../../storage/database-time.ts';
import {
  lockPartner,
  quarantinedKeys,
  type IntakeDirection,
  type QuarantinedKey,
  type QuarantineFilter,
} from '../../storage/partners/partner-quarantine.ts';
import type { KnownPartner } from '../../storage/partners/partners.ts';
import { senderOf } from './sender.ts';
import type { IntakeDeps } from './settings.ts';
import { settle, takeIn, type Sender } from './take-in.ts';

/** Keys of one transaction. */
const chunkKeys = 1_000;

/** Which keys. */
export interface ReplayOptions {
  readonly partner: KnownPartner;
  /** Not given = any. */
  readonly reason?: string;
  readonly signal: AbortSignal;
}

/** How many of them. */
export interface ReplayCounts {
  /** Taken in, or known by now: they left the quarantine. */
  readonly accepted: number;
  /** Refused again. */
  readonly refused: number;
}

type ReplayDeps = Pick<IntakeDeps, 'database' | 'clock' | 'settings' | 'self'>;

/** Keys first, then what changes them. Stopped anywhere, the rest stays as it is. */
export async function replayQuarantine(deps: ReplayDeps, options: ReplayOptions): Promise<ReplayCounts> {
  let counts: ReplayCounts = { accepted: 0, refused: 0 };
  for (const event of keyEvents) {
    for (const direction of ['pull', 'push'] as const) {
      for await (const part of replayEvent(deps, options, { event, direction })) counts = sum(counts, part);
    }
  }
  return counts;
}

async function* replayEvent(
  deps: ReplayDeps,
  { partner, reason, signal }: ReplayOptions,
  { event, direction }: { readonly event: KeyEvent; readonly direction: IntakeDirection },
): AsyncGenerator<ReplayCounts> {
  const sender = senderOf(partner, direction);
  let afterId = '0';
  for (;;) {
    signal.throwIfAborted();
    const filter = { partnerId: partner.id, direction, event, reason: reason ?? null, afterId, limit: chunkKeys };
    const chunk = await replayChunk(deps, sender, filter);
    if (chunk === null) return;
    afterId = chunk.lastId;
    yield chunk;
  }
}

/** @returns null when there is none left */
async function replayChunk(
  deps: ReplayDeps,
  sender: Sender,
  filter: QuarantineFilter,
): Promise<(ReplayCounts & { readonly lastId: string }) | null> {
  const now = await databaseTime(deps.database, deps.clock);
  return await deps.database.transaction(async (client) => {
    // As whoever takes keys in does: so nobody else changes what is in the partner's quarantine meanwhile.
    await lockPartner(client, sender.partnerId);
    const rows: readonly QuarantinedKey[] = await quarantinedKeys(client, filter);
    const last = rows.at(-1);
    if (last === undefined) return null;
    const verdicts = await takeIn(client, deps, { sender, keys: rows.map(({ sent }) => sent), now });
    await settle(
      client,
      rows.map((row, index) => [row, verdicts[index]!] as const),
    );
    const refused = verdicts.filter(isRefusal).length;
    return { accepted: rows.length - refused, refused, lastId: last.id };
  });
}

function sum(a: ReplayCounts, b: ReplayCounts): ReplayCounts {
  return { accepted: a.accepted + b.accepted, refused: a.refused + b.refused };
}
