/** Properties of what decodes certificates' HMACs, base64 and revision tokens. */
import { createSecretKey, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBase64Url, decodeLenientBase64 } from '../../../src/domain/publish/base64.ts';
import { hmacOrder, hmacTexts } from '../../../src/domain/publish/hmac-text.ts';
import {
  openRevisionToken,
  parseRevisionToken,
  sealRevisionToken,
  type RevisionKey,
} from '../../../src/server/publish/revision-token.ts';

const bytes = fc.uint8Array({ maxLength: 80 }).map((array) => Buffer.from(array));
const revisionKey: RevisionKey = { kid: '7', secret: createSecretKey(randomBytes(32)) };
const aad = Buffer.from('an installation');
const entry = fc.record({
  key: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((array) => Buffer.from(array)),
  intervalStart: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
  intervalCount: fc.integer({ min: 1, max: 144 }),
});

function openText(text: string, key = revisionKey, tokenAad = aad) {
  const sealed = parseRevisionToken(text);
  return sealed && openRevisionToken(sealed, key, tokenAad);
}

describe('base64', () => {
  it('is read in either alphabet, with any padding and with line ends anywhere', () => {
    fc.assert(
      fc.property(bytes, fc.boolean(), fc.nat({ max: 4 }), fc.nat(), (input, isUrlSafe, padding, at) => {
        const digits = input.toString('base64url');
        const text = isUrlSafe ? digits : digits.replaceAll('-', '+').replaceAll('_', '/');
        const cut = at % (text.length + 1);
        const broken = `${text.slice(0, cut)}\r\n${text.slice(cut)}${'='.repeat(padding)}`;
        expect(decodeLenientBase64(broken).bytes).toEqual(input);
        expect(decodeBase64Url(digits).bytes).toEqual(input);
      }),
    );
  });

  it('is bytes or names the place of the first bad character, whatever is sent', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        for (const { bytes: read, fault } of [decodeLenientBase64(text), decodeBase64Url(text)]) {
          if (read) expect(read.length).toBeLessThanOrEqual(text.length);
          else expect(fault).toMatch(/^illegal base64 data at input byte \d+$/);
        }
      }),
    );
  });
});

describe('the text under the HMAC', () => {
  const sentKey = fc.record({
    key: fc.oneof(fc.base64String(), fc.string({ unit: 'grapheme' })),
    rollingStartNumber: fc.integer(),
    rollingPeriod: fc.integer(),
    transmissionRisk: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  });

  it('holds each key once, in the order of the bytes of its string, however they were sent', () => {
    fc.assert(
      fc.property(fc.uniqueArray(sentKey, { maxLength: 8, selector: ({ key }) => key }), (keys) => {
        const order = hmacOrder(keys);
        const sorted = keys.toSorted((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)));
        // Lone surrogates have the same bytes as any other; they are equal then.
        fc.pre(new Set(keys.map(({ key }) => Buffer.from(key).toString())).size === keys.length);
        expect(order.map((index) => keys[index])).toEqual(sorted);
        expect(hmacTexts(keys.toReversed())).toEqual(hmacTexts(keys));
      }),
    );
  });

  it('has a short form exactly when no key has a transmission risk', () => {
    fc.assert(
      fc.property(fc.array(sentKey, { minLength: 1, maxLength: 4 }), fc.boolean(), (keys, isZero) => {
        const sent = isZero ? keys.map((key) => ({ ...key, transmissionRisk: 0n })) : keys;
        const hasNone = sent.every(({ transmissionRisk }) => transmissionRisk === 0n);
        expect(hmacTexts(sent)).toHaveLength(hasNone ? 2 : 1);
      }),
    );
  });
});

describe('a revision token', () => {
  it('gives back what was sealed, and its length tells nothing up to 28 keys', () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 28 }), (entries) => {
        const token = sealRevisionToken(entries, revisionKey, { aad, minLength: 28 });
        expect(openText(token)).toEqual(entries);
        expect(token).toHaveLength(sealRevisionToken([], revisionKey, { aad, minLength: 28 }).length);
      }),
      { numRuns: 50 },
    );
  });

  it('is none of ours with any bit changed, under another key or in another installation', () => {
    const token = Buffer.from(
      sealRevisionToken([{ key: randomBytes(16), intervalStart: 1, intervalCount: 1 }], revisionKey, {
        aad,
        minLength: 28,
      }),
      'base64',
    );
    const dataStart = token.indexOf(0x12) + 3;
    fc.assert(
      fc.property(fc.integer({ min: dataStart, max: token.length - 1 }), fc.nat({ max: 7 }), (at, bit) => {
        const changed = Buffer.from(token);
        changed[at] = (changed[at] ?? 0) ^ (1 << bit);
        expect(openText(changed.toString('base64'))).toBeUndefined();
      }),
    );
    const other: RevisionKey = { kid: '7', secret: createSecretKey(randomBytes(32)) };
    expect(openText(token.toString('base64'), other)).toBeUndefined();
    expect(openText(token.toString('base64'), revisionKey, Buffer.from('another installation'))).toBeUndefined();
  });

  it('is a token or none, whatever is sent', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.base64String(),
          bytes.map((b) => b.toString('base64')),
        ),
        (text) => {
          expect(openText(text)).toBeUndefined();
        },
      ),
    );
  });
});
