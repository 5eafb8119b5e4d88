/** The steps of the keys: day of symptom onset, each key by itself, all together. */
import { AppError } from '../../../domain/errors.ts';
import type { DiagnosisClaims, KeptKey, SentKey } from '../../../domain/publish/request.ts';
import { judgeKeys, transform, type KeyVerdict, type Transformed } from '../../../domain/publish/transform.ts';
import { keyBounds } from '../../../domain/publish/validate-key.ts';
import { windowStart } from '../../../domain/windows.ts';
import type { PublishCommand } from '../command.ts';
import type { PublishSettings } from '../settings.ts';
import type { Steps } from './steps.ts';
import { tellCount, tellInterval, tellTime } from './tell.ts';

/** What keys are judged by. */
export interface KeysContext {
  readonly claims: DiagnosisClaims | undefined;
  readonly settings: PublishSettings;
  readonly now: Date;
  /** The same request was answered before: then nothing that is wrong with the keys counts. */
  readonly isRepeated: boolean;
}

/** Judges the keys as a publish does, and shows each. */
export function explainKeys(command: PublishCommand, context: KeysContext, steps: Steps): Transformed {
  const transformed = transform(command, context);
  explainOnset(command, transformed, { context, steps });
  // Far more keys than are allowed say nothing one by one.
  const shown = { ...command, keys: command.keys.slice(0, context.settings.maxKeys) };
  for (const [index, verdict] of judgeKeys(shown, context, transformed.onset).entries()) {
    const sent = command.keys[index];
    if (sent) explainKey(`key ${String(index)}`, { sent, verdict, transformed, context }, steps);
  }
  explainTogether(transformed, context, steps);
  return transformed;
}

function explainOnset(
  { symptomOnsetInterval }: PublishCommand,
  { onset }: Transformed,
  { context, steps }: { readonly context: KeysContext; readonly steps: Steps },
): void {
  const { claims, settings } = context;
  const lines = [
    `counts: ${tellInterval(onset.interval)}`,
    `request: ${stated(symptomOnsetInterval)}; certificate: ${stated(claims?.symptomOnsetInterval ?? 0)}`,
  ];
  if (!onset.isAssumed) {
    steps.passed('symptom onset', ...lines);
    return;
  }
  steps.warned(
    'symptom onset',
    ...lines,
    `none of them is within the last ${String(settings.maxValidSymptomOnsetReportDays)} days and before the present interval: ${tellCount(settings.defaultSymptomOnsetDaysAgo, 'day')} ago is assumed`,
  );
}

function stated(interval: number): string {
  return interval === 0 ? 'none' : tellInterval(interval);
}

interface JudgedKey {
  readonly sent: SentKey;
  readonly verdict: KeyVerdict;
  readonly transformed: Transformed;
  readonly context: KeysContext;
}

function explainKey(name: string, { sent, verdict, transformed, context }: JudgedKey, steps: Steps): void {
  const { kept } = verdict;
  if (kept === undefined) {
    steps.warned(
      name,
      verdict.warning ?? verdict.fault,
      ...boundsOf(sent, context),
      'the publish goes on without this key',
    );
    return;
  }
  const isLeftOut = transformed.refusal === undefined && transformed.keys.every(({ index }) => index !== kept.index);
  if (isLeftOut) steps.warned(name, 'the same key is in the request once more; this one is left out silently');
  else steps.passed(name, ...fate(sent, kept, context));
}

function boundsOf(sent: SentKey, { settings, now }: KeysContext): string[] {
  const { current, earliestEnd } = keyBounds(settings, now);
  return [
    `valid from ${tellSent(sent.rollingStartNumber)} for ${String(sent.rollingPeriod)} intervals; it must end at ${tellInterval(earliestEnd)} or later and begin by ${tellInterval(current)}`,
  ];
}

/** Numbers as large as int32 have are no dates that anyone can read. */
function tellSent(interval: number): string {
  return interval > 0 && interval < 10_000_000 ? tellInterval(interval) : String(interval);
}

function fate(sent: SentKey, kept: KeptKey, { settings, now }: KeysContext): string[] {
  const { intervalStart, intervalCount, transmissionRisk, daysSinceOnset, embargo } = kept;
  const risk = String(sent.transmissionRisk);
  const backfilled = risk === String(transmissionRisk) ? '' : ` (sent ${risk}, taken from the report type)`;
  const window = embargo ?? windowStart(now, settings.truncateSeconds);
  return [
    `valid ${tellInterval(intervalStart)} to ${tellInterval(intervalStart + intervalCount)}`,
    `transmission risk ${String(transmissionRisk)}${backfilled}, ${String(daysSinceOnset)} days since symptom onset`,
    `in the window of ${tellTime(window)}${embargo ? ', because it is still valid now' : ''}`,
  ];
}

function explainTogether({ refusal, warnings, keys }: Transformed, { isRepeated }: KeysContext, steps: Steps): void {
  const name = 'keys together';
  const message = `unable to read request data: ${refusal ?? ''}`;
  if (refusal === undefined) steps.passed(name, `${tellCount(keys.length, 'key')} can be stored`);
  else if (isRepeated) steps.warned(name, message, 'the same request was answered before: its answer is given again');
  else steps.refused(name, new AppError('invalid', 'bad_request', message, { details: warnings }));
}
