/** What a request for statistics is answered with: statuses, codes and texts that deployed clients know (reference 7). */
import { AppError } from '../../domain/errors.ts';
import type { DecodeFailure } from '../../domain/publish-body/decode.ts';
import type { DayStatistics } from '../../domain/statistics/reduce.ts';
import { httpStatus } from '../../domain/http-status.ts';
import { codesPassedTo } from '../codes.ts';
import { jsonString } from '../json-answer.ts';
import { fixedAnswers, isPassing, undecodableAnswer } from '../publish/answer.ts';

/** An answer before padding; what is empty is left out. */
export interface StatsAnswer {
  readonly status: number;
  readonly days?: readonly DayStatistics[];
  readonly error?: string;
  readonly code?: string;
}

const readerCodes = codesPassedTo('stats');

/** The header is not there, or has another form. */
export const notBearer: StatsAnswer = {
  status: 401,
  code: 'unauthorized',
  error: 'Authorization header is not in `Bearer <token>` format',
};

/** A fault of ours that does not pass by itself. */
export const statsFailure: StatsAnswer = { status: 500, code: 'internal_error', error: 'error reading stats' };

/** Whatever is wrong with the body, the status is 400; the text has that of a publish. */
export function undecodableStats(failure: DecodeFailure): StatsAnswer {
  return { ...undecodableAnswer(failure), status: 400 };
}

/** Refusals of the token pass as they are; a failure of ours is 500 or 503 with a text that tells nothing. */
export function failureOfStats(error: unknown): StatsAnswer {
  if (!(error instanceof AppError)) return statsFailure;
  const { kind, code, message } = error;
  if (readerCodes.has(code)) return { status: httpStatus[kind], code, error: message };
  return isPassing(kind) ? fixedAnswers.unavailable : statsFailure;
}

/** Members in the order of reference 7; `padding` is always there. */
export function renderStats({ days = [], error, code }: StatsAnswer, padding: string): string {
  const members: string[] = [];
  if (days.length > 0) members.push(`"days":[${days.map(renderDay).join()}]`);
  if (error) members.push(`"error":${jsonString(error)}`);
  if (code) members.push(`"code":${jsonString(code)}`);
  members.push(`"padding":"${padding}"`);
  return `{${members.join()}}`;
}

function renderDay(day: DayStatistics): string {
  const { unknown, android, ios } = day.publishes;
  const members = [
    `"day":"${day.day.toISOString().replace('.000Z', 'Z')}"`,
    `"publish_requests":{"unknown":${String(unknown)},"android":${String(android)},"ios":${String(ios)}}`,
    `"total_teks_published":${String(day.teks)}`,
    `"requests_with_revisions":${String(day.revisions)}`,
    `"tek_age_distribution":[${day.tekAges.join()}]`,
    `"onset_to_upload_distribution":[${day.onsetAges.join()}]`,
    `"requests_missing_onset_date":${String(day.missingOnset)}`,
  ];
  return `{${members.join()}}`;
}
