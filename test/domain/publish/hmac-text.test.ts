import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hmacOrder, hmacTexts } from '../../../src/domain/publish/hmac-text.ts';
import type { SentKey } from '../../../src/domain/publish/request.ts';

interface Vector {
  name: string;
  hmacKey: string;
  temporaryExposureKeys: {
    key: string;
    rollingStartNumber: number;
    rollingPeriod: number;
    transmissionRisk: number;
  }[];
  text: string;
  textWithoutRisk?: string;
  accepted: string[];
  refused: string[];
}

const { cases } = JSON.parse(readFileSync(new URL('../../vectors/hmac.json', import.meta.url), 'utf8')) as {
  cases: Vector[];
};

function sent(key: string, risk = 0n, start = 1): SentKey {
  return { key, rollingStartNumber: start, rollingPeriod: 144, transmissionRisk: risk };
}

describe('HMAC texts', () => {
  it.each(cases)('are those of deployed servers: $name', (vector) => {
    const keys = vector.temporaryExposureKeys.map((k) => ({ ...k, transmissionRisk: BigInt(k.transmissionRisk) }));
    const texts = hmacTexts(keys);
    expect(texts).toEqual([vector.text, vector.textWithoutRisk].filter((text) => text !== undefined));
    const secret = Buffer.from(vector.hmacKey, 'base64');
    const macs = texts.map((text) => createHmac('sha256', secret).update(text).digest('base64'));
    expect(macs).toEqual(vector.accepted);
    expect(macs.filter((mac) => vector.refused.includes(mac))).toEqual([]);
  });

  it('have both forms only when no key has a risk', () => {
    expect(hmacTexts([sent('a'), sent('b')])).toHaveLength(2);
    expect(hmacTexts([sent('a'), sent('b', 1n)])).toEqual(['a.1.144.0,b.1.144.1']);
  });

  it('write numbers exactly, negative ones and those beyond 53 bits too', () => {
    expect(hmacTexts([sent('a', -9_223_372_036_854_775_808n, -5)])).toEqual(['a.-5.144.-9223372036854775808']);
  });

  it('order keys by their bytes and leave equal ones in the order of the request', () => {
    expect(hmacOrder([sent('b'), sent('a', 1n), sent('+'), sent('a', 2n), sent('Z')])).toEqual([2, 4, 1, 3, 0]);
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: fc.constantFrom('a', 'Z', '\u007f', 'é', '\uffff', '😀'), maxLength: 3 })),
        (names) => {
          const expected = names
            .map((name, index) => ({ bytes: Buffer.from(name), index }))
            .sort((a, b) => Buffer.compare(a.bytes, b.bytes) || a.index - b.index)
            .map(({ index }) => index);
          expect(hmacOrder(names.map((name) => sent(name)))).toEqual(expected);
        },
      ),
    );
  });
});
