/** What a partner's change of a key does to what is stored (reference 5.5, step 5). */
import { changeOf, type KnownKey } from '../publish/revision.ts';
import type { SoundKey, WithdrawnKey } from './judge-key.ts';
import { unknownKey, type Refusal } from './verdict.ts';

/** A stored key, and where it came from. */
export interface StoredKey extends Omit<KnownKey, 'isLocal'> {
  /** Null = not of a partner. */
  readonly partnerId: number | null;
  readonly isWithdrawn: boolean;
}

/** Whether to write it. Only the partner that brought a key may change it; others may tell what is known already. */
export function judgeChange(
  sent: SoundKey | WithdrawnKey,
  stored: StoredKey | undefined,
  partnerId: number,
): 'revise' | 'withdraw' | 'known' | Refusal {
  if (stored === undefined) return unknownKey;
  if (stored.partnerId !== partnerId) return tellsNothingNew(sent, stored) ? 'known' : 'not_from_sender';
  if (sent.event === 'withdrawn') return stored.isWithdrawn ? 'known' : 'withdraw';
  if (stored.isWithdrawn) return 'withdrawn';
  if (stored.intervalStart !== sent.intervalStart || stored.intervalCount !== sent.intervalCount) {
    return 'interval_mismatch';
  }
  const change = changeOf(stored, sent.reportType);
  if (change === 'unchanged') return 'known';
  return change === 'revise' ? 'revise' : 'revision';
}

/** A key that has several ways is changed over each of them. */
function tellsNothingNew(sent: SoundKey | WithdrawnKey, stored: StoredKey): boolean {
  if (sent.event === 'withdrawn' || stored.isWithdrawn) return stored.isWithdrawn;
  const isSamePlace = stored.intervalStart === sent.intervalStart && stored.intervalCount === sent.intervalCount;
  return isSamePlace && changeOf(stored, sent.reportType) === 'unchanged';
}
