/** A key manager that is slow, throttles or fails for a while. */
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { AppError } from '../../../src/domain/errors.ts';
import type { KeyManager } from '../../../src/platform/key-manager/key-manager.ts';
import { RetryingKeyManager, retryTerms } from '../../../src/platform/key-manager/retrying.ts';
import { managerDenied, managerUnavailable } from '../../../src/platform/key-manager/faults.ts';

const terms = { callTimeoutMs: 200, totalMs: 2_000, firstPauseMs: 1, longestPauseMs: 4 };
const one = Uint8Array.of(1);

/** What a manager does at its next call. */
type Turn = 'answer' | 'throttle' | 'silence' | Error;

/** A manager whose every method takes the next turn; the last one stays. */
function takingTurns(...turns: Turn[]) {
  const calls: string[] = [];
  const turn = (method: string) => async (): Promise<never> => {
    const now = turns[Math.min(calls.push(method), turns.length) - 1] ?? 'answer';
    if (now === 'silence') await pause(10_000, undefined, { ref: false });
    if (now === 'throttle') throw managerUnavailable();
    if (now instanceof Error) throw now;
    return one as never;
  };
  const methods = ['listKeys', 'findKey', 'createSigningKey', 'createSigningKeyVersion', 'signingKeyVersions'];
  const all = [...methods, 'sign', 'createEncryptionKey', 'encrypt', 'decrypt'].map((name) => [name, turn(name)]);
  return { calls, manager: Object.fromEntries(all) as unknown as KeyManager };
}

const repeatable: Record<string, (manager: KeyManager) => Promise<unknown>> = {
  listKeys: (manager) => manager.listKeys(),
  findKey: (manager) => manager.findKey('a'),
  signingKeyVersions: (manager) => manager.signingKeyVersions('a'),
  sign: (manager) => manager.sign('a', 'v', one),
  encrypt: (manager) => manager.encrypt('a', one, one),
  decrypt: (manager) => manager.decrypt('a', one, one),
};
const unrepeatable: Record<string, (manager: KeyManager) => Promise<unknown>> = {
  createSigningKey: (manager) => manager.createSigningKey('a'),
  createSigningKeyVersion: (manager) => manager.createSigningKeyVersion('a'),
  createEncryptionKey: (manager) => manager.createEncryptionKey('a'),
};
const unavailable = { kind: 'unavailable', code: 'key_manager_unavailable' };

describe.for(Object.entries(repeatable))('%s', ([name, call]) => {
  test('is asked again after throttling', async () => {
    const { manager, calls } = takingTurns('throttle', 'throttle', 'answer');
    expect(await call(new RetryingKeyManager(manager, terms))).toBe(one);
    expect(calls).toEqual([name, name, name]);
  });

  test.for([
    managerDenied('allow x'),
    new AppError('precondition', 'key_not_found', 'no'),
    new AppError('internal', 'cannot_decrypt', 'no'),
    new RangeError('a digest'),
  ])('is not asked again after %s', async (refusal) => {
    const { manager, calls } = takingTurns(refusal, 'answer');
    await expect(call(new RetryingKeyManager(manager, terms))).rejects.toBe(refusal);
    expect(calls).toEqual([name]);
  });
});

test('silence is asked again, each time for a while only', async () => {
  const { manager, calls } = takingTurns('silence', 'answer');
  expect(await new RetryingKeyManager(manager, terms).sign('a', 'v', one)).toBe(one);
  expect(calls).toHaveLength(2);
});

describe.for(Object.entries(unrepeatable))('%s', ([name, call]) => {
  test.for(['throttle', 'silence'] as const)('is tried once, whatever it meets: %s', async (turn) => {
    const { manager, calls } = takingTurns(turn, 'answer');
    const impatient = { ...terms, totalMs: 50 };
    await expect(call(new RetryingKeyManager(manager, impatient))).rejects.toMatchObject(unavailable);
    expect(calls).toEqual([name]);
  });
});

test.for(['throttle', 'silence'] as const)('a manager that does not recover is given up in time: %s', async (turn) => {
  const { manager, calls } = takingTurns(turn);
  const retrying = new RetryingKeyManager(manager, { ...terms, callTimeoutMs: 20, totalMs: 1_000 });
  const startedAt = performance.now();
  await expect(retrying.sign('a', 'v', one)).rejects.toMatchObject(unavailable);
  expect(performance.now() - startedAt).toBeLessThan(20_000);
  expect(calls.length).toBeGreaterThan(2);
});

test('pauses grow, up to a limit: a manager that fails at once is not hammered', async () => {
  const { manager, calls } = takingTurns('throttle');
  const retrying = new RetryingKeyManager(manager, { ...terms, totalMs: 400, firstPauseMs: 20, longestPauseMs: 80 });
  await expect(retrying.sign('a', 'v', one)).rejects.toMatchObject(unavailable);
  expect(calls.length).toBeLessThan(60);
});

test('the whole has three times the time of a call', () => {
  expect(retryTerms()).toMatchObject({ callTimeoutMs: 10_000, totalMs: 30_000 });
  expect(retryTerms(2_000)).toMatchObject({ callTimeoutMs: 2_000, totalMs: 6_000 });
});
