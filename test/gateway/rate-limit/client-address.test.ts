import fc from 'fast-check';
import type { IncomingHttpHeaders } from 'node:http';
import { describe, expect, it } from 'vitest';
import { ClientAddress } from '../../../src/gateway/rate-limit/client-address.ts';
import { cidrs } from '../../../src/platform/config/readers.ts';

const proxy = '10.0.0.1';
const trusted = cidrs('10.0.0.0/8, fd00::/8');

function clientOf(headers: IncomingHttpHeaders, peer = proxy): string {
  return new ClientAddress(trusted).of({ socket: { remoteAddress: peer }, headers });
}

describe('a peer that is not trusted', () => {
  it.each([{}, { forwarded: 'for=192.0.2.1' }, { 'x-forwarded-for': '192.0.2.1' }])(
    'is the client, whatever it says: %j',
    (headers) => {
      expect(clientOf(headers, '198.51.100.7')).toBe('198.51.100.7');
      expect(clientOf(headers, '::ffff:198.51.100.7')).toBe('198.51.100.7');
    },
  );

  it('is every peer where no proxy is configured, also one on loopback', () => {
    const nobodyTrusted = new ClientAddress([]);
    const socket = { remoteAddress: '127.0.0.1' };
    expect(nobodyTrusted.of({ socket, headers: { 'x-forwarded-for': '192.0.2.1' } })).toBe('127.0.0.1');
  });

  it('has no address when it is gone', () => {
    expect(new ClientAddress(trusted).of({ socket: {}, headers: {} })).toBe('');
  });
});

describe('a trusted proxy', () => {
  it.each([
    ['for=192.0.2.1', '192.0.2.1'],
    ['For=192.0.2.1;proto=https;by=10.0.0.1', '192.0.2.1'],
    ['by=10.0.0.1;for="192.0.2.1:4711"', '192.0.2.1'],
    ['for="[2001:db8::1]"', '2001:db8::1'],
    ['for="[2001:db8::1]:4711"', '2001:db8::1'],
    ['for="[2001:db8::1]:_port"', '2001:db8::1'],
    ['for="192.0.2.\\1"', '192.0.2.1'],
    ['for=203.0.113.9, for=192.0.2.1', '192.0.2.1'],
    ['for=192.0.2.1, for=10.0.0.2', '192.0.2.1'],
    ['for=192.0.2.1,for="[fd00::2]:80",for=10.0.0.2', '192.0.2.1'],
    ['for="a, for=203.0.113.9", for=192.0.2.1', '192.0.2.1'],
    [' for=192.0.2.1 ; proto=http ', '192.0.2.1'],
  ])('tells the client by Forwarded: %s', (forwarded, client) => {
    expect(clientOf({ forwarded })).toBe(client);
  });

  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['192.0.2.1:4711', '192.0.2.1'],
    ['2001:db8::1', '2001:db8::1'],
    ['[2001:db8::1]:4711', '2001:db8::1'],
    ['203.0.113.9, 192.0.2.1', '192.0.2.1'],
    ['203.0.113.9, 192.0.2.1, 10.0.0.2,10.0.0.3', '192.0.2.1'],
    ['203.0.113.9, ::ffff:192.0.2.1, ::ffff:10.0.0.2', '192.0.2.1'],
  ])('tells the client by X-Forwarded-For: %s', (list, client) => {
    expect(clientOf({ 'x-forwarded-for': list })).toBe(client);
  });

  it.each([
    ['says nothing', {}],
    ['says nothing in Forwarded', { forwarded: '' }],
    ['says nothing in X-Forwarded-For', { 'x-forwarded-for': '' }],
    ['hides the client', { forwarded: 'for=_hidden' }],
    ['does not know the client', { forwarded: 'for=unknown' }],
    ['names nobody', { forwarded: 'by=10.0.0.1' }],
    ['sends a list that cannot be read', { 'x-forwarded-for': '203.0.113.9, nonsense' }],
    ['sends a header that cannot be read', { forwarded: 'for=203.0.113.9, for=2001:db8::1' }],
    ['sends a quotation without end', { forwarded: 'for=203.0.113.9;x=", for=192.0.2.1' }],
  ])('stands for the client when it %s', (_what, headers) => {
    expect(clientOf(headers)).toBe(proxy);
  });

  it.each([
    ['Forwarded', { forwarded: 'for=_secret, for=10.0.0.2' }],
    ['X-Forwarded-For', { 'x-forwarded-for': 'secret, 10.0.0.2' }],
  ])('beyond the first stands for the client when it hides it (%s)', (_what, headers) => {
    expect(clientOf(headers)).toBe('10.0.0.2');
  });

  it('and all behind it may be trusted: the farthest is the client', () => {
    expect(clientOf({ 'x-forwarded-for': '10.1.1.1, 10.0.0.2' })).toBe('10.1.1.1');
  });
});

describe('spoofing', () => {
  const real = '192.0.2.1';

  it('of what stands left of the client has no effect, whatever it is', () => {
    const lies = fc.oneof(
      fc.string(),
      fc.ipV4(),
      fc.ipV6(),
      fc.constantFrom('10.0.0.9', 'for=10.0.0.9', '"', 'for="', ',', ';', '\\'),
    );
    fc.assert(
      fc.property(fc.array(lies), (parts) => {
        expect(clientOf({ 'x-forwarded-for': [...parts, real].join(', ') })).toBe(real);
        // A header that the lies broke is worth nothing; it never names whom the liar wants.
        expect([real, proxy]).toContain(clientOf({ forwarded: [...parts, `for=${real}`].join(', ') }));
        expect([real, proxy]).toContain(clientOf({ forwarded: [...parts, `for="${real}";by="_x"`].join(', ') }));
      }),
      { numRuns: 2_000 },
    );
  });

  it('by the header that the proxy passes on unread takes nobody else’s place', () => {
    for (const lie of ['203.0.113.9', '10.0.0.9', 'nonsense', '']) {
      expect(clientOf({ 'x-forwarded-for': real, forwarded: `for=${lie}` })).toBe(proxy);
      expect(clientOf({ 'x-forwarded-for': lie, forwarded: `for=${real}` })).toBe(proxy);
    }
  });

  it('is not what a proxy does that writes both headers', () => {
    expect(clientOf({ 'x-forwarded-for': '2001:DB8::1', forwarded: 'for="[2001:db8:0::1]"' })).toBe('2001:db8::1');
  });
});
