import fc from 'fast-check';
import { isIP } from 'node:net';
import { expect, it } from 'vitest';
import { canonicalAddress, networkOf } from '../../../src/gateway/rate-limit/network.ts';

it.each([
  ['192.0.2.1', '192.0.2.1'],
  ['2001:DB8:0:0::1', '2001:db8::1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['::FFFF:c000:201', '192.0.2.1'],
  ['fe80::1%eth0', 'fe80::1'],
  ['::1', '::1'],
])('%s is written as %s', (text, address) => {
  expect(canonicalAddress(text)).toBe(address);
});

it.each([
  '',
  'unknown',
  '_hidden',
  '999.0.2.1',
  '192.0.2',
  '192.0.2.1.1',
  '::1::',
  '[::1]',
  '192.0.2.1:80',
  'localhost',
])('%j is no address', (text) => {
  expect(canonicalAddress(text)).toBeUndefined();
});

it.each([
  ['192.0.2.1', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001:db8::1', '2001:db8:0:0'],
  ['2001:db8:1:2::', '2001:db8:1:2'],
  ['::1', '0:0:0:0'],
  ['::', '0:0:0:0'],
  ['64:ff9b::192.0.2.1', '64:ff9b:0:0'],
  ['1:2:3:4:5:6:192.0.2.1', '1:2:3:4'],
  ['1::4:5:6:7:8', '1:0:0:4'],
  ['', ''],
])('the network of %s is %s', (address, network) => {
  expect(networkOf(address)).toBe(network);
});

it('has every IPv6 address in a network of its first 64 bits, however it is written', () => {
  const groups = fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 8, maxLength: 8 });
  fc.assert(
    fc.property(groups, (numbers) => {
      const address = canonicalAddress(numbers.map((number) => number.toString(16)).join(':'))!;
      fc.pre(isIP(address) === 6);
      expect(networkOf(address)).toBe(
        numbers
          .slice(0, 4)
          .map((number) => number.toString(16))
          .join(':'),
      );
    }),
  );
});
