import { describe, expect, it } from 'vitest';
import type { ReportType } from '../../../src/domain/publish/report-type.ts';
import {
  nextTokenEntries,
  planRevisions,
  type KnownKey,
  type RevisionFacts,
  type SentToken,
} from '../../../src/domain/publish/revision.ts';
import { keptKey, keyBytes, midnight } from './sample.ts';

function known(fill: number, change: Partial<KnownKey> = {}): KnownKey {
  return {
    key: keyBytes(fill),
    intervalStart: midnight,
    intervalCount: 144,
    reportType: 'likely',
    revisedReportType: null,
    isLocal: true,
    isWithdrawn: false,
    ...change,
  };
}

function entry(fill: number, intervalStart = midnight) {
  return { key: keyBytes(fill), intervalStart, intervalCount: 144 };
}

function plan(change: Partial<RevisionFacts> = {}) {
  return planRevisions({
    sent: [keptKey(1, midnight)],
    known: [known(1)],
    token: [entry(1)],
    reportType: 'confirmed',
    policy: { requiresToken: true, allowsPartial: false },
    ...change,
  });
}

function outcome(result: ReturnType<typeof plan>): string {
  if (result.refusal) return result.refusal.code;
  return `added ${result.added.map(({ index }) => index).join()} revised ${result.revised.map(({ sent }) => sent.index).join()}`;
}

describe('the token', () => {
  it.each<[SentToken, string]>([
    [[entry(1)], 'added  revised 1'],
    ['missing', 'missing_revision_token'],
    ['unreadable', 'invalid_revision_token'],
    [[], 'invalid_revision_token'],
    [[entry(2)], 'invalid_revision_token'],
    [[entry(1, midnight - 1)], 'invalid_revision_token'],
  ])('%j of a known key comes to %s', (token, expected) => {
    expect(outcome(plan({ token }))).toBe(expected);
  });

  it.each<SentToken>(['missing', 'unreadable', []])('%j does not matter when every key is new', (token) => {
    expect(outcome(plan({ token, known: [] }))).toBe('added 1 revised ');
  });

  it('does not matter where the app needs none, nor does a different interval', () => {
    const policy = { requiresToken: false, allowsPartial: false };
    expect(outcome(plan({ token: 'missing', policy, sent: [keptKey(1, midnight - 5)] }))).toBe('added  revised 1');
    expect(outcome(plan({ token: 'unreadable', policy, reportType: 'user-report' }))).toBe(
      'invalid_report_type_transition',
    );
  });

  it('is invalid when the sent interval of a known key is not the stored one', () => {
    expect(outcome(plan({ sent: [keptKey(1, midnight - 144)] }))).toBe('invalid_revision_token');
  });

  it('leaves unlisted known keys out where partial revisions are allowed', () => {
    const policy = { requiresToken: true, allowsPartial: true };
    const sent = [keptKey(3, midnight), keptKey(2, midnight), keptKey(1, midnight)];
    expect(outcome(plan({ policy, sent, known: [known(1), known(2)] }))).toBe('added 3 revised 1');
  });
});

describe('a known key', () => {
  const types: ReportType[] = ['none', 'confirmed', 'likely', 'user-report', 'negative'];
  const allowed = new Set([
    'likely>confirmed',
    'likely>negative',
    'user-report>confirmed',
    'user-report>likely',
    'user-report>negative',
    'none>confirmed',
    'none>negative',
  ]);

  it.each(types.flatMap((from) => types.map((to) => [from, to] as const)))(
    'goes from %s to %s as deployed',
    (from, to) => {
      const expected = from === to ? 'added  revised ' : 'added  revised 1';
      const refused = from !== to && !allowed.has(`${from}>${to}`);
      expect(outcome(plan({ known: [known(1, { reportType: from })], reportType: to }))).toBe(
        refused ? 'invalid_report_type_transition' : expected,
      );
    },
  );

  it('is revised once, and told so', () => {
    const revised = [known(1, { reportType: 'user-report', revisedReportType: 'likely' })];
    expect(outcome(plan({ known: revised }))).toBe('key_already_revised');
    expect(outcome(plan({ known: revised, reportType: 'likely' }))).toBe('added  revised ');
    expect(outcome(plan({ known: revised, reportType: 'user-report' }))).toBe('added  revised ');
  });

  it('of a partner or an import is never revised', () => {
    const foreign = [known(1, { isLocal: false })];
    expect(outcome(plan({ known: foreign }))).toBe('invalid_report_type_transition');
    expect(outcome(plan({ known: foreign, reportType: 'likely' }))).toBe('added  revised ');
  });

  it.each(['likely', 'confirmed', 'negative', 'user-report'] as const)(
    'that was withdrawn is told as one that was revised, even when nothing is to be changed (%s)',
    (reportType) => {
      const withdrawn = [known(1, { isWithdrawn: true })];
      expect(outcome(plan({ known: withdrawn, reportType }))).toBe('key_already_revised');
      expect(outcome(plan({ known: withdrawn, reportType, token: 'missing' }))).toBe('missing_revision_token');
    },
  );

  it('without a report type is named as such in the refusal', () => {
    const { refusal } = plan({ known: [known(1, { reportType: 'none' })], reportType: 'user-report' });
    expect(refusal?.message).toBe('invalid report type transition: cannot transition from "" to "user-report"');
  });
});

describe('several keys', () => {
  const both = [keptKey(2, midnight), keptKey(1, midnight)];

  it('are refused for the first fault in the order of the request', () => {
    const change = {
      sent: both,
      known: [known(1, { reportType: 'confirmed' }), known(2, { revisedReportType: 'confirmed' })],
      token: [entry(1), entry(2)],
      reportType: 'negative',
    } as const;
    expect(outcome(plan(change))).toBe('key_already_revised');
    expect(outcome(plan({ ...change, sent: both.toReversed() }))).toBe('invalid_report_type_transition');
  });

  it('are refused for the token before any report type', () => {
    const facts = { sent: both, known: [known(2, { reportType: 'confirmed' }), known(1)], token: [entry(2)] };
    expect(outcome(plan({ ...facts, reportType: 'negative' }))).toBe('invalid_revision_token');
  });

  it('are neither stored nor listed when their first report is negative', () => {
    expect(outcome(plan({ sent: both, reportType: 'negative' }))).toBe('added  revised 1');
  });
});

describe('the next token', () => {
  it('lists what survives as it was, then what is new', () => {
    const old = [entry(1, midnight - 10), entry(2, midnight - 144), entry(3, midnight - 145)];
    const next = nextTokenEntries(old, [entry(2, midnight), entry(4)], midnight);
    expect(next).toEqual([entry(1, midnight - 10), entry(2, midnight - 144), entry(4)]);
  });

  it.each(['missing', 'unreadable'] as const)('after a %s one lists what is new', (old) => {
    expect(nextTokenEntries(old, [entry(4)], midnight)).toEqual([entry(4)]);
  });
});
