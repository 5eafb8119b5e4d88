import { readFileSync } from 'node:fs';
import { createCipheriv, createSecretKey, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RevisionToken, RevisionTokenData } from '../../../src/gen/revision_token.ts';
import {
  openRevisionToken,
  parseRevisionToken,
  sealRevisionToken,
} from '../../../src/server/publish/revision-token.ts';

const vector = JSON.parse(readFileSync(new URL('../../vectors/revision-token.json', import.meta.url), 'utf8')) as {
  dek: string;
  aadBase64: string;
  kid: string;
  token: string;
  entries: { key: string; intervalNumber: number; intervalCount: number }[];
};

const aad = Buffer.from(vector.aadBase64, 'base64');
const key = { kid: vector.kid, secret: createSecretKey(vector.dek, 'hex') };
const options = { aad, minLength: 28 };

function entry(fill: number, intervalStart = 2_692_656, intervalCount = 144) {
  return { key: Buffer.alloc(16, fill), intervalStart, intervalCount };
}

describe('a token of a deployed server', () => {
  it('opens', () => {
    const sealed = parseRevisionToken(vector.token);
    expect(sealed?.kid).toBe('7');
    expect(openRevisionToken(sealed!, key, aad)).toEqual(
      vector.entries.map((e) => ({
        key: Buffer.from(e.key, 'hex'),
        intervalStart: e.intervalNumber,
        intervalCount: e.intervalCount,
      })),
    );
  });

  it('opens from any spelling of base64', () => {
    const spelling = `${vector.token.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')}====`;
    expect(parseRevisionToken(spelling)).toEqual(parseRevisionToken(vector.token));
  });

  it.each([
    ['another key', { ...key, secret: createSecretKey(randomBytes(32)) }, aad],
    ['another installation', key, Buffer.from('other')],
  ])('stays closed for %s', (_, otherKey, otherAad) => {
    expect(openRevisionToken(parseRevisionToken(vector.token)!, otherKey, otherAad)).toBeUndefined();
  });

  it('stays closed when any bit of it is changed', () => {
    const sealed = parseRevisionToken(vector.token)!;
    for (let bit = 0; bit < sealed.data.length * 8; bit += 5) {
      const data = Buffer.from(sealed.data);
      data[bit >> 3]! ^= 1 << (bit & 7);
      expect(openRevisionToken({ ...sealed, data }, key, aad)).toBeUndefined();
    }
  });
});

describe('our tokens', () => {
  it('open again with what was sealed', () => {
    const entryArbitrary = fc.record({
      key: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes)),
      intervalStart: fc.integer({ min: 0, max: 2_147_483_647 }),
      intervalCount: fc.integer({ min: 1, max: 144 }),
    });
    fc.assert(
      fc.property(fc.array(entryArbitrary, { maxLength: 40 }), (entries) => {
        const token = sealRevisionToken(entries, key, options);
        expect(openRevisionToken(parseRevisionToken(token)!, key, aad)).toEqual(entries);
      }),
    );
  });

  it('have one length for up to 28 keys, whatever their validity', () => {
    const lengths = [1, 2, 27, 28].flatMap((count) =>
      [1, 127, 128, 144].map(
        (validity) =>
          sealRevisionToken(
            Array.from({ length: count }, (_, i) => entry(i, 2_692_656, validity)),
            key,
            options,
          ).length,
      ),
    );
    expect(new Set(lengths).size).toBe(1);
    const more = Array.from({ length: 29 }, (_, i) => entry(i));
    expect(sealRevisionToken(more, key, options).length).toBeGreaterThan(lengths[0]!);
  });

  it('are never the same twice', () => {
    expect(sealRevisionToken([entry(1)], key, options)).not.toBe(sealRevisionToken([entry(1)], key, options));
  });
});

describe('what is no token', () => {
  it.each(['', '*', 'AAAA', Buffer.from('hello there, how are you').toString('base64'), 'CgE3'])(
    'is none: %j',
    (text) => {
      expect(parseRevisionToken(text)).toBeUndefined();
    },
  );

  it('never throws', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.base64String(), fc.uint8Array({ maxLength: 80 })), (sample) => {
        const text = typeof sample === 'string' ? sample : Buffer.from(sample).toString('base64');
        const sealed = parseRevisionToken(text);
        if (sealed) expect(openRevisionToken(sealed, key, aad)).toBeUndefined();
      }),
    );
  });

  it('loses entries that no server writes', () => {
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', key.secret, nonce).setAAD(aad);
    const plaintext = RevisionTokenData.encode({
      revisableKeys: [
        { temporaryExposureKey: Buffer.alloc(16, 1), intervalNumber: 5, intervalCount: 144 },
        { temporaryExposureKey: Buffer.alloc(15, 1), intervalNumber: 5, intervalCount: 144 },
        { temporaryExposureKey: Buffer.alloc(16, 1), intervalNumber: -5, intervalCount: 144 },
        { temporaryExposureKey: Buffer.alloc(16, 1), intervalNumber: 5, intervalCount: 145 },
      ],
    }).finish();
    const data = Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
    const token = Buffer.from(RevisionToken.encode({ kid: key.kid, data }).finish()).toString('base64');
    expect(openRevisionToken(parseRevisionToken(token)!, key, aad)).toHaveLength(1);
  });
});
