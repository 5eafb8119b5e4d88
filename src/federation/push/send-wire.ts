/** Push as its client: the call, and what is acknowledged as domain types. The partner may be hostile. */
import { createHash } from 'node:crypto';
import type { SharedKey } from '../../domain/federation/shared-key.ts';
import { verdictOfCode, type Verdict } from '../../domain/federation/verdict.ts';
import { FederationServiceDefinition, KeyBatch, type PushRequest } from '../../gen/enmesh/federation/v1/federation.ts';
import type { KnownPartner } from '../../storage/partners/partners.ts';
import { openPartnerClient, type PartnerChannelDeps } from '../auth/partner-channel.ts';
import { badAnswer } from '../exchange/fault.ts';
import { toKeyBatch } from '../wire.ts';

/** A batch as it is sent. */
export interface SentBatch {
  readonly id: Buffer;
  readonly message: PushRequest;
}

/** That a batch is durable. */
export interface Acknowledgement {
  readonly id: Buffer;
  /** One a key, in their order. */
  readonly verdicts: readonly Verdict[];
}

/** A connection to push over. */
export interface Pushes extends Disposable {
  /** Acknowledgements come in the order of the batches. No batch is asked for before the partner is verified. */
  push(batches: AsyncIterable<SentBatch>, signal: AbortSignal): AsyncIterable<Acknowledgement>;
}

/** Opens it. @throws AppError as `openPartnerClient` */
export function openPushes(partner: KnownPartner, channel: PartnerChannelDeps): Pushes {
  const { client, close } = openPartnerClient(FederationServiceDefinition, partner, channel);
  return {
    push: (batches, signal) => acknowledgements(client.push(messages(batches), { signal })),
    [Symbol.dispose]: close,
  };
}

/**
 * The batch of these keys. The same keys under the same scope have the same id, so that what is sent again after a break
 * is known there.
 * @param options.scopeId the hash of the scope, which covers the recipient
 * @param options.salt another number makes another id
 */
export function toSentBatch(
  keys: readonly SharedKey[],
  { scopeId, salt }: { readonly scopeId: Buffer; readonly salt: number },
): SentBatch {
  const batch = toKeyBatch(keys);
  const id = createHash('sha256')
    .update(scopeId)
    .update(Uint8Array.of(salt))
    .update(KeyBatch.encode(batch).finish())
    .digest();
  return { id, message: { id, batch } };
}

async function* messages(batches: AsyncIterable<SentBatch>): AsyncGenerator<PushRequest> {
  for await (const { message } of batches) yield message;
}

async function* acknowledgements(
  responses: AsyncIterable<{ readonly id: Buffer; readonly verdicts: readonly number[] }>,
): AsyncGenerator<Acknowledgement> {
  for await (const { id, verdicts } of responses) yield { id, verdicts: verdicts.map(toVerdict) };
}

function toVerdict(code: number): Verdict {
  const verdict = verdictOfCode(code);
  if (verdict === undefined) throw badAnswer('a verdict is none');
  return verdict;
}
