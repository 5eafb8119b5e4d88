/** A key as a person writes it. */
import { describe, expect, it } from 'vitest';
import { parseExposureKey } from '../../src/cli/exposure-key.ts';

const key = Buffer.from('fbff00112233445566778899aabbcceeff'.slice(0, 32), 'hex');

describe('a key', () => {
  it.each([
    ['hex', key.toString('hex')],
    ['hex in capitals', key.toString('hex').toUpperCase()],
    ['base64', key.toString('base64')],
    ['base64 without padding', key.toString('base64').replace('==', '')],
    ['base64url', key.toString('base64url')],
    ['base64url with padding', `${key.toString('base64url')}==`],
  ])('may be written in %s', (_form, text) => {
    expect(parseExposureKey(text)).toEqual(key);
  });

  it.each([
    ['nothing', ''],
    ['15 bytes', key.subarray(1).toString('hex')],
    ['17 bytes', `${key.toString('hex')}00`],
    ['15 bytes in base64', key.subarray(1).toString('base64')],
    ['17 bytes in base64', Buffer.alloc(17).toString('base64')],
    ['half a padding', `${key.toString('base64url')}=`],
    ['other characters', '*'.repeat(22)],
  ])('is refused: %s', (_form, text) => {
    expect(parseExposureKey(text)).toBeNull();
  });
});
