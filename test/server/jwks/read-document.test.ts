/** What a JWKS says: the forms that are understood, entries that are left out, documents that count for nothing. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../../src/domain/errors.ts';
import { readDocument } from '../../../src/server/jwks/read-document.ts';
import { jwkOf, makeKeyPair } from './issuer.ts';

const pair = makeKeyPair();
const other = makeKeyPair();
const good = jwkOf('v1', pair);

function refusal(text: string): string {
  try {
    readDocument(text);
  } catch (error) {
    if (error instanceof AppError && error.code === 'jwks_unusable') return error.message;
  }
  throw new Error('it was not refused');
}

function skipped(...entries: unknown[]): readonly string[] {
  const document = readDocument(JSON.stringify([good, ...entries]));
  expect(document.keys).toEqual([{ version: 'v1', publicKeyPem: pair.publicKeyPem }]);
  return document.skipped;
}

describe('a document', () => {
  it('is a bare array or an object with keys (decision 17: a bare array or keys; reference fault 36)', () => {
    const wanted = { keys: [{ version: 'v1', publicKeyPem: pair.publicKeyPem }], skipped: [] };
    expect(readDocument(JSON.stringify([good]))).toEqual(wanted);
    expect(readDocument(JSON.stringify({ keys: [good], more: 1 }))).toEqual(wanted);
  });

  it('may have members that do not matter here', () => {
    const rich = { ...good, use: 'sig', alg: 'ES256', exp: 1, x5c: ['x'], nested: { a: [] } };
    expect(readDocument(JSON.stringify([rich])).keys).toHaveLength(1);
  });

  it.each(['', ' \n', '[]', '{"keys":[]}'])('is empty as %j, and counts for nothing', (text) => {
    expect(refusal(text)).toBe('the JWKS is empty; an empty document revokes nothing; nothing was changed');
  });

  it.each(['null', '1', '"x"', '{}', '{"keys":{}}', '<html>', '[', '\ufeff[]'])('is none as %j', (text) => {
    expect(refusal(text)).toContain('nothing was changed');
  });

  it('without a key that can be used counts for nothing', () => {
    expect(refusal(JSON.stringify([jwkOf('v1', makeKeyPair('P-384'))]))).toContain('v1: wants EC P-256');
  });

  it('has at most 100 keys', () => {
    const entries = (count: number) => Array.from({ length: count }, (_, n) => jwkOf(`v${String(n)}`, pair));
    expect(readDocument(JSON.stringify(entries(100))).keys).toHaveLength(100);
    expect(refusal(JSON.stringify(entries(101)))).toContain('more than 100 keys');
  });
});

describe('an entry is left out, and harms no other,', () => {
  it.each([
    ['null', null],
    ['text', 'x'],
    ['a key without kid', pair.jwk],
    ['a kid that is a number', { ...good, kid: 1 }],
    ['an empty kid', { ...good, kid: '' }],
    ['a kid of 201 characters', { ...good, kid: 'x'.repeat(201) }],
    ['a kid with a NUL', { ...good, kid: 'a\0' }],
    ['a kid with a line break', { ...good, kid: 'a\nb' }],
    ['a kid with half a character', { ...good, kid: '\ud800' }],
  ])('as %s', (_what, entry) => {
    expect(skipped(entry)).toEqual([expect.stringMatching(/^entry 2: /)]);
  });

  it.each([
    ['RSA', { kty: 'RSA', n: 'AQAB', e: 'AQAB' }],
    ['another curve', makeKeyPair('P-384').jwk],
    ['no point of the curve', { ...pair.jwk, y: other.jwk.y }],
    ['a short coordinate', { ...pair.jwk, x: 'AQAB' }],
    ['a coordinate with padding', { ...pair.jwk, x: `${pair.jwk.x ?? ''}=` }],
    ['a coordinate that is a number', { ...pair.jwk, x: 1 }],
    ['a private key', makePrivate()],
  ])('as %s', (_what, members) => {
    expect(skipped({ kid: 'v2', ...members })).toEqual([expect.stringMatching(/^v2: /)]);
  });

  it('whose kid names two different keys, each of them; the same key twice is one', () => {
    expect(skipped(good, jwkOf('v2', pair), jwkOf('v2', other))).toEqual(['v2: names two different keys']);
  });
});

function makePrivate(): object {
  return makeKeyPair().privateKey.export({ format: 'jwk' });
}

describe('whatever a server sends', () => {
  it('is read or refused, in no other way', () => {
    const members = fc.record({
      kid: fc.anything(),
      kty: fc.anything(),
      crv: fc.anything(),
      x: fc.anything(),
      y: fc.anything(),
    });
    const entry = fc.oneof(
      fc.constant(good),
      fc.jsonValue(),
      members.map((more) => ({ ...good, ...more })),
    );
    const text = fc.oneof(
      fc.string(),
      fc.json(),
      fc.array(entry).map((entries) => JSON.stringify(entries)),
    );
    fc.assert(
      fc.property(text, (sent) => {
        try {
          expect(readDocument(sent).keys.length).toBeGreaterThan(0);
        } catch (error) {
          expect(error).toMatchObject({ kind: 'invalid', code: 'jwks_unusable' });
        }
      }),
    );
  });

  it('does not go deep enough to break the reader', () => {
    expect(refusal('['.repeat(200_000))).toContain('is not JSON');
    expect(refusal('['.repeat(100_000) + ']'.repeat(100_000))).toContain('no key that can be used');
  });
});
