/** A request's keys → the keys that may be stored, with everything that storage needs (reference 4). */
import { daysBetween } from './interval.ts';
import { multiErrorText } from './multi-error.ts';
import { overlapFault } from './overlap.ts';
import { transmissionRiskOf } from './report-type.ts';
import type { DiagnosisClaims, KeptKey, KeysRequest, TransformSettings } from './request.ts';
import { selectSymptomOnset, type SymptomOnset } from './symptom-onset.ts';
import { keyBounds, validateKey } from './validate-key.ts';

/** What a request comes to. Numbers in texts are positions in the request. */
export interface Transformed {
  /** Why nothing of the request can be used; then no key is kept. */
  readonly refusal?: string;
  /** In the request's order, each key once. */
  readonly keys: readonly KeptKey[];
  /** Keys left out without being an error. */
  readonly warnings: readonly string[];
  /** Keys refused while others were kept. */
  readonly faults: readonly string[];
  /** For statistics. */
  readonly onset: SymptomOnset;
}

/** Facts that a request is judged by. */
export interface TransformContext {
  /** Undefined where an app needs no certificate. */
  readonly claims: DiagnosisClaims | undefined;
  readonly settings: TransformSettings;
  readonly now: Date;
}

/** Checks every key and adds what is derived; keys are left out one by one, or all of them are refused together. */
export function transform(request: KeysRequest, context: TransformContext): Transformed {
  const { claims, settings, now } = context;
  const candidates = [request.symptomOnsetInterval, ...(claims ? [claims.symptomOnsetInterval] : [])];
  const onset = selectSymptomOnset(candidates, settings, now);
  const empty = { keys: [], warnings: [], faults: [], onset };
  const wrongNumber = numberFault(request.keys.length, settings.maxKeys);
  if (wrongNumber !== undefined) return { ...empty, refusal: wrongNumber };

  const verdicts = judgeKeys(request, context, onset);
  const keys = verdicts.flatMap(({ kept }) => kept ?? []);
  const warnings = verdicts.flatMap(({ warning }) => warning ?? []);
  const faults = verdicts.flatMap(({ fault }) => fault ?? []);
  if (keys.length === 0 && faults.length > 0) return { ...empty, warnings, refusal: multiErrorText(faults) };

  const byStart = keys.toSorted((a, b) => a.intervalStart - b.intervalStart || a.intervalCount - b.intervalCount);
  const overlap = overlapFault(byStart, settings.maxSameStart);
  if (overlap !== undefined) return { ...empty, warnings, refusal: overlap };
  return { keys: withoutRepeats(byStart), warnings, faults, onset };
}

function numberFault(count: number, max: number): string | undefined {
  if (count === 0) return 'no exposure keys in publish request';
  if (count <= max) return undefined;
  return `too many exposure keys in publish: ${String(count)}, max of ${String(max)} is allowed`;
}

/** What becomes of one key; keys sent twice and keys that overlap are seen later. */
export type KeyVerdict =
  | { readonly kept: KeptKey; readonly warning?: never; readonly fault?: never }
  /** Left out without being an error. */
  | { readonly kept?: never; readonly warning: string; readonly fault?: never }
  /** Refused. */
  | { readonly kept?: never; readonly warning?: never; readonly fault: string };

/** Judges each key by itself, in the request's order. */
export function judgeKeys(
  request: KeysRequest,
  { claims, settings, now }: TransformContext,
  onset: SymptomOnset,
): readonly KeyVerdict[] {
  const bounds = keyBounds(settings, now);
  const reportType = claims?.reportType ?? 'none';
  const max = settings.maxSymptomOnsetDays;
  return request.keys.map((sent, index) => {
    const { valid, fault } = validateKey(sent, bounds);
    if (valid === undefined) return { fault: `key ${String(index)} cannot be imported: ${fault}` };
    const daysSinceOnset = daysBetween(onset.interval, valid.intervalStart);
    const distance = Math.abs(daysSinceOnset);
    if (distance > max) {
      const tooLarge = `symptom onset is too large, ${String(distance)} > ${String(max)}`;
      return { warning: `key ${String(index)} ${tooLarge} - saving without this key` };
    }
    const transmissionRisk = transmissionRiskOf(reportType, valid.transmissionRisk);
    return { kept: { ...valid, index, transmissionRisk, daysSinceOnset } };
  });
}

/** Of a key sent twice the one that is last in order of start and count counts, as deployed; the rest is left out silently. */
function withoutRepeats(byStart: readonly KeptKey[]): readonly KeptKey[] {
  const unique = new Map(byStart.map((kept) => [kept.key.toString('latin1'), kept]));
  return [...unique.values()].sort((a, b) => a.index - b.index);
}
