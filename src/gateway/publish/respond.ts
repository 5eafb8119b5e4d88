/** Writes a publish answer in the shapes that deployed phones read. */
import { jsonString } from '../json-answer.ts';
import type { PublishAnswer } from './answer.ts';

/** Members in the order of reference 1.7, empty ones left out, `<>&` escaped, no newline at the end. */
export function renderAnswer(answer: PublishAnswer, padding: string): string {
  const members: string[] = [];
  if (answer.revisionToken) members.push(`"revisionToken":${jsonString(answer.revisionToken)}`);
  if (answer.insertedExposures) members.push(`"insertedExposures":${String(answer.insertedExposures)}`);
  if (answer.error) members.push(`"error":${jsonString(answer.error)}`);
  if (answer.code) members.push(`"code":${jsonString(answer.code)}`);
  if (padding) members.push(`"padding":"${padding}"`);
  if (answer.warnings?.length) members.push(`"warnings":[${answer.warnings.map(jsonString).join()}]`);
  return `{${members.join()}}`;
}

/** The same as the first apps read it: four members are always there, and there is no code (reference 1.7). */
export function renderV1Alpha1Answer(answer: PublishAnswer, padding: string): string {
  const { revisionToken = '', insertedExposures = 0, error = '', warnings = [] } = answer;
  const members = [
    `"revisionToken":${jsonString(revisionToken)}`,
    `"insertedExposures":${String(insertedExposures)}`,
    `"error":${jsonString(error)}`,
    `"padding":"${padding}"`,
  ];
  if (warnings.length > 0) members.push(`"warnings":[${warnings.map(jsonString).join()}]`);
  return `{${members.join()}}`;
}
