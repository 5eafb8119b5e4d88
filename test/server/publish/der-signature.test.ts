import { generateKeyPairSync, randomBytes, sign, verify } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { derSignature } from '../../../src/server/publish/der-signature.ts';

const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

describe('a raw ES256 signature in DER', () => {
  it('is the one that OpenSSL accepts, whatever zeros and high bits its numbers begin with', () => {
    for (let round = 0; round < 600; round++) {
      const data = randomBytes(20);
      const raw = sign('sha256', data, { key: privateKey, dsaEncoding: 'ieee-p1363' });
      const der = derSignature(raw);
      expect(der && verify('sha256', data, publicKey, der)).toBe(true);
    }
  });

  it('has its numbers in the shortest form, with a zero before a high bit', () => {
    const raw = Buffer.alloc(64);
    raw[31] = 0x7f;
    raw[63] = 0x80;
    expect(derSignature(raw)).toEqual(Buffer.from('300702017f02020080', 'hex'));
    expect(derSignature(Buffer.alloc(64))).toEqual(Buffer.from('3006020100020100', 'hex'));
  });

  it.each([0, 63, 65, 70])('is not made of %i bytes', (length) => {
    expect(derSignature(Buffer.alloc(length))).toBeUndefined();
  });
});
