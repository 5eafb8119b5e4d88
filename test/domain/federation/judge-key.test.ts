import { describe, expect, it } from 'vitest';
import type { IntakeRule } from '../../../src/domain/federation/intake-rule.ts';
import { acceptRule, pullRule } from '../../../src/domain/federation/intake-rule.ts';
import { createKeyJudge, type IntakeRules, type Judgement } from '../../../src/domain/federation/judge-key.ts';
import type { SentKey } from '../../../src/domain/federation/sent-key.ts';
import { verdictCodes, type Refusal } from '../../../src/domain/federation/verdict.ts';
import { intervalOf } from '../../../src/domain/publish/interval.ts';
import type { ReportType } from '../../../src/domain/publish/report-type.ts';

const now = new Date('2026-03-15T13:47:30Z');
const current = intervalOf(now);
const self = 'https://id.aa.example#federation';
const sender = 'https://id.bb.example#federation';
const rules: IntakeRules = {
  maxIntervalAgeSeconds: 360 * 3_600,
  maxSymptomOnsetDays: 14,
  releaseSameDayKeys: false,
  truncateSeconds: 3_600,
};
const rule: IntakeRule = { regions: ['BB', 'CC'], excludeRegions: ['XX'], onlyTravelers: false };
const sent: SentKey = {
  key: Buffer.alloc(16, 1),
  event: 'published',
  intervalStart: current - 500,
  intervalCount: 144,
  transmissionRisk: 3,
  reportType: 'confirmed',
  daysSinceOnset: 2,
  traveler: false,
  regions: ['BB'],
  path: [],
};

function judge(
  change: Partial<SentKey>,
  { rule: changed = {}, ...changedRules }: Partial<IntakeRules> & { rule?: Partial<IntakeRule> } = {},
): Judgement {
  const terms = { rules: { ...rules, ...changedRules }, now, sender, self, rule: { ...rule, ...changed } } as const;
  return createKeyJudge(terms)({ ...sent, ...change });
}

describe('a key of a partner', () => {
  it('is taken as it is, with the way that it came', () => {
    expect(judge({ path: ['https://id.cc.example#f'] }).accepted).toEqual({
      key: sent.key,
      event: 'published',
      intervalStart: sent.intervalStart,
      intervalCount: 144,
      transmissionRisk: 3,
      reportType: 'confirmed',
      daysSinceOnset: 2,
      traveler: false,
      origin: { regions: ['BB'], provenance: ['https://id.cc.example#f', sender] },
      embargo: null,
    });
  });

  it.each<[string, Partial<SentKey>, Partial<SentKey>, Refusal]>([
    ['length', { key: Buffer.alloc(16) }, { key: Buffer.alloc(15) }, 'key_length'],
    ['length', {}, { key: Buffer.alloc(17) }, 'key_length'],
    ['length of a withdrawal', { event: 'withdrawn' }, { event: 'withdrawn', key: Buffer.alloc(0) }, 'key_length'],
    ['event', {}, { event: null }, 'event'],
    ['period', { intervalCount: 1 }, { intervalCount: 0 }, 'rolling_period'],
    ['period', { intervalCount: 144 }, { intervalCount: 145 }, 'rolling_period'],
    ['age', { intervalStart: current - 2160 - 144 }, { intervalStart: current - 2160 - 145 }, 'too_old'],
    ['start before 1970', {}, { intervalStart: -2_147_483_648 }, 'too_old'],
    ['future', { intervalStart: current }, { intervalStart: current + 1 }, 'in_future'],
    ['far future', {}, { intervalStart: 2_147_483_647 }, 'in_future'],
    ['risk', { transmissionRisk: 8 }, { transmissionRisk: 9 }, 'transmission_risk'],
    ['risk', { transmissionRisk: 0 }, { transmissionRisk: -1 }, 'transmission_risk'],
    ['report type', { reportType: 'user-report' }, { reportType: null }, 'report_type'],
    ['report type', { reportType: 'none' }, { reportType: 'negative' }, 'report_type'],
    [
      'report type of a revision',
      { event: 'revised', reportType: 'negative' },
      { event: 'revised', reportType: 'user-report' },
      'report_type',
    ],
    ['regions', { regions: ['BB'] }, { regions: ['DD'] }, 'region'],
    ['regions', {}, { regions: [] }, 'region'],
    ['excluded region', { regions: ['BB', 'DD'] }, { regions: ['BB', 'xx'] }, 'region'],
    ['path', { path: ['https://id.cc.example#f'] }, { path: ['https://id.cc.example#f', self] }, 'loop'],
  ])('is taken at the edge of its %s, and refused beyond it', (_what, accepted, refused, refusal) => {
    expect(judge(accepted).refusal).toBeUndefined();
    expect(judge(refused)).toEqual({ refusal });
  });

  it.each<[ReportType, boolean, boolean]>([
    ['none', true, false],
    ['confirmed', true, true],
    ['likely', true, true],
    ['user-report', true, false],
    ['negative', false, true],
  ])('of report type %s may be published: %s, may be what a revision says: %s', (reportType, published, revised) => {
    expect(judge({ reportType }).refusal === undefined).toBe(published);
    expect(judge({ event: 'revised', reportType }).refusal === undefined).toBe(revised);
  });

  it('may be changed however old it is', () => {
    const old = { intervalStart: current - 9_999, reportType: 'negative' } as const;
    expect(judge({ ...old, event: 'revised' }).accepted).toBeDefined();
  });

  it('is withdrawn whatever else is wrong with it', () => {
    const wrong: Partial<SentKey> = { intervalCount: 0, regions: [], path: [self], reportType: null };
    expect(judge({ ...wrong, event: 'withdrawn' }).accepted).toEqual({ event: 'withdrawn', key: sent.key });
  });

  it.each([
    [14, 14],
    [-14, -14],
    [15, null],
    [-15, null],
    [2_147_483_647, null],
    [0, 0],
    [null, null],
  ])('with %s days since onset counts as with %s', (daysSinceOnset, kept) => {
    expect(judge({ daysSinceOnset }).accepted).toMatchObject({ daysSinceOnset: kept });
  });

  it.each<[ReportType, number]>([
    ['confirmed', 2],
    ['likely', 4],
    ['user-report', 0],
    ['none', 0],
  ])('without a risk gets that of its report type: %s, %s', (reportType, risk) => {
    expect(judge({ reportType, transmissionRisk: 0 }).accepted).toMatchObject({ transmissionRisk: risk });
  });

  it('that is still valid waits for the window after its end, unless such keys are released', () => {
    const valid = { intervalStart: current - 10, intervalCount: 144 };
    expect(judge(valid).accepted).toMatchObject({ embargo: new Date('2026-03-16T13:00:00Z') });
    expect(judge(valid, { releaseSameDayKeys: true }).accepted).toMatchObject({ embargo: null });
  });
});

