import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hmacTexts } from '../../../../src/domain/publish/hmac-text.ts';
import { naiveHmacTexts } from './hmac.ts';

const text = fc.oneof(
  { weight: 3, arbitrary: fc.base64String({ maxLength: 24 }) },
  fc.string({
    unit: fc.constantFrom('+', '/', '0', '=', 'A', 'a', '-', '_', '.', ',', 'é', '\uffff', '😀'),
    maxLength: 4,
  }),
);
const int32 = fc.oneof(fc.integer(), fc.constantFrom(0, -1, 2_147_483_647, -2_147_483_648, 2_650_000));
const risk = fc.oneof({ weight: 5, arbitrary: fc.constant(0n) }, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }));

describe('HMAC texts', () => {
  it('agree with a second, naive writing of them', () => {
    const keys = fc.array(fc.record({ key: text, start: int32, period: int32, risk }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(keys, (sent) => {
        const texts = hmacTexts(
          sent.map(({ key, start, period, risk: transmissionRisk }) => ({
            key,
            rollingStartNumber: start,
            rollingPeriod: period,
            transmissionRisk,
          })),
        );
        const naive = naiveHmacTexts(
          sent.map((each) => ({ ...each, start: BigInt(each.start), period: BigInt(each.period) })),
        );
        expect(texts).toEqual(naive);
      }),
      { numRuns: 2_000 },
    );
  });
});
