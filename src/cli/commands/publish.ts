/** `enmesh publish`: acts as a phone. */
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { AppError } from '../../domain/errors.ts';
import { readValues } from '../../platform/config/load.ts';
import { wholeNumber } from '../arguments.ts';
import type { Io } from '../io.ts';
import type { CommandSetup } from '../lazy-commands.ts';
import { reportTypes, type ReportType } from '../phone/certificate.ts';
import { dayStart, makeKeys } from '../phone/exposure-keys.ts';
import { readPhone } from '../phone/phone-file.ts';
import { showAnswer } from '../phone/publish-answer.ts';
import { makeChaffBody, makePublishBody, postPublish, type PublishContent } from '../phone/publish-request.ts';
import { readSavedKeys, saveKeys, type SavedKeys } from '../phone/saved-keys.ts';

/** As commander hands them over. */
interface Options {
  readonly phone?: string;
  readonly keys: number;
  readonly today?: true;
  readonly reportType: ReportType;
  readonly onsetDaysAgo?: number;
  readonly traveler?: true;
  readonly revisionToken?: string;
  readonly keysFile?: string;
  readonly save?: string;
  readonly chaff?: true;
  readonly json?: true;
}

/** The command. */
export function publishCommand({ io }: CommandSetup): Command {
  return new Command('publish')
    .description('Act as a phone: make keys, have a certificate signed over them, publish, print the answer.')
    .option('--phone <file>', 'which phone to be (default: phone.json in ENMESH_DATA_DIR, which `enmesh dev` writes)')
    .option(
      '--keys <n>',
      'so many keys, up to 30: one a day for 14 days, then more of the same days',
      wholeNumber(1, 30),
      14,
    )
    .option('--today', "the newest key is today's, still valid; yesterday's otherwise")
    .addOption(
      new Option('--report-type <type>', 'what the certificate says').choices(reportTypes).default('confirmed'),
    )
    .option('--onset-days-ago <n>', 'symptoms began so many days ago', wholeNumber(0, 1000))
    .option('--traveler', 'the person was abroad')
    .option('--revision-token <token>', 'token of an earlier answer, to revise its keys')
    .addOption(
      new Option('--keys-file <file>', 'publish the keys and the token that --save wrote').conflicts(['keys', 'today']),
    )
    .option('--save <file>', 'keep keys and token, to revise them later with --keys-file')
    .addOption(new Option('--chaff', 'send what only looks like a publish').conflicts(['save']))
    .option('--json', 'print the answer as JSON, the token in full')
    .action((options: Options) => publish(io, options));
}

async function publish(io: Io, options: Options): Promise<void> {
  const phone = await readPhone(options.phone ?? (await defaultPhoneFile(io)));
  const now = io.clock.now();
  const content = await makeContent(options, now);
  const isChaff = options.chaff === true;
  const body = isChaff ? makeChaffBody(phone, content, now) : makePublishBody(phone, content, now);
  const answer = await postPublish(phone.gatewayUrl, body, isChaff ? { 'x-chaff': '1' } : {});
  showAnswer(io, answer, { phone, sentKeys: content.keys.length, isChaff, json: options.json === true });
  if (answer.status < 200 || answer.status > 299) {
    const reason = [answer.code, answer.error].filter((text) => text !== '').join(': ');
    throw new AppError(
      'precondition',
      'publish_refused',
      `the gateway answered ${String(answer.status)} ${reason}`.trimEnd(),
    );
  }
  if (options.save !== undefined) {
    await saveKeys(options.save, { temporaryExposureKeys: content.keys, revisionToken: answer.revisionToken });
  }
}

async function defaultPhoneFile(io: Io): Promise<string> {
  const { ENMESH_DATA_DIR: dataDir } = await readValues(io.env, true);
  return join(dataDir ?? '.enmesh', 'phone.json');
}

async function makeContent(options: Options, now: Date): Promise<PublishContent> {
  const saved: SavedKeys =
    options.keysFile === undefined
      ? { temporaryExposureKeys: makeKeys(options.keys, now, options.today === true), revisionToken: '' }
      : await readSavedKeys(options.keysFile);
  const onset = options.onsetDaysAgo;
  return {
    keys: saved.temporaryExposureKeys,
    reportType: options.reportType,
    ...(onset === undefined ? {} : { symptomOnsetInterval: dayStart(now, onset) }),
    traveler: options.traveler === true,
    revisionToken: options.revisionToken ?? saved.revisionToken,
  };
}
