/** What can be asked of `enmesh publish`, and the content that it stands for. */
import { InvalidArgumentError, Option, type Command } from 'commander';
import { readFile } from 'node:fs/promises';
import { AppError } from '../../domain/errors.ts';
import { intervalsPerDay } from '../../domain/publish/interval.ts';
import { day, wholeNumber } from '../arguments.ts';
import { reportTypes, type ReportType } from './certificate.ts';
import { dayStart, makeKeys } from './exposure-keys.ts';
import { onsetPlaces, platforms, type OnsetPlace, type Platform, type PublishContent } from './publish-body.ts';
import { readSavedKeys, type SavedKeys } from './saved-keys.ts';

/** As commander hands them over. */
export interface PublishOptions {
  readonly phone?: string;
  readonly keys: number;
  readonly today?: true;
  readonly rollingPeriod?: number;
  readonly transmissionRisk: number | 'none';
  readonly keysFile?: string;
  readonly save?: string | true;
  readonly revise?: string | true;
  readonly revisionToken?: string;
  readonly reportType: ReportType;
  readonly onset?: Date;
  readonly onsetDaysAgo?: number;
  readonly onsetIn: OnsetPlace;
  readonly traveler?: true;
  readonly hmacFields: '3' | '4';
  readonly v1alpha1?: true;
  readonly region?: readonly string[];
  readonly platform?: Platform;
  readonly userAgent?: string;
  readonly attestation: string;
  readonly padding?: number;
  readonly chaff?: true;
  readonly body?: string;
  readonly repeat: number;
  readonly dryRun?: true;
  readonly json?: true;
}

/** Members that say what is in a body; a body that is sent as it is takes none of them. */
const contentOptions = [
  ...[
    'keys',
    'today',
    'rollingPeriod',
    'transmissionRisk',
    'keysFile',
    'save',
    'revise',
    'revisionToken',
    'reportType',
  ],
  ...['onset', 'onsetDaysAgo', 'onsetIn', 'traveler', 'hmacFields', 'region', 'attestation', 'padding', 'dryRun'],
];

/** Adds the options, in groups. */
export function addPublishOptions(command: Command): Command {
  addKeyOptions(command);
  addReportOptions(command);
  return addRequestOptions(command);
}

function addKeyOptions(command: Command): void {
  const made = ['keys', 'today', 'rollingPeriod', 'transmissionRisk'];
  command
    .optionsGroup('Keys:')
    .option(
      '--keys <n>',
      'so many keys, up to 30: one a day for 14 days, then more of the same days',
      wholeNumber(1, 30),
      14,
    )
    .option('--today', "the newest key is today's, still valid; yesterday's otherwise")
    .option(
      '--rolling-period <n>',
      'so many 10-minute intervals for the newest key; a whole day otherwise',
      wholeNumber(1, intervalsPerDay),
    )
    .option('--transmission-risk <risk>', '0 to 8, or none to leave it out', riskOf, 0)
    .addOption(new Option('--keys-file <file>', 'publish the keys and the token that --save wrote').conflicts(made))
    .option('--save [file]', 'keep keys and token, to revise them later (default: phone-keys.json beside the phone)')
    .addOption(
      new Option('--revise [file]', 'publish what --save kept, with its token, and keep the new token').conflicts([
        ...made,
        'keysFile',
        'save',
      ]),
    )
    .option('--revision-token <token>', 'token of an earlier answer, to revise its keys');
}

function addReportOptions(command: Command): void {
  command
    .optionsGroup('Report:')
    .addOption(
      new Option('--report-type <type>', 'what the certificate says').choices(reportTypes).default('confirmed'),
    )
    .option('--onset <day>', 'symptoms began on that day: 2026-03-15', day)
    .addOption(
      new Option('--onset-days-ago <n>', 'symptoms began so many days ago')
        .argParser(wholeNumber(0, 1000))
        .conflicts('onset'),
    )
    .addOption(new Option('--onset-in <where>', 'where the onset is told').choices(onsetPlaces).default('both'))
    .option('--traveler', 'the person was abroad')
    .addOption(
      new Option('--hmac-fields <n>', 'fields of a key under the HMAC; 3 leave the risk out')
        .choices(['3', '4'])
        .default('4'),
    );
}

