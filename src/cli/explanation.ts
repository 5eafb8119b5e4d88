/** What a person sees of an explained publish. */
import {
  StepOutcome,
  type ExplainPublishResponse,
  type ExplainedAnswer,
} from '../gen/enmesh/operations/v1/operations.ts';
import type { Io } from './io.ts';
import { count } from './table.ts';

const marks = new Map<StepOutcome, string>([
  [StepOutcome.PASSED, 'ok     '],
  [StepOutcome.WARNING, 'note   '],
  [StepOutcome.REFUSED, 'REFUSED'],
  [StepOutcome.SKIPPED, '-      '],
]);

const indent = ' '.repeat(10);

/** Prints the steps, marks the one where the phone's request ends, and tells the answer. */
export function showExplanation(io: Io, { steps, answer }: ExplainPublishResponse): void {
  const end = steps.findIndex(({ outcome }) => outcome === StepOutcome.REFUSED);
  const lines = steps.flatMap(({ name, outcome, detail }, index) => [
    `${marks.get(outcome) ?? '?      '}   ${name}`,
    ...(detail === '' ? [] : detail.split('\n').map((line) => `${indent}${line}`)),
    ...(index === end ? [endLine(index === steps.length - 1)] : []),
  ]);
  io.stdout.write([...lines, '', ...(answer ? answerLines(answer) : [])].map((line) => `${line}\n`).join(''));
}

function endLine(isLast: boolean): string {
  const end = `${'='.repeat(7)}   the phone's request ends here`;
  return isLast ? end : `${end}; below: what else it would have met`;
}

function answerLines({ status, code, error, warnings, ...answer }: ExplainedAnswer): string[] {
  const heading = `answer: ${[String(status), code].filter((word) => word !== '').join(' ')}`;
  const counts = `${count(answer.insertedExposures, 'key')} new, ${String(answer.revisedExposures)} revised`;
  return [
    heading,
    ...(error === '' ? [] : [`error: ${error.trim()}`]),
    ...warnings.map((warning) => `warning: ${warning}`),
    ...(status === 200 ? [answer.isRepeated ? `${counts} the first time; nothing would be written now` : counts] : []),
  ];
}
