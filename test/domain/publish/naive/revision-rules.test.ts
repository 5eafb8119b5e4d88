import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ReportType } from '../../../../src/domain/publish/report-type.ts';
import { planRevisions, type KnownKey, type RevisableKey } from '../../../../src/domain/publish/revision.ts';
import { keptKey, keyBytes } from '../sample.ts';
import { naiveRevision, type Meta, type NaiveRevisionRequest, type NaiveSituation } from './revision-rules.ts';

const types: readonly ReportType[] = ['none', 'likely', 'confirmed', 'user-report', 'negative'];
const wireName = (type: string): string => (type === 'none' ? '' : type);

const meta: fc.Arbitrary<Meta> = fc.constantFrom<Meta[]>([100, 144], [100, 143], [99, 144]);
const usual: Meta = [100, 144];
const mostlyUsual = fc.oneof({ weight: 9, arbitrary: fc.constant(usual) }, meta);

const situation = fc.record({
  sent: mostlyUsual,
  stored: fc.option(
    fc.record({
      meta: mostlyUsual,
      orig: fc.constantFrom(...types),
      rev: fc.option(fc.constantFrom(...types), { nil: undefined, freq: 2 }),
      isLocal: fc.boolean(),
    }),
    { nil: undefined, freq: 4 },
  ),
  listed: fc.option(mostlyUsual, { nil: undefined, freq: 6 }),
});
const request = fc.record({
  keys: fc.array(situation, { maxLength: 5 }),
  token: fc.constantFrom('absent', 'undecryptable', 'read', 'read', 'read'),
  requireToken: fc.boolean(),
  allowPartial: fc.boolean(),
  reportType: fc.constantFrom(...types),
});

type Drawn = typeof request extends fc.Arbitrary<infer T> ? T : never;

function place(index: number, [intervalStart, intervalCount]: Meta): RevisableKey {
  return { key: keyBytes(index), intervalStart, intervalCount };
}

/** The product's verdict in the words of the naive one. */
function verdict(drawn: Drawn) {
  const { keys, token, requireToken, allowPartial, reportType } = drawn;
  const sent = keys.map((key, index) => ({ ...keptKey(index, 0), ...place(index, key.sent) }));
  const known = keys.flatMap(({ stored }, index): KnownKey[] =>
    stored === undefined
      ? []
      : [
          {
            ...place(index, stored.meta),
            reportType: stored.orig,
            revisedReportType: stored.rev ?? null,
            isLocal: stored.isLocal,
            isWithdrawn: false,
          },
        ],
  );
  const entries = keys.flatMap(({ listed }, index) => (listed === undefined ? [] : [place(index, listed)]));
  const plan = planRevisions({
    sent,
    known,
    token: token === 'read' ? entries : token === 'absent' ? 'missing' : 'unreadable',
    reportType,
    policy: { requiresToken: requireToken, allowsPartial: allowPartial },
  });
  if (plan.refusal) return plan.refusal;
  return {
    inserted: plan.added.map(({ index }) => String(index)),
    revised: plan.revised.map((revision) => String(revision.sent.index)),
  };
}

function naive({ keys, ...rest }: Drawn): NaiveRevisionRequest {
  return {
    ...rest,
    token: rest.token,
    reportType: wireName(rest.reportType),
    keys: keys.map(({ stored, ...key }, index): NaiveSituation => ({
      ...key,
      name: String(index),
      ...(stored === undefined
        ? {}
        : { stored: { ...stored, orig: wireName(stored.orig), rev: stored.rev && wireName(stored.rev) } }),
    })),
  };
}

describe('the rules for known keys', () => {
  it('agree with a second, naive writing of them', () => {
    fc.assert(
      fc.property(request, (drawn) => {
        expect(verdict(drawn)).toEqual(naiveRevision(naive(drawn)));
      }),
      { numRuns: 5_000 },
    );
  });
});