function addRequestOptions(command: Command): Command {
  return command
    .optionsGroup('Request:')
    .option('--phone <file>', 'which phone to be (default: phone.json in ENMESH_DATA_DIR, which `enmesh dev` writes)')
    .addOption(new Option('--v1alpha1', 'publish as the first apps did, with POST /').conflicts('traveler'))
    .option('--region <region...>', 'regions of a v1alpha1 publish; all of the app otherwise')
    .addOption(new Option('--platform <platform>', 'which phone the User-Agent tells of').choices(platforms))
    .option('--user-agent <text>', 'the User-Agent itself')
    .option('--attestation <file>', 'send the attestation in this file; off sends none', 'off')
    .option('--padding <bytes>', 'so many random bytes (default: 1024 to 2047)', wholeNumber(0, 48_000))
    .addOption(new Option('--chaff', 'send what only looks like a publish').conflicts(['save', 'revise']))
    .addOption(
      new Option('--body <file>', 'send this body as it is; - reads the standard input').conflicts(contentOptions),
    )
    .option('--repeat <n>', 'send the same request so many times more', wholeNumber(0, 1000), 0)
    .addOption(
      new Option('--dry-run', 'print the body and send nothing: `… --dry-run | enmesh explain publish -`').conflicts([
        'save',
        'repeat',
      ]),
    )
    .option('--json', 'print the answer as JSON, the token in full');
}

function riskOf(text: string): number | 'none' {
  if (text === 'none') return text;
  if (/^[0-8]$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It wants a whole number from 0 to 8, or none.');
}

/**
 * What the options stand for.
 * @param savedFile where keys and token come from; undefined = keys are made
 * @throws AppError `invalid_usage` and `invalid_configuration`, naming option or file
 */
export async function contentOf(
  options: PublishOptions,
  savedFile: string | undefined,
  now: Date,
): Promise<PublishContent> {
  const saved = savedFile === undefined ? newKeys(options, now) : await readSavedKeys(savedFile);
  if (options.region && !options.v1alpha1) throw misused('--region needs --v1alpha1: other publishes name no region');
  return {
    keys: saved.temporaryExposureKeys,
    reportType: options.reportType,
    onset: onsetOf(options, now),
    traveler: options.traveler === true,
    revisionToken: options.revisionToken ?? saved.revisionToken,
    hmacFields: options.hmacFields === '3' ? 3 : 4,
    regions: options.v1alpha1 ? (options.region ?? []) : undefined,
    attestation: await attestationOf(options),
    paddingBytes: options.padding,
  };
}

function newKeys({ keys: count, today, rollingPeriod, transmissionRisk }: PublishOptions, now: Date): SavedKeys {
  const temporaryExposureKeys = makeKeys(now, {
    count,
    today: today === true,
    ...(rollingPeriod === undefined ? {} : { newestPeriod: rollingPeriod }),
    ...(transmissionRisk === 'none' ? {} : { transmissionRisk }),
  });
  return { temporaryExposureKeys, revisionToken: '' };
}

function onsetOf({ onset, onsetDaysAgo, onsetIn: place }: PublishOptions, now: Date): PublishContent['onset'] {
  if (onset !== undefined) return { interval: dayStart(onset, 0), place };
  return onsetDaysAgo === undefined ? undefined : { interval: dayStart(now, onsetDaysAgo), place };
}

async function attestationOf({ attestation: file, platform }: PublishOptions): Promise<PublishContent['attestation']> {
  if (file === 'off') return undefined;
  if (platform === undefined) throw misused('--attestation needs --platform: the request names android or ios');
  try {
    return { platform, payload: (await readFile(file, 'utf8')).trim() };
  } catch (error) {
    const text = `${file} cannot be read; --attestation wants a file with the attestation, or off`;
    throw new AppError('invalid', 'invalid_configuration', text, { cause: error });
  }
}

function misused(text: string): AppError {
  return new AppError('invalid', 'invalid_usage', text);
}
