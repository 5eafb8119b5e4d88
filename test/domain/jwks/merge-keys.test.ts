/** What a JWKS changes in an authority's keys (decisions, Publish 17). */
import { describe, expect, it } from 'vitest';
import { mergeKeys, type StoredKey } from '../../../src/domain/jwks/merge-keys.ts';

const now = new Date('2026-03-20T10:00:00Z');
const earlier = new Date(now.getTime() - 1);

function stored(version: string, more: Partial<StoredKey> = {}): StoredKey {
  return { version, publicKeyPem: pem(version), validThru: null, isFromJwks: true, ...more };
}

function pem(material: string): string {
  return `-----BEGIN PUBLIC KEY-----\n${material}\n-----END PUBLIC KEY-----\n`;
}

function listed(version: string, material = version): { version: string; publicKeyPem: string } {
  return { version, publicKeyPem: pem(material) };
}

const none = { accepted: [], revoked: [], skipped: [] };

describe('merging a JWKS into the keys that are stored', () => {
  it('changes nothing where both say the same', () => {
    expect(mergeKeys([stored('v1')], [listed('v1')], now)).toEqual(none);
  });

  it('accepts what is new and ends what has left', () => {
    expect(mergeKeys([stored('v1')], [listed('v2')], now)).toEqual({
      ...none,
      accepted: [listed('v2')],
      revoked: ['v1'],
    });
  });

  it('cures fault 37: a key that has ended is not ended again', () => {
    expect(mergeKeys([stored('v1', { validThru: earlier }), stored('v2')], [listed('v2')], now)).toEqual(none);
    expect(mergeKeys([stored('v1', { validThru: now }), stored('v2')], [listed('v2')], now)).toEqual(none);
  });

  it('cures fault 37: a key that is back counts again', () => {
    const changes = mergeKeys([stored('v1', { validThru: earlier })], [listed('v1')], now);
    expect(changes).toEqual({ ...none, accepted: [listed('v1')] });
  });

  it('cures fault 38: other material under a known kid replaces the key', () => {
    const changes = mergeKeys([stored('v1')], [listed('v1', 'other')], now);
    expect(changes).toEqual({ ...none, accepted: [listed('v1', 'other')], revoked: ['v1'] });
  });

  it('never touches a key that was entered by hand, whatever the document says', () => {
    const byHand = stored('v1', { isFromJwks: false });
    expect(mergeKeys([byHand], [listed('v1')], now)).toEqual(none);
    expect(mergeKeys([byHand], [listed('v2')], now)).toEqual({ ...none, accepted: [listed('v2')] });
    expect(mergeKeys([byHand], [listed('v1', 'other')], now)).toEqual({
      ...none,
      skipped: ['v1: a key entered by hand has this kid'],
    });
  });

  it('does not bring back a key that was ended by hand, under another kid neither', () => {
    const ended = stored('v1', { isFromJwks: false, validThru: now });
    expect(mergeKeys([ended], [listed('v1')], now)).toEqual(none);
    const broken = { version: 'v2', publicKeyPem: pem('v1').replace('v1', 'v\r\n1') };
    expect(mergeKeys([ended], [broken], now).accepted).toEqual([]);
    expect(mergeKeys([ended, stored('v2', { publicKeyPem: pem('v1') })], [listed('v2', 'v1')], now)).toEqual({
      ...none,
      revoked: ['v2'],
      skipped: ['v2: this key was entered by hand too, and has ended there'],
    });
  });
});
