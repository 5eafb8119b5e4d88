import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ReportType } from '../../../src/domain/publish/report-type.ts';
import type { SentKey } from '../../../src/domain/publish/request.ts';
import { transform } from '../../../src/domain/publish/transform.ts';
import { batchTime, currentInterval, defaultSettings, keyBytes, midnight } from './sample.ts';

/** The same rules written a second time, one key and one pair at a time, with dates instead of intervals. */
function naive(keys: readonly SentKey[], onset: number, reportType: ReportType): string[] | 'refused' {
  const day = (interval: number) => new Date(interval * 600_000).toISOString().slice(0, 10);
  const daysApart = (a: number, b: number) => Math.round((Date.parse(day(b)) - Date.parse(day(a))) / 86_400_000);
  const firstOnset = Date.parse('2021-02-15T00:00:00Z') / 600_000;
  const assumed = Math.floor((batchTime.getTime() - 4 * 86_400_000) / 600_000);
  const from = onset >= firstOnset && onset < currentInterval ? onset : assumed;
  const oldest = Math.floor((batchTime.getTime() - 15 * 86_400_000) / 600_000);
  const sound = keys
    .map((key, index) => ({ ...key, index, end: key.rollingStartNumber + key.rollingPeriod }))
    .filter(({ rollingPeriod }) => rollingPeriod > 0 && rollingPeriod < 145)
    .filter(({ end }) => end >= oldest)
    .filter(({ rollingStartNumber }) => rollingStartNumber <= currentInterval)
    .filter(({ transmissionRisk }) => transmissionRisk >= 0n && transmissionRisk <= 8n);
  const near = sound.filter((key) => Math.abs(daysApart(from, key.rollingStartNumber)) <= 14);
  if (near.length === 0) return sound.length < keys.length ? 'refused' : [];
  for (const a of near) {
    const start = a.rollingStartNumber;
    if (near.some((b) => b.rollingStartNumber < start && b.end > start)) return 'refused';
    if (near.filter((b) => b.rollingStartNumber === start).length > 3) return 'refused';
  }
  const risks: Record<ReportType, number> = { none: 0, confirmed: 2, likely: 4, negative: 6, 'user-report': 0 };
  return near.map((key) => {
    const hour = 3_600_000;
    const release = key.end > currentInterval ? Math.floor((key.end * 600_000) / hour) * hour + hour : 0;
    const risk = Number(key.transmissionRisk) || risks[reportType];
    return [key.index, risk, daysApart(from, key.rollingStartNumber), release].join(' ');
  });
}

const reportTypes: ReportType[] = ['none', 'confirmed', 'likely', 'negative', 'user-report'];
const dayStart = fc.integer({ min: -17, max: 1 }).map((day) => midnight + day * 144);
const anyStart = fc.integer({ min: midnight - 2_400, max: currentInterval + 3 });
const keyArbitrary = fc.record({
  start: fc.oneof({ weight: 12, arbitrary: dayStart }, anyStart),
  period: fc.oneof({ weight: 6, arbitrary: fc.constant(144) }, fc.integer({ min: -1, max: 146 })),
  risk: fc.integer({ min: 0, max: 9 }),
});

describe('the rules for keys', () => {
  it('agree with a second, naive writing of them', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(keyArbitrary, {
          minLength: 1,
          maxLength: 12,
          selector: ({ start, period }) => `${start}/${period}`,
        }),
        fc.oneof(fc.constant(0), fc.integer({ min: midnight - 30 * 144, max: currentInterval + 2 })),
        fc.constantFrom(...reportTypes),
        (samples, onset, reportType) => {
          const keys = samples.map(({ start, period, risk }, index) => ({
            key: keyBytes(index).toString('base64'),
            rollingStartNumber: start,
            rollingPeriod: period,
            transmissionRisk: BigInt(risk),
          }));
          const claims = reportType === 'none' ? undefined : { reportType, symptomOnsetInterval: 0 };
          const result = transform(
            { keys, symptomOnsetInterval: onset },
            { claims, settings: defaultSettings, now: batchTime },
          );
          const kept = result.keys.map((key) =>
            [key.index, key.transmissionRisk, key.daysSinceOnset, key.embargo?.getTime() ?? 0].join(' '),
          );
          expect(result.refusal === undefined ? kept : 'refused').toEqual(naive(keys, onset, reportType));
        },
      ),
      { numRuns: 1_000 },
    );
  });
});
