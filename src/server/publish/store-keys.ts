/** Writes a publish's keys, or finds out why they must not be written. */
import { AppError } from '../../domain/errors.ts';
import type { KeptKey } from '../../domain/publish/request.ts';
import {
  planRevisions,
  storesFirst,
  type RevisableKey,
  type RevisionPlan,
  type RevisionPolicy,
  type SentToken,
} from '../../domain/publish/revision.ts';
import type { Database } from '../../storage/database.ts';
import { insertKeys, reviseKeys, type PublishFacts, type Raced } from '../../storage/exposures.ts';
import type { EarlierAnswer } from '../../storage/receipts.ts';
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

/** Only a stream of publishes of the same keys could lose so often. */
const mostAttempts = 8;

/**
 * Writes all keys in one transaction: one round trip when none is known, two when some are.
 * @throws AppError invalid with the code of the revision fault; unavailable
 */
export async function storeKeys(database: Database, toStore: KeysToStore): Promise<StoreResult> {
  const { token, facts } = toStore;
  // A known key is likely with a token, and all that matters with a negative report.
  let probes = token !== 'missing' || !storesFirst(facts.reportType);
  for (let attempt = 0; attempt < mostAttempts; attempt++) {
    const result = await tryToStore(database, toStore, probes);
    if ('repeated' in result || 'listed' in result) return result;
    probes = true;
  }
  throw new AppError('unavailable', 'unavailable', 'these keys are being written by other requests; try again later');
}

async function tryToStore(database: Database, toStore: KeysToStore, probes: boolean): Promise<StoreResult | Raced> {
  const { facts, keyOrder } = toStore;
  const storesNew = storesFirst(facts.reportType);
  const stored = storesNew ? toStore.keys : [];
  const tokens = encodeTokens(keyOrder, stored);
  const outcome = await insertKeys(database, facts, { keys: toStore.keys, storesNew, probes, tokens });
  if (outcome.kind === 'stored') return { inserted: stored.length, revised: 0, listed: stored };
  if (outcome.kind === 'repeated') return { repeated: outcome.answer };
  if (outcome.kind === 'raced') return outcome;

  const { keys: sent, token, policy } = toStore;
  const plan = planRevisions({ sent, known: outcome.keys, token, reportType: facts.reportType, policy });
  if (plan.refusal) {
    throw new AppError('invalid', plan.refusal.code, plan.refusal.message, { details: toStore.warnings });
  }
  return await carryOut(database, toStore, plan);
}

async function carryOut(database: Database, toStore: KeysToStore, plan: RevisionPlan): Promise<StoreResult | Raced> {
  const { added, revised } = plan;
  if (added.length === 0 && revised.length === 0) return { inserted: 0, revised: 0, listed: [] };
  const tokens = encodeTokens(toStore.keyOrder, [...added, ...revised.map(({ sent }) => sent)]);
  const outcome = await reviseKeys(database, toStore.facts, { ...plan, tokens });
  if (outcome.kind === 'repeated') return { repeated: outcome.answer };
  if (outcome.kind === 'raced') return outcome;
  return { inserted: added.length, revised: revised.length, listed: [...added, ...revised.map(({ known }) => known)] };
}
