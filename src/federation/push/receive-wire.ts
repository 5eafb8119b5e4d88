/** Between the messages of Push, as the receiver sees them, and what they mean. */
import { createHash } from 'node:crypto';
import { verdictCodes } from '../../domain/federation/verdict.ts';
import { KeyBatch, type PushRequest, type PushResponse } from '../../gen/enmesh/federation/v1/federation.ts';
import { fromKeyBatch, invalidBatch } from '../wire.ts';
import type { BatchAnswer, SentBatch } from './receive-batch.ts';

/** @throws AppError invalid `invalid_batch` for a batch that breaks the protocol */
export function fromPushRequest({ id, batch }: PushRequest): SentBatch {
  if (id.length < 16 || id.length > 64) throw invalidBatch('its id wants 16 to 64 bytes');
  if (batch === undefined || batch.keys.length === 0) throw invalidBatch('it holds no key');
  const keys = fromKeyBatch(batch);
  // As it was read, so that bytes that mean nothing make no difference.
  const contentHash = createHash('sha256').update(KeyBatch.encode(batch).finish()).digest();
  return { id, contentHash, keys };
}

/** For an answer. */
export function toPushResponse(id: Buffer, { verdicts, isRepeated }: BatchAnswer): PushResponse {
  return { id, verdicts: verdicts.map((verdict) => verdictCodes[verdict]), isRepeated };
}