describe('regions of a key', () => {
  it.each<[string, readonly string[], IntakeRule['regions'], readonly string[]]>([
    ['are kept as far as they are accepted', ['DD', 'CC', 'BB'], ['BB', 'CC'], ['BB', 'CC']],
    ['are in upper case, ascending, each once', [' cc', 'Bb', 'BB', 'cc '], ['CC', 'BB'], ['BB', 'CC']],
    ['are all kept where any will do', ['US-WA', 'bb'], 'all', ['BB', 'US-WA']],
    ['do not count when no configuration can name them', ['B B', 'É', '\0', 'A'.repeat(21), 'bb'], 'all', ['BB']],
  ])('%s', (_what, regions, accepted, kept) => {
    expect(judge({ regions }, { rule: { regions: accepted } }).accepted).toMatchObject({ origin: { regions: kept } });
  });

  it('are refused where none is left that a configuration can name', () => {
    expect(judge({ regions: ['B B'] }, { rule: { regions: 'all' } })).toEqual({ refusal: 'region' });
  });

  it('are judged for each key, also when another one has the same path', () => {
    const judged = createKeyJudge({ rules, now, sender, self, rule });
    expect([['BB'], ['XX'], ['BB']].map((regions) => judged({ ...sent, regions }).refusal)).toEqual([
      undefined,
      'region',
      undefined,
    ]);
  });
});

describe("where travelers' keys alone are accepted", () => {
  it('another one is refused, but its revision is not', () => {
    const only = { rule: { onlyTravelers: true } };
    expect(judge({ traveler: true }, only).accepted).toBeDefined();
    expect(judge({ traveler: false }, only)).toEqual({ refusal: 'region' });
    expect(judge({ traveler: false, event: 'revised' }, only).accepted).toBeDefined();
  });
});

describe('Federation decision 3: a loop ends', () => {
  const hop = (number: number) => `https://id.${String(number)}.example#f` as const;

  it('where a partner says that it is ourselves', () => {
    const judged = createKeyJudge({ rules, now, sender: self, self, rule });
    expect(judged(sent)).toEqual({ refusal: 'loop' });
  });

  it('where the path has more than 16 authorities, or more than 2,048 characters', () => {
    const hops = Array.from({ length: 17 }, (_, index) => hop(index));
    expect(judge({ path: hops.slice(1) }).accepted).toBeDefined();
    expect(judge({ path: hops })).toEqual({ refusal: 'loop' });
    expect(judge({ path: [`i#${'s'.repeat(2_046)}`] }).accepted).toBeDefined();
    expect(judge({ path: [`i#${'s'.repeat(2_047)}`] })).toEqual({ refusal: 'loop' });
  });

  it.each(['', 'issuer', '#subject', 'a\0#b', 'a\nb#c'])('where the path names no authority: %j', (name) => {
    expect(judge({ path: [name as typeof self] })).toEqual({ refusal: 'loop' });
  });
});

describe('Federation decision 1: a grant of no region', () => {
  it('means nothing where partners push to us, and all where we ask', () => {
    expect(judge({}, { rule: acceptRule({ regions: [] }) })).toEqual({ refusal: 'region' });
    expect(judge({}, { rule: acceptRule(null) })).toEqual({ refusal: 'region' });
    expect(judge({}, { rule: pullRule(null) })).toEqual({ refusal: 'region' });
    expect(
      judge({}, { rule: pullRule({ regions: [], excludeRegions: [], onlyTravelers: false }) }).accepted,
    ).toBeDefined();
    expect(judge({}, { rule: pullRule({ regions: [], excludeRegions: ['BB'], onlyTravelers: false }) })).toEqual({
      refusal: 'region',
    });
  });
});

it('every refusal has a number beyond those of keys that are taken in', () => {
  const { stored, known, changed, ...refusals } = verdictCodes;
  expect([stored, known, changed]).toEqual([1, 2, 3]);
  expect(Object.values(refusals).every((code) => code >= 16)).toBe(true);
  expect(new Set(Object.values(verdictCodes)).size).toBe(Object.keys(verdictCodes).length);
});
