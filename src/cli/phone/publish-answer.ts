/** What a phone's owner is told about a publish. */
import { printJson, type Io } from '../io.ts';
import { count } from '../table.ts';
import type { Phone } from './phone-file.ts';
import type { PublishAnswer } from './publish-request.ts';

/** What the answer answers. */
export interface SentPublish {
  readonly phone: Phone;
  readonly sentKeys: number;
  readonly isChaff: boolean;
  readonly json: boolean;
}

/** Characters of a revision token that tell it from another. */
const shownTokenLength = 16;

/** Prints the answers, of which all but the first are to repetitions; a refusal as JSON only, because its error line tells the rest. */
export function showAnswers(io: Io, answers: readonly PublishAnswer[], sent: SentPublish): void {
  if (sent.json) {
    const documents = answers.map((answer) => documentOf(answer, sent));
    printJson(io, documents.length === 1 ? documents[0] : documents);
    return;
  }
  const accepted = answers.filter(({ status }) => status >= 200 && status <= 299);
  const all = accepted.flatMap((answer, index) => [...(index > 0 ? ['', 'sent again'] : []), ...lines(answer, sent)]);
  io.stdout.write(all.map((line) => `${line}\n`).join(''));
}

function documentOf({ size: responseBytes, ...answer }: PublishAnswer, sent: SentPublish): object {
  return { ...answer, sentKeys: sent.sentKeys, chaff: sent.isChaff, responseBytes, indexUrl: indexUrl(sent.phone) };
}

function lines(answer: PublishAnswer, sent: SentPublish): string[] {
  if (sent.isChaff) return [`chaff: answered ${String(answer.status)} with ${count(answer.size, 'byte')}`];
  const told = [`published ${count(sent.sentKeys, 'key')}: ${String(answer.insertedExposures)} new`];
  if (answer.code !== '') told.push(`code: ${answer.code}`);
  if (answer.error !== '') told.push(`error: ${answer.error.trim()}`);
  told.push(...answer.warnings.map((warning) => `warning: ${warning}`));
  if (answer.revisionToken !== '') told.push(`revision token: ${shorten(answer.revisionToken)}`);
  if (answer.insertedExposures > 0 || answer.revisionToken !== '') {
    told.push(`the keys will be in a file that this index lists: ${indexUrl(sent.phone)}`);
  }
  return told;
}

function shorten(token: string): string {
  return `${token.slice(0, shownTokenLength)}… (${count(token.length, 'character')}; --save FILE keeps it)`;
}

function indexUrl(phone: Phone): string {
  return phone.indexUrl ?? `${phone.gatewayUrl}/exports/{filenameRoot}/index.txt`;
}
