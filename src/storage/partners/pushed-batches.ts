/** What batches that partners pushed were answered, so that they are answered the same way when they come again. */
import { verdictCodes, verdictOfCode, type Verdict } from '../../domain/federation/verdict.ts';
import { AppError } from '../../domain/errors.ts';
import type { Queryable } from '../database.ts';

/** A batch's name; ids are each partner's own. */
export interface PushedBatchId {
  readonly partnerId: number;
  /** 16 to 64 bytes. */
  readonly id: Buffer;
}

/** What is remembered of a batch. */
export interface PushedBatch {
  /** Tells other content under the same id. */
  readonly contentHash: Buffer;
  /** One for each key, in their order. */
  readonly verdicts: readonly Verdict[];
}

/** The batch of that id; null = it has not come yet. */
export async function findPushedBatch(
  database: Queryable,
  { partnerId, id }: PushedBatchId,
): Promise<PushedBatch | null> {
  const { rows } = await database.query<{ content_hash: Buffer; verdicts: Buffer }>({
    name: 'find_pushed_batch',
    text: 'select content_hash, verdicts from pushed_batches where partner_id = $1 and id = $2',
    values: [partnerId, id],
  });
  const [row] = rows;
  return row === undefined ? null : { contentHash: row.content_hash, verdicts: Array.from(row.verdicts, verdictOf) };
}

/**
 * Remembers a batch in the transaction that stores its keys. Waits for whoever is storing one of the same id.
 * @returns false when there is one: then nothing may be stored
 */
export async function recordPushedBatch(
  client: Queryable,
  { partnerId, id }: PushedBatchId,
  { contentHash, verdicts, receivedAt }: PushedBatch & { readonly receivedAt: Date },
): Promise<boolean> {
  const { rowCount } = await client.query({
    name: 'record_pushed_batch',
    text: `insert into pushed_batches (partner_id, id, content_hash, verdicts, received_at) values ($1, $2, $3, $4, $5)
           on conflict do nothing`,
    values: [partnerId, id, contentHash, Buffer.from(verdicts.map((verdict) => verdictCodes[verdict])), receivedAt],
  });
  return rowCount === 1;
}

function verdictOf(code: number): Verdict {
  const verdict = verdictOfCode(code);
  if (verdict === undefined) throw new AppError('internal', 'internal_error', 'Internal Server Error');
  return verdict;
}
