import { describe, expect, it } from 'vitest';
import { AuthorityCache } from '../../../src/server/publish/authority-cache.ts';
import { NameCache } from '../../../src/server/publish/name-cache.ts';
import { ManualClock } from '../../../src/platform/clock.ts';
import { makePublisher, now, refusalOf } from './publisher.ts';

function countingCache(size = 10) {
  const clock = new ManualClock(now);
  const loads: string[] = [];
  const load = (name: string) => {
    loads.push(name);
    if (name === 'broken') return Promise.reject(new Error('broken'));
    return Promise.resolve(name.startsWith('known') ? { name } : undefined);
  };
  return { clock, loads, cache: new NameCache(load, { clock, seconds: 10, unknownSeconds: 5, size }) };
}

describe('a cache of names', () => {
  it('remembers known names for their time and unknown ones for theirs', async () => {
    const { cache, clock, loads } = countingCache();
    const ask = async () => [await cache.get('known'), await cache.get('other')];
    expect(await ask()).toEqual([{ name: 'known' }, undefined]);
    clock.advance(4_999);
    await ask();
    expect(loads).toEqual(['known', 'other']);
    clock.advance(2);
    await ask();
    expect(loads).toEqual(['known', 'other', 'other']);
    clock.advance(5_000);
    await ask();
    expect(loads.filter((name) => name === 'known')).toHaveLength(2);
  });

  it('loads a name once for all that ask at the same time, and other names meanwhile', async () => {
    const { cache, loads } = countingCache();
    await Promise.all([cache.get('known'), cache.get('known'), cache.get('known 2'), cache.get('known')]);
    expect(loads).toEqual(['known', 'known 2']);
  });

  it('does not remember a failure', async () => {
    const { cache, loads } = countingCache();
    await expect(cache.get('broken')).rejects.toThrow('broken');
    await expect(cache.get('broken')).rejects.toThrow('broken');
    expect(loads).toHaveLength(2);
  });

  it('is bounded, and made-up names push no known one out', async () => {
    const { cache, loads } = countingCache(3);
    await cache.get('known');
    for (let index = 0; index < 20; index++) await cache.get(`made up ${String(index)}`);
    await cache.get('known');
    expect(loads.filter((name) => name === 'known')).toHaveLength(1);
    await cache.get('made up 0');
    expect(loads.filter((name) => name === 'made up 0')).toHaveLength(2);
  });
});

describe('apps and authorities', () => {
  it('are remembered for at most 30 s, whatever is set', async () => {
    await using publisher = await makePublisher();
    const cache = new AuthorityCache(publisher.database, { clock: publisher.clock, seconds: 3_600 });
    expect((await cache.app('org.example.health'))?.isHeld).toBe(false);
    await publisher.database.query('update apps set held_at = now()');
    publisher.clock.advance(29_999);
    expect(await cache.app('org.example.health')).toBeDefined();
    publisher.clock.advance(2);
    expect(await refusalOf(cache.app('org.example.health'))).toMatchObject({ kind: 'forbidden', code: 'on_hold' });
  });

  it('that are new are accepted within 5 s', async () => {
    await using publisher = await makePublisher();
    const cache = new AuthorityCache(publisher.database, { clock: publisher.clock, seconds: 30 });
    expect(await cache.authority('https://new.example.org')).toBeUndefined();
    await publisher.database.query(`update health_authorities set issuer = 'https://new.example.org'`);
    publisher.clock.advance(5_001);
    expect(await cache.authority('https://new.example.org')).toMatchObject({ audience: 'enmesh-sample' });
  });
});
