/** Takes one pushed batch in, once: what comes again is answered as it was. */
import { AppError } from '../../domain/errors.ts';
import type { SentKey } from '../../domain/federation/sent-key.ts';
import type { Verdict } from '../../domain/federation/verdict.ts';
import { databaseTime } from '../../storage/database-time.ts';
import type { KnownPartner } from '../../storage/partners/partners.ts';
import {
  findPushedBatch,
  recordPushedBatch,
  type PushedBatch,
  type PushedBatchId,
} from '../../storage/partners/pushed-batches.ts';
import { intakeMetrics } from '../intake/metrics.ts';
import { senderOf } from '../intake/sender.ts';
import type { IntakeDeps } from '../intake/settings.ts';
import { takeKeys } from '../intake/take-keys.ts';

/** A batch as it was sent. */
export interface SentBatch {
  /** 16 to 64 bytes. */
  readonly id: Buffer;
  /** SHA-256 of all that it says. */
  readonly contentHash: Buffer;
  readonly keys: readonly SentKey[];
}

/** What it is answered. */
export interface BatchAnswer {
  /** One for each key, in their order. */
  readonly verdicts: readonly Verdict[];
  /** It was here before: these are the verdicts of then. */
  readonly isRepeated: boolean;
}

/**
 * Keys, verdicts and the record become durable together.
 * @throws AppError conflict `batch_conflict` when its id was given to other content; forbidden `push_not_accepted`;
 *   exhausted `quota_exceeded`; of the database. Nothing is stored then.
 */
export async function receiveBatch(deps: IntakeDeps, partner: KnownPartner, batch: SentBatch): Promise<BatchAnswer> {
  if (partner.accept === null || partner.accept.regions.length === 0) throw notAccepted();
  const name = { partnerId: partner.id, id: batch.id };
  const earlier = await findPushedBatch(deps.database, name);
  if (earlier !== null) return repeated(earlier, batch);
  try {
    const verdicts = await store(deps, partner, { ...batch, name });
    intakeMetrics(deps).batch('push', verdicts);
    return { verdicts, isRepeated: false };
  } catch (error) {
    // Another stream has stored a batch of that id meanwhile.
    const stored = isConflict(error) ? await findPushedBatch(deps.database, name) : null;
    if (stored === null) throw error;
    return repeated(stored, batch);
  }
}

async function store(
  deps: IntakeDeps,
  partner: KnownPartner,
  { name, contentHash, keys }: SentBatch & { readonly name: PushedBatchId },
): Promise<readonly Verdict[]> {
  const now = await databaseTime(deps.database, deps.clock);
  return await deps.database.transaction(async (client) => {
    const verdicts = await takeKeys(client, deps, { sender: senderOf(partner, 'push'), keys, now });
    if (await recordPushedBatch(client, name, { contentHash, verdicts, receivedAt: now })) return verdicts;
    throw batchConflict();
  });
}

function repeated({ contentHash, verdicts }: PushedBatch, sent: SentBatch): BatchAnswer {
  if (contentHash.equals(sent.contentHash)) return { verdicts, isRepeated: true };
  throw batchConflict();
}

function isConflict(error: unknown): boolean {
  return error instanceof AppError && error.code === 'batch_conflict';
}

function batchConflict(): AppError {
  return new AppError('conflict', 'batch_conflict', 'a batch of this id was taken in, with other content');
}

function notAccepted(): AppError {
  return new AppError('forbidden', 'push_not_accepted', 'nothing is taken from this partner (`accept`)');
}
