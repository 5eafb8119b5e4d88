import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { daysBetween } from '../../../src/domain/publish/interval.ts';
import { windowStart } from '../../../src/domain/windows.ts';
import type { ReportType } from '../../../src/domain/publish/report-type.ts';
import { transform } from '../../../src/domain/publish/transform.ts';
import { batchTime, currentInterval, defaultSettings, sentKey } from './sample.ts';

interface Vector {
  name: string;
  reportType: ReportType | null;
  releaseSameDayKeys?: boolean;
  truncateWindow?: string;
  requestOnset?: number;
  claimOnset?: number;
  keys: [number, number, number][];
  stored?: ({ createdAt?: string; transmissionRisk?: number; dsso?: number } | null)[];
  warnings?: string[];
  rejectedKeys?: number;
  refused?: string;
  oldestDays?: number;
  onsetDays?: number;
  missingOnset?: boolean;
}

const { cases } = JSON.parse(readFileSync(new URL('../../vectors/transform.json', import.meta.url), 'utf8')) as {
  cases: Vector[];
};

describe('keys are stored as deployed servers store them', () => {
  it.each(cases)('$name', (vector) => {
    const settings = {
      ...defaultSettings,
      releaseSameDayKeys: vector.releaseSameDayKeys ?? false,
      truncateSeconds: Number.parseInt(vector.truncateWindow ?? '1h') * 3600,
    };
    const { reportType, claimOnset = 0, requestOnset = 0 } = vector;
    const claims = reportType === null ? undefined : { reportType, symptomOnsetInterval: claimOnset };
    const request = {
      keys: vector.keys.map(([start, period, risk], index) => sentKey(index, start, period, risk)),
      symptomOnsetInterval: requestOnset,
    };
    const result = transform(request, { claims, settings, now: batchTime });

    expect(result.refusal).toBe(vector.refused);
    if (vector.warnings !== undefined) expect(result.warnings).toEqual(vector.warnings);
    expect(result.faults).toHaveLength(vector.rejectedKeys ?? 0);
    for (const [index, expected] of (vector.stored ?? []).entries()) {
      const kept = result.keys.find((key) => key.index === index);
      expect(kept === undefined).toBe(expected === null);
      if (!kept || !expected) continue;
      const createdAt = kept.embargo ?? windowStart(batchTime, settings.truncateSeconds);
      if (expected.createdAt !== undefined) expect(createdAt).toEqual(new Date(expected.createdAt));
      if (expected.transmissionRisk !== undefined) expect(kept.transmissionRisk).toBe(expected.transmissionRisk);
      if (expected.dsso !== undefined) expect(kept.daysSinceOnset).toBe(expected.dsso);
    }
    if (vector.missingOnset !== undefined) expect(result.onset.isAssumed).toBe(vector.missingOnset);
    if (vector.onsetDays !== undefined) {
      expect(daysBetween(result.onset.interval, currentInterval)).toBe(vector.onsetDays);
    }
    if (vector.oldestDays !== undefined) {
      const ages = result.keys.map((key) => daysBetween(key.intervalStart, currentInterval));
      expect(Math.max(...ages)).toBe(vector.oldestDays);
    }
  });
});
