/** What a revision of another authority's file does to what is stored (reference 6.2, step 7). */
import type { KnownKey } from '../publish/revision.ts';
import { changeOf } from '../publish/revision.ts';
import type { ImportableKey } from './judge-key.ts';
import { unknownKey, type Refusal } from './refusal.ts';

/** A stored key, and where it came from. */
export interface StoredKey extends Omit<KnownKey, 'isLocal'> {
  /** Null = not of an import. */
  readonly importId: number | null;
}

/** Whether to write it. Only the import that brought a key may revise it; nobody may revise one that was withdrawn. */
export function judgeRevision(
  sent: ImportableKey,
  stored: StoredKey | undefined,
  importId: number,
): 'revise' | 'unchanged' | 'withdrawn' | Refusal {
  if (stored === undefined) return unknownKey;
  if (stored.importId !== importId) return 'not_from_this_import';
  if (stored.isWithdrawn) return 'withdrawn';
  if (stored.intervalStart !== sent.intervalStart || stored.intervalCount !== sent.intervalCount) {
    return 'interval_mismatch';
  }
  return changeOf(stored, sent.reportType);
}
