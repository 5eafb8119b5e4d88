/** A key as a partner sent it → a key that may be stored, or why not (reference 5.5, step 4). */
import { KEY_LENGTH } from '../export-file/format.ts';
import { intervalsPerDay } from '../publish/interval.ts';
import { transmissionRiskOf, type ReportType } from '../publish/report-type.ts';
import type { KeptKey, TransformSettings } from '../publish/request.ts';
import { embargoOf, highestRisk, keyBounds, type KeyBounds } from '../publish/validate-key.ts';
import { judgeOrigin, type OriginJudgement, type OriginTerms, type StoredOrigin } from './judge-origin.ts';
import type { SentKey } from './sent-key.ts';
import type { KeyEvent } from './shared-key.ts';
import type { Refusal } from './verdict.ts';

/** What keys are held to. */
export type IntakeRules = Pick<
  TransformSettings,
  'maxIntervalAgeSeconds' | 'maxSymptomOnsetDays' | 'releaseSameDayKeys' | 'truncateSeconds'
>;

/** A published or revised key that is sound in itself. */
export interface SoundKey extends Pick<
  KeptKey,
  'key' | 'intervalStart' | 'intervalCount' | 'transmissionRisk' | 'embargo'
> {
  readonly event: Exclude<KeyEvent, 'withdrawn'>;
  readonly reportType: ReportType;
  /** Null = unknown. */
  readonly daysSinceOnset: number | null;
  readonly traveler: boolean;
  /** The same object for all keys of a judge that have the same. */
  readonly origin: StoredOrigin;
}

/** Of a key that is withdrawn nothing else counts. */
export interface WithdrawnKey {
  readonly event: 'withdrawn';
  readonly key: Buffer;
}

/** What becomes of one key. */
export type Judgement =
  | { readonly accepted: SoundKey | WithdrawnKey; readonly refusal?: never }
  | { readonly accepted?: never; readonly refusal: Refusal };

/** What keys are judged by. */
export interface JudgeTerms extends OriginTerms {
  readonly rules: IntakeRules;
  readonly now: Date;
}

/** What a first report, and what a revision may say (reference 5.5, steps 4 and 5). */
const allowedTypes: Readonly<Record<SoundKey['event'], readonly (ReportType | null)[]>> = {
  published: ['none', 'confirmed', 'likely', 'user-report'],
  revised: ['confirmed', 'likely', 'negative'],
};

/** Judges keys of one batch, each by itself; the first fault counts. A change may come however late: its key is here or it is not. */
export function createKeyJudge(terms: JudgeTerms): (sent: SentKey) => Judgement {
  const bounds = keyBounds(terms.rules, terms.now);
  const originOf = createOriginJudge(terms);
  return (sent) => {
    const { key, event, reportType } = sent;
    if (key.length !== KEY_LENGTH) return { refusal: 'key_length' };
    if (event === null) return { refusal: 'event' };
    if (event === 'withdrawn') return { accepted: { event, key } };
    const fault = formFault(sent) ?? timeFault(sent, bounds);
    if (fault !== undefined) return { refusal: fault };
    if (reportType === null || !allowedTypes[event].includes(reportType)) return { refusal: 'report_type' };
    if (event === 'published' && terms.rule.onlyTravelers && !sent.traveler) return { refusal: 'region' };
    const { origin, refusal } = originOf(sent);
    if (origin === undefined) return { refusal };
    return { accepted: soundKey({ ...sent, event, reportType }, { origin, bounds, rules: terms.rules }) };
  };
}

function soundKey(
  sent: SentKey & Pick<SoundKey, 'event' | 'reportType'>,
  { origin, bounds, rules }: { origin: StoredOrigin; bounds: KeyBounds; rules: IntakeRules },
): SoundKey {
  const { key, event, intervalStart, intervalCount, reportType, daysSinceOnset, traveler } = sent;
  return {
    key,
    event,
    intervalStart,
    intervalCount,
    transmissionRisk: transmissionRiskOf(reportType, sent.transmissionRisk),
    reportType,
    daysSinceOnset: Math.abs(daysSinceOnset ?? 0) > rules.maxSymptomOnsetDays ? null : daysSinceOnset,
    traveler,
    origin,
    embargo: embargoOf(intervalStart + intervalCount, bounds),
  };
}

/** Keys of one origin share its lists: each is judged once. */
function createOriginJudge(terms: OriginTerms): (sent: SentKey) => OriginJudgement {
  const judged = new Map<readonly string[], { readonly path: SentKey['path']; readonly judgement: OriginJudgement }>();
  return ({ regions, path }) => {
    const known = judged.get(regions);
    if (known?.path === path) return known.judgement;
    const judgement = judgeOrigin({ regions, path }, terms);
    judged.set(regions, { path, judgement });
    return judgement;
  };
}

function formFault({ intervalCount, transmissionRisk }: SentKey): Refusal | undefined {
  if (intervalCount < 1 || intervalCount > intervalsPerDay) return 'rolling_period';
  return transmissionRisk < 0 || transmissionRisk > Number(highestRisk) ? 'transmission_risk' : undefined;
}

function timeFault({ event, intervalStart, intervalCount }: SentKey, bounds: KeyBounds): Refusal | undefined {
  if (event === 'published' && intervalStart + intervalCount < bounds.earliestEnd) return 'too_old';
  return intervalStart > bounds.current ? 'in_future' : undefined;
}
