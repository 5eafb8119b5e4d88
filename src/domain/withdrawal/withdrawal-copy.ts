/** What a copy of withdrawals holds: enough to do them again in a database that knows nothing of them. */
import type { WithdrawnKeys } from './withdrawal.ts';

/** One withdrawal as it was asked for. */
export interface CopiedWithdrawal extends WithdrawnKeys {
  /** A UUID: the same in every database. */
  readonly uid: string;
  readonly at: Date;
  readonly actor: string;
}

/** Part of what was withdrawn. */
export interface WithdrawalCopy {
  /** From then on none of its keys is in any database, nor can be accepted. */
  readonly keepUntil: Date;
  readonly withdrawals: readonly CopiedWithdrawal[];
  /** Keyed hashes of withdrawn keys, of {@link hashLength} bytes each, one after another. */
  readonly hashes: Buffer;
}

/** Bytes of SHA-256. */
export const hashLength = 32;
