import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Sent } from '../../../src/gateway/rate-limit/client-address.ts';
import { RateLimit } from '../../../src/gateway/rate-limit/rate-limit.ts';
import { openGateway, ask, publish, type TestGateway } from '../support/gateway.ts';
import { cidrs } from '../../../src/platform/config/readers.ts';

function from(remoteAddress: string): Sent {
  return { socket: { remoteAddress }, headers: {} };
}

describe('the count of a client', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date', 'performance', 'setTimeout', 'clearTimeout'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('lets so many requests through in a minute and says when the next may come', async () => {
    const limit = new RateLimit({ rateLimitPerMinute: 2, trustedProxies: [] });
    expect(await limit.count(from('192.0.2.1'))).toBe(0);
    vi.advanceTimersByTime(20_000);
    expect(await limit.count(from('192.0.2.1'))).toBe(0);
    expect(await limit.count(from('192.0.2.1'))).toBe(40);
    vi.advanceTimersByTime(39_500);
    expect(await limit.count(from('192.0.2.1'))).toBe(1);
    vi.advanceTimersByTime(500);
    expect(await limit.count(from('192.0.2.1'))).toBe(0);
  });

  it('is its own', async () => {
    const limit = new RateLimit({ rateLimitPerMinute: 1, trustedProxies: [] });
    for (const address of ['192.0.2.1', '192.0.2.2', '2001:db8:0:1::1', '2001:db8:0:2::1']) {
      expect(await limit.count(from(address))).toBe(0);
      expect(await limit.count(from(address))).toBe(60);
    }
  });

  it('is that of the whole IPv6 network of 64 bits, in which it can take any address', async () => {
    const limit = new RateLimit({ rateLimitPerMinute: 1, trustedProxies: [] });
    expect(await limit.count(from('2001:db8::1'))).toBe(0);
    expect(await limit.count(from('2001:db8::ffff:2'))).toBe(60);
  });

  it('is off at 0', async () => {
    const limit = new RateLimit({ rateLimitPerMinute: 0, trustedProxies: [] });
    for (let i = 0; i < 100; i++) expect(await limit.count(from('192.0.2.1'))).toBe(0);
  });
});

