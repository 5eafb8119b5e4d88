import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBase64Url, decodeLenientBase64 } from '../../../src/domain/publish/base64.ts';

describe('lenient base64', () => {
  it('takes either alphabet or both, with any padding', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(5), (bytes, padding) => {
        const standard = Buffer.from(bytes).toString('base64').replaceAll('=', '');
        const mixed = standard.replace('+', '-').replace('/', '_');
        for (const text of [standard, mixed, Buffer.from(bytes).toString('base64url')]) {
          expect(decodeLenientBase64(text + '='.repeat(padding)).bytes).toEqual(Buffer.from(bytes));
        }
      }),
    );
  });

  it.each([
    ['Zh==', 'f'],
    ['Zg====', 'f'],
    ['Z\r\ng', 'f'],
    ['', ''],
    ['====', ''],
  ])('reads %j as %j', (text, decoded) => {
    expect(decodeLenientBase64(text).bytes?.toString()).toBe(decoded);
  });

  it.each([
    ['Zg==\r\n', 2],
    ['Z=g', 1],
    ['Zm9v YmFy', 4],
    ['Z', 0],
    ['Zm9vY', 4],
    ['Zmé', 2],
    ['*', 0],
  ])('names the first bad byte of %j', (text, position) => {
    expect(decodeLenientBase64(text).fault).toBe(`illegal base64 data at input byte ${String(position)}`);
  });
});

describe('base64url', () => {
  it('takes no padding and no standard alphabet', () => {
    expect(decodeBase64Url('-_8').bytes).toEqual(Buffer.from([0xfb, 0xff]));
    expect(decodeBase64Url('Zg==').fault).toBe('illegal base64 data at input byte 2');
    expect(decodeBase64Url('+/8').fault).toBe('illegal base64 data at input byte 0');
  });
});
