/** What a publish was answered, so that a repeated request is answered the same way. */
import type { IntervalNumber } from '../../domain/publish/interval.ts';
import type { Queryable } from '../database.ts';

/** A receipt to write; keyed hashes, never the certificate or the keys. */
export interface Receipt {
  readonly certificateHash: Buffer;
  readonly contentHash: Buffer;
  readonly expiresAt: Date;
}

/** The first answer. */
export interface EarlierAnswer {
  readonly inserted: number;
  /** One byte a key, in the order of the certificate's HMAC: 1 = listed in the answer's token. */
  readonly tokens: Buffer;
  /** When it was given. */
  readonly interval: IntervalNumber;
}

/** Columns of an earlier answer, as every statement that may find one returns them. */
export interface EarlierAnswerRow {
  inserted: number;
  tokens: Buffer;
  answered_interval: number;
}

/** Finds the answer to the same request with the same certificate. */
export async function findEarlierAnswer(database: Queryable, receipt: Receipt): Promise<EarlierAnswer | undefined> {
  const { rows } = await database.query<EarlierAnswerRow>({
    name: 'find_earlier_answer',
    text: `select inserted, tokens, answered_interval from receipts
            where certificate_hash = $1 and content_hash = $2`,
    values: [receipt.certificateHash, receipt.contentHash],
  });
  return rows[0] && earlierAnswer(rows[0]);
}

/** Row → answer. */
export function earlierAnswer(row: EarlierAnswerRow): EarlierAnswer {
  return { inserted: row.inserted, tokens: row.tokens, interval: row.answered_interval };
}