describe('what is kept of addresses (decision 16)', () => {
  it('is never more than 131,072 counters, each shared by many addresses', { timeout: 60_000 }, async () => {
    const limit = new RateLimit({ rateLimitPerMinute: 1, trustedProxies: [] });
    let shared = 0;
    for (let i = 0; i < 20_000; i++) {
      if ((await limit.count(from(`10.${String(i >> 16)}.${String((i >> 8) & 255)}.${String(i & 255)}`))) > 0) shared++;
    }
    // Of 20,000 addresses on 131,072 counters, n²/2m = 1,500 meet a counter that is in use.
    expect(shared).toBeGreaterThan(1_000);
    expect(shared).toBeLessThan(2_000);
  });

  it('is hashed under a secret of its own in each process and half hour', async () => {
    vi.useFakeTimers({ toFake: ['Date', 'performance', 'setTimeout', 'clearTimeout'] });
    try {
      const addresses = Array.from({ length: 3_000 }, (_, i) => `198.51.${String(i >> 8)}.${String(i & 255)}`);
      const first = new RateLimit({ rateLimitPerMinute: 1, trustedProxies: [] });
      const second = new RateLimit({ rateLimitPerMinute: 1, trustedProxies: [] });
      const collisions = async (limit: RateLimit): Promise<string> => {
        const refused = [];
        for (const address of addresses) if ((await limit.count(from(address))) > 0) refused.push(address);
        return refused.join();
      };
      const before = await collisions(first);
      expect(await collisions(second)).not.toBe(before);
      vi.advanceTimersByTime(61_000);
      expect(await collisions(first)).toBe(before);
      vi.advanceTimersByTime(30 * 60_000);
      expect(await collisions(first)).not.toBe(before);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('a gateway with a rate limit', () => {
  const proxies = { trustedProxies: cidrs('127.0.0.0/8') };

  async function open(rateLimitPerMinute: number, settings = {}): Promise<TestGateway> {
    return await openGateway({ settings: { ...proxies, rateLimitPerMinute, ...settings } });
  }

  it('answers 429 with Retry-After, in the form of a publish, with padding', async () => {
    await using gateway = await open(2);
    for (let i = 0; i < 2; i++) expect((await publish(gateway, '{}')).status).toBe(200);
    const { status, headers, json } = await publish(gateway, '{}');
    expect(status).toBe(429);
    expect(Number(headers['retry-after'])).toBeGreaterThan(0);
    expect(Number(headers['retry-after'])).toBeLessThanOrEqual(60);
    expect(headers['x-api-version']).toBe('v1');
    expect(json).toEqual({
      code: 'rate_limited',
      error: 'too many requests, please try again later',
      padding: expect.any(String) as string,
    });
    expect(Buffer.from(json.padding!, 'base64').length).toBeGreaterThanOrEqual(1024);
  });

  it('counts chaff like real and answers it like real', async () => {
    await using gateway = await open(3);
    const chaff = { 'x-chaff': '1' };
    for (const headers of [chaff, {}, chaff]) expect((await publish(gateway, '{}', headers)).status).toBe(200);
    const real = await publish(gateway, '{}');
    const pretended = await publish(gateway, '{}', chaff);
    expect(pretended.status).toBe(429);
    expect(pretended.json).toEqual({ ...real.json, padding: expect.any(String) as string });
    const names = (headers: object): string[] => Object.keys(headers);
    expect(names(pretended.headers)).toEqual(names(real.headers));
  });

  it('counts what cannot be read, and stats and v1alpha1 with the rest', async () => {
    await using gateway = await open(3, { hasV1Alpha1: true });
    await publish(gateway, '{');
    await ask(gateway, '/v1/stats', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' });
    const alpha = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' };
    expect((await ask(gateway, '/', alpha)).status).toBe(200);
    expect((await publish(gateway, '{}')).status).toBe(429);
    const stats = await ask(gateway, '/v1/stats', alpha);
    expect(stats.status).toBe(429);
    expect(stats.headers['retry-after']).toBeDefined();
    expect(stats.text).toContain('"code":"rate_limited"');
    const refused = await ask(gateway, '/', alpha);
    expect(refused.status).toBe(429);
    expect(JSON.parse(refused.text)).toEqual({
      revisionToken: '',
      insertedExposures: 0,
      error: 'too many requests, please try again later',
      padding: expect.any(String) as string,
    });
  });

  it('limits neither exports nor health nor other methods', async () => {
    await using gateway = await open(1);
    await publish(gateway, '{}');
    for (let i = 0; i < 5; i++) {
      expect((await ask(gateway, '/healthz')).status).toBe(200);
      expect((await ask(gateway, '/health')).status).toBe(200);
      expect((await ask(gateway, '/exports/aa/index.txt')).status).toBe(404);
      expect((await ask(gateway, '/v1/publish')).status).toBe(405);
    }
  });

  it('counts each client behind a trusted proxy by itself, and nobody by what he says himself', async () => {
    await using gateway = await open(1);
    for (const client of ['192.0.2.1', '192.0.2.2']) {
      const header = (lie: string): { 'x-forwarded-for': string } => ({ 'x-forwarded-for': `${lie}, ${client}` });
      expect((await publish(gateway, '{}', header('203.0.113.1'))).status).toBe(200);
      expect((await publish(gateway, '{}', header('203.0.113.2'))).status).toBe(429);
    }
    await using direct = await open(1, { trustedProxies: [] });
    expect((await publish(direct, '{}', { 'x-forwarded-for': '192.0.2.1' })).status).toBe(200);
    expect((await publish(direct, '{}', { 'x-forwarded-for': '192.0.2.2' })).status).toBe(429);
    expect((await publish(direct, '{}', { forwarded: 'for=192.0.2.3' })).status).toBe(429);
  });

  it('answers maintenance first', async () => {
    await using gateway = await open(1, { maintenance: true });
    for (let i = 0; i < 3; i++) expect((await publish(gateway, '{}')).json.code).toBe('maintenance');
  });

  it('writes no address in its log', async () => {
    await using gateway = await open(1);
    for (let i = 0; i < 3; i++) await publish(gateway, '{}', { 'x-forwarded-for': '192.0.2.77' });
    expect(JSON.stringify(gateway.logs)).not.toContain('192.0.2.77');
  });
});
