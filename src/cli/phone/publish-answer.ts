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

/** Prints the answer; a refusal as JSON only, because its error line tells the rest. */
export function showAnswer(io: Io, answer: PublishAnswer, sent: SentPublish): void {
  if (sent.json) {
    const { size: responseBytes, ...rest } = answer;
    printJson(io, {
      ...rest,
      sentKeys: sent.sentKeys,
      chaff: sent.isChaff,
      responseBytes,
      indexUrl: indexUrl(sent.phone),
    });
  } else if (answer.status >= 200 && answer.status <= 299) {
    io.stdout.write(
      lines(answer, sent)
        .map((line) => `${line}\n`)
        .join(''),
    );
  }
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
