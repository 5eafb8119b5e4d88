/** Calls and streams of one partner, counted by one process. */
import { describe, expect, it } from 'vitest';
import { createPartnerLimits } from '../../../src/federation/limits/partner-limits.ts';

const never = new AbortController().signal;

describe('calls of a partner', () => {
  it('have their turn at once up to a minute of them, and are spaced out from then on', async () => {
    const limits = createPartnerLimits({ callsPerMinute: 600, maxStreams: 8 });
    const startedAt = performance.now();
    for (let call = 0; call < 600; call++) await limits.call(1, never);
    // One by one they would take a minute.
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    for (let call = 0; call < 3; call++) await limits.call(1, never);
    expect(performance.now() - startedAt).toBeGreaterThan(190);
  });

  it('are refused when so many wait that the last would have its turn in more than 10 s', async () => {
    const limits = createPartnerLimits({ callsPerMinute: 60, maxStreams: 8 });
    const ended = new AbortController();
    for (let call = 0; call < 60; call++) await limits.call(1, never);
    const waiting = Array.from({ length: 10 }, () => limits.call(1, ended.signal));
    await expect(limits.call(1, never)).rejects.toMatchObject({ kind: 'exhausted', code: 'rate_limited' });
    ended.abort();
    expect((await Promise.allSettled(waiting)).map(({ status }) => status)).toEqual(Array(10).fill('rejected'));
  });

  it('cost no other partner anything', async () => {
    const limits = createPartnerLimits({ callsPerMinute: 6, maxStreams: 8 });
    for (let call = 0; call < 6; call++) await limits.call(1, never);
    const ended = new AbortController();
    const waiting = limits.call(1, ended.signal);
    const startedAt = performance.now();
    for (let call = 0; call < 6; call++) await limits.call(2, never);
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    ended.abort();
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('are any number when the limit is 0', async () => {
    const limits = createPartnerLimits({ callsPerMinute: 0, maxStreams: 8 });
    const startedAt = performance.now();
    for (let call = 0; call < 10_000; call++) await limits.call(1, never);
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });
});

describe('streams of a partner', () => {
  it('are as many as the limit says at a time, whatever other partners have', () => {
    const limits = createPartnerLimits({ callsPerMinute: 0, maxStreams: 2 });
    const refused = expect.objectContaining({ kind: 'exhausted', code: 'too_many_streams' }) as Error;
    const first = limits.stream(1);
    limits.stream(1);
    expect(() => limits.stream(1)).toThrow(refused);
    limits.stream(2);
    first[Symbol.dispose]();
    // Twice is as once.
    first[Symbol.dispose]();
    limits.stream(1);
    expect(() => limits.stream(1)).toThrow(refused);
  });

  it('are counted no longer than they are used', () => {
    const limits = createPartnerLimits({ callsPerMinute: 0, maxStreams: 1 });
    for (let turn = 0; turn < 3; turn++) {
      using stream = limits.stream(1);
      expect(stream).toBeDefined();
    }
  });
});
