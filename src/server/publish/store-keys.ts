/** Writes a publish's keys, or finds out why they must not be written. */
import { AppError } from '../../domain/errors.ts';
import type { KeptKey } from '../../domain/publish/request.ts';
import {
  planRevisions,
  storesFirst,
  type RevisableKey,
  type RevisionPolicy,
  type SentToken,
} from '../../domain/publish/revision.ts';
import type { Database } from '../../storage/database.ts';
import type { Counted } from '../../storage/authorities/counters.ts';
import { findKnown, insertKeys, reviseKeys, type Known, type PublishFacts } from '../../storage/exposures/exposures.ts';
import type { PublishQueue } from '../../storage/exposures/publish-queue.ts';
import type { EarlierAnswer } from '../../storage/exposures/receipts.ts';
import { encodeTokens } from './receipt.ts';

/** A publish, ready to be written. */
export interface KeysToStore {
  readonly facts: PublishFacts;
  /** At least one, in the request's order. */
  readonly keys: readonly KeptKey[];
  /** Positions of the request's keys, in the order of the HMAC. */
  readonly keyOrder: readonly number[];
  readonly token: SentToken;
  readonly policy: RevisionPolicy;
  /** For refusals. */
  readonly warnings: readonly string[];
  /** For statistics; null = this publish is not counted. */
  count(written: { readonly inserted: number; readonly revised: number }): Counted | null;
}

/** Where keys are stored. */
export interface KeyStore {
  readonly database: Database;
  /** The common way of new keys. */
  readonly queue: PublishQueue;
}

/** What was written now, or what the same request was answered before. */
export type StoreResult =
  | {
      readonly repeated?: never;
      readonly inserted: number;
      readonly revised: number;
      /** What the holder may revise from now on. */
      readonly listed: readonly RevisableKey[];
    }
  | { readonly repeated: EarlierAnswer };

/** A key changes at most twice, when it is stored and when it is revised, so that a publish can lose no more often. */
function mostAttempts(keys: number): number {
  return 2 * keys + 2;
}

/**
 * Writes all keys in one transaction: one round trip when none is known, at most three when some are.
 * @throws AppError invalid with the code of the revision fault; unavailable
 */
export async function storeKeys({ database, queue }: KeyStore, toStore: KeysToStore): Promise<StoreResult> {
  const { token, facts } = toStore;
  // A known key is likely with a token, and all that matters with a negative report.
  let looksFirst = token !== 'missing' || !storesFirst(facts.reportType);
  for (let attempt = 0; attempt < mostAttempts(toStore.keys.length); attempt++) {
    // Alone once something is known to be unusual: in company, it would keep the others from being written.
    const write: Write = (...keys) => (looksFirst ? insertKeys(database, ...keys) : queue.insert(...keys));
    const known = looksFirst ? await findKnown(database, facts, toStore.keys) : nothingKnown;
    if (known.answer) return { repeated: known.answer };
    const result = known.keys.length > 0 ? await revise(database, toStore, known) : await insert(toStore, write);
    if (result) return result;
    looksFirst = true;
  }
  throw new AppError('unavailable', 'unavailable', 'these keys are being written by other requests; try again later');
}

const nothingKnown: Known = { answer: undefined, keys: [] };

type Write = PublishQueue['insert'];

/** Undefined when something is known after all; then nothing was written. */
async function insert({ facts, keys, keyOrder, count }: KeysToStore, write: Write): Promise<StoreResult | undefined> {
  const stored = storesFirst(facts.reportType) ? keys : [];
  const counted = count({ inserted: stored.length, revised: 0 });
  const isWritten = await write(facts, { keys: stored, tokens: encodeTokens(keyOrder, stored), counted });
  return isWritten ? { inserted: stored.length, revised: 0, listed: stored } : undefined;
}

/** Undefined when what is known has changed meanwhile; then nothing was written. */
async function revise(database: Database, toStore: KeysToStore, known: Known): Promise<StoreResult | undefined> {
  const { facts, keys: sent, keyOrder, token, policy, warnings } = toStore;
  const plan = planRevisions({ sent, known: known.keys, token, reportType: facts.reportType, policy });
  if (plan.refusal) throw new AppError('invalid', plan.refusal.code, plan.refusal.message, { details: warnings });
  const { added, revised } = plan;
  if (added.length === 0 && revised.length === 0) return { inserted: 0, revised: 0, listed: [] };
  const tokens = encodeTokens(keyOrder, [...added, ...revised.map((revision) => revision.sent)]);
  const counted = toStore.count({ inserted: added.length, revised: revised.length });
  if (!(await reviseKeys(database, facts, { ...plan, tokens, counted }))) return undefined;
  const listed = [...added, ...revised.map((revision) => revision.known)];
  return { inserted: added.length, revised: revised.length, listed };
}
