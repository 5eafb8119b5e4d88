/** The cryptography of phones, against the numbers that Apple and Google published. */
import { describe, expect, it } from 'vitest';
import { cryptMetadata, identifiersOf } from '../../../src/cli/phone/proximity-identifiers.ts';

/** TestVectors.java of google/exposure-notifications-internals, which quotes Apple's TestVectors.h. */
const published = {
  tek: Buffer.from('75c734c6dd1a782de7a965da5eb93125', 'hex'),
  interval: 2_642_976,
  first: '8be6cd371c5c891604bfbe49df845096',
  second: '3c9a1de5dd6b02afa7fded7b570b3e56',
  last: 'f431b62ecf443102ce4ed0407de54bd4',
  metadata: '40080000',
  encryptedMetadata: '72033874',
};

describe('rolling proximity identifiers', () => {
  it('are the published ones over the whole day', () => {
    const identifiers = identifiersOf(published.tek, published.interval, 144);
    expect(identifiers).toHaveLength(144 * 16);
    const at = (index: number): string => identifiers.toString('hex', index * 16, (index + 1) * 16);
    expect([at(0), at(1), at(143)]).toEqual([published.first, published.second, published.last]);
  });

  it('are those of the interval, wherever one begins', () => {
    const { tek, interval, last } = published;
    expect(identifiersOf(tek, interval + 143, 1).toString('hex')).toBe(last);
  });
});

describe('metadata beside an identifier', () => {
  const identifier = Buffer.from(published.first, 'hex');

  it('is encrypted as published', () => {
    const metadata = Buffer.from(published.metadata, 'hex');
    expect(cryptMetadata(published.tek, identifier, metadata).toString('hex')).toBe(published.encryptedMetadata);
  });

  it('is read again with the key, and with the key alone', () => {
    const encrypted = Buffer.from(published.encryptedMetadata, 'hex');
    expect(cryptMetadata(published.tek, identifier, encrypted).toString('hex')).toBe(published.metadata);
    expect(cryptMetadata(Buffer.alloc(16), identifier, encrypted).toString('hex')).not.toBe(published.metadata);
  });
});
