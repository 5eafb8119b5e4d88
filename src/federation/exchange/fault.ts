/** What is remembered and told of a failure: its words may come from a stranger. */
import { AppError } from '../../domain/errors.ts';

/** Characters that are kept. */
const longestMessage = 300;

/** Why an exchange failed. */
export interface Fault {
  /** A word for programs. */
  readonly code: string;
  /** For operators. */
  readonly message: string;
}

/** The fault in plain characters; what is no `AppError` is a fault of ours, and in the log. */
export function faultOf(error: unknown): Fault {
  if (!(error instanceof AppError)) {
    return { code: 'internal_error', message: 'the exchange ended by a fault of ours: see the log' };
  }
  const isWord = /^[a-z0-9_]{1,64}$/.test(error.code);
  return {
    code: isWord ? error.code : 'bad_partner_answer',
    message: error.message.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, longestMessage),
  };
}

/** What the partner sent breaks the protocol. */
export function badAnswer(what: string, cause?: unknown): AppError {
  return new AppError('invalid', 'bad_partner_answer', `the partner's answer breaks the protocol: ${what}`, { cause });
}
