import { describe, expect, it } from 'vitest';
import { expiredKeys, isNewKeyDue } from '../../../src/domain/publish/key-rotation.ts';

const now = new Date('2026-03-20T10:00:00Z');
const daySeconds = 86_400;

function key(ageSeconds: number, kid = String(ageSeconds)): { kid: string; createdAt: Date } {
  return { kid, createdAt: new Date(now.getTime() - ageSeconds * 1000) };
}

describe('a new key is due', () => {
  it('when there is none', () => {
    expect(isNewKeyDue(undefined, now, 7 * daySeconds)).toBe(true);
  });

  it('when the newest is exactly as old as the period, and not a second earlier', () => {
    expect(isNewKeyDue(key(7 * daySeconds), now, 7 * daySeconds)).toBe(true);
    expect(isNewKeyDue(key(7 * daySeconds - 1), now, 7 * daySeconds)).toBe(false);
  });
});

describe('a key is past its time', () => {
  it('when its successor is exactly as old as the limit, and not a second earlier', () => {
    const old = key(400 * daySeconds, 'old');
    expect(expiredKeys([key(15 * daySeconds), old], now, 15 * daySeconds)).toEqual(['old']);
    expect(expiredKeys([key(15 * daySeconds - 1), old], now, 15 * daySeconds)).toEqual([]);
  });

  it('never while it is the newest', () => {
    expect(expiredKeys([key(400 * daySeconds)], now, 1)).toEqual([]);
    expect(expiredKeys([], now, 1)).toEqual([]);
  });

  it('by its next newer key, whatever still newer ones there are', () => {
    const keys = [key(0, 'd'), key(20 * daySeconds, 'c'), key(40 * daySeconds, 'b'), key(60 * daySeconds, 'a')];
    expect(expiredKeys(keys, now, 15 * daySeconds)).toEqual(['b', 'a']);
  });
});
