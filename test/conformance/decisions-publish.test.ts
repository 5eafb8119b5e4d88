/** Numbered decisions about publishing that no row of the reference's tables tells, over HTTP. */
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AppError } from '../../src/domain/errors.ts';
import type { KeyManager } from '../../src/platform/key-manager/key-manager.ts';
import { now } from '../server/publish/publisher.ts';
import { makeKeys } from '../support/phone.ts';
import { startInstallation, type Installation } from './support/installation.ts';
import { storedBy } from './support/stored.ts';
import { rowOf } from './support/told.ts';

let installation: Installation;

beforeAll(async () => {
  installation = await startInstallation();
});

afterAll(async () => {
  await installation[Symbol.asyncDispose]();
});

describe('decision 3: a certificate', () => {
  it('counts up to 60 s beside its times, and no second more', async () => {
    const iat = Math.floor(now.getTime() / 1000);
    const verdicts: [number, boolean][] = [];
    for (const seconds of [60, 61]) {
      for (const claims of [{ iat: iat + seconds }, { nbf: iat + seconds }, { exp: iat - seconds, iat: iat - 600 }]) {
        const { status } = await installation.publishBy(await installation.authority(), { claims });
        verdicts.push([seconds, status === 200]);
      }
    }
    expect(verdicts.filter(([seconds, isTaken]) => isTaken !== (seconds === 60))).toEqual([]);
  });

  it('of 24 h is taken, one second longer or without exp or iat it is refused', async () => {
    const exp = Math.floor(now.getTime() / 1000) + 60;
    const said: unknown[] = [];
    for (const claims of [
      { iat: exp - 86_400, exp },
      { iat: exp - 86_401, exp },
      { exp: undefined },
      { iat: undefined },
    ]) {
      const told = await installation.publishBy(await installation.authority(), { claims });
      said.push(told.said.error?.split(': ').slice(1).join(': '));
    }
    expect(said).toEqual([
      undefined,
      'lifetime is too long, 24h0m1s, must be <= 24h0m0s',
      'missing required claim: exp',
      'missing required claim: iat',
    ]);
  });

  it('sent again with the same content is answered as the first time, with a fresh token, and writes nothing', async () => {
    const authority = await installation.authority();
    const keys = makeKeys(now, 3);
    keys[1] = { ...keys[1]!, rollingPeriod: 0 };
    const body = authority.phone.publishBody({ now, keys });
    const first = await installation.publish(body);
    const stored = await storedBy(installation.database, authority);
    const reordered = { ...body, temporaryExposureKeys: keys.toReversed(), padding: 'other' };
    const again = await installation.publish(body);
    const shuffled = await installation.publish(reordered);
    expect(rowOf(again)).toEqual(rowOf(first));
    expect(shuffled.said).toMatchObject({ insertedExposures: 2, code: 'partial_failure' });
    expect(new Set([first, again, shuffled].map(({ revisionToken }) => revisionToken)).size).toBe(3);
    expect(await storedBy(installation.database, authority)).toEqual(stored);
  });

  it('sent twice at the same time is answered twice alike', async () => {
    const authority = await installation.authority();
    const body = authority.phone.publishBody({ now });
    const told = await Promise.all(Array.from({ length: 8 }, () => installation.publish(body)));
    expect(told.map(rowOf)).toEqual(Array.from({ length: 8 }, () => ({ status: 200, insertedExposures: 3 })));
    expect(await storedBy(installation.database, authority)).toHaveLength(3);
  });

  it('sent again with another onset, traveler flag or token follows the ordinary rules', async () => {
    const authority = await installation.authority();
    const body = authority.phone.publishBody({ now });
    const { revisionToken } = await installation.publish(body);
    for (const change of [{ symptomOnsetInterval: 1 }, { traveler: true }]) {
      expect((await installation.publish({ ...body, ...change })).said.code).toBe('missing_revision_token');
    }
    expect(rowOf(await installation.publish({ ...body, revisionToken }))).toEqual({ status: 200 });
  });
});

describe('decision 5: the loser of a race', () => {
  it('for the same keys is told that they are known, and earns no token', async () => {
    const authority = await installation.authority();
    const keys = makeKeys(now, 14);
    const told = await Promise.all(
      Array.from({ length: 12 }, () => installation.publish(authority.phone.publishBody({ now, keys }))),
    );
    const winners = told.filter(({ status }) => status === 200);
    expect(winners.map(({ said }) => said.insertedExposures)).toEqual([14]);
    const losers = told.filter(({ status }) => status !== 200);
    expect(new Set(losers.map(({ said, revisionToken }) => `${said.code ?? ''} ${revisionToken}`))).toEqual(
      new Set(['missing_revision_token ']),
    );
    expect(await storedBy(installation.database, authority)).toHaveLength(14);
  });
});

describe('decision 7: without a revision token', () => {
  it('nothing is stored and the answer is 503 with Retry-After; afterwards the same request is taken', async () => {
    let isBroken = true;
    const breakable = (real: KeyManager): KeyManager => {
      const cut =
        <Arguments extends unknown[], Result>(work: (...args: Arguments) => Promise<Result>) =>
        async (...args: Arguments): Promise<Result> => {
          if (isBroken) throw new AppError('unavailable', 'key_manager_unavailable', 'no answer from 10.0.0.7');
          return await work(...args);
        };
      return Object.assign(Object.create(real) as KeyManager, {
        encrypt: cut((...args: Parameters<KeyManager['encrypt']>) => real.encrypt(...args)),
        decrypt: cut((...args: Parameters<KeyManager['decrypt']>) => real.decrypt(...args)),
      });
    };
    await using own = await startInstallation({ keyManager: breakable });
    const authority = await own.authority();
    const body = authority.phone.publishBody({ now });
    const told = await own.publish(body);
    expect(rowOf(told)).toEqual({
      status: 503,
      code: 'unavailable',
      error: 'the service is not available at the moment, please try again later',
    });
    expect(told.headers['retry-after']).toMatch(/^\d+$/);
    expect(await storedBy(own.database, authority)).toEqual([]);
    isBroken = false;
    expect(rowOf(await own.publish(body))).toEqual({ status: 200, insertedExposures: 3 });
  });
});

describe('decision 15: a change of configuration', () => {
  it('counts within 30 s: a key that is revoked, an authority that is added', async () => {
    await using own = await startInstallation();
    const authority = await own.authority();
    expect((await own.publishBy(authority)).status).toBe(200);
    await own.database.query('update health_authority_keys set valid_thru = $1', [now]);
    const late = 'org.example.late';
    expect((await own.publish({ healthAuthorityID: late })).status).toBe(401);
    const added = await own.authority({ appId: late, issuer: 'https://late.example.org' });
    own.clock.advance(30_000);
    expect((await own.publishBy(authority)).said.error).toMatch(/no active public keys/);
    expect((await own.publishBy(added)).status).toBe(200);
  });
});

describe('decision 18: an error', () => {
  it.each([
    ['names the claim', { claims: { exp: 'soon' } }, /claim "exp" must be an integer$/],
    ['names the missing claim', { claims: { iat: undefined } }, /missing required claim: iat$/],
    ['names the key', { keys: makeKeys(now, 1).map((key) => ({ ...key, rollingPeriod: 0 })) }, /\t\* key 0 cannot be/],
  ])('%s', async (_what, options, text) => {
    expect((await installation.publishBy(await installation.authority(), options)).said.error).toMatch(text);
  });

  it('names the field', async () => {
    expect((await installation.publish('{"traveler":"no"}')).said.error).toMatch(/invalid value "traveler" at/);
  });
});

describe('every numbered decision about publishing', () => {
  it('has a test that names it', () => {
    const root = new URL('..', import.meta.url);
    const named = new Set<number>();
    for (const file of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
      if (!file.endsWith('.test.ts')) continue;
      const text = readFileSync(new URL(file, root), 'utf8');
      for (const [, number] of text.matchAll(/['"`][^'"`\n]*\bdecision (\d+)/g)) named.add(Number(number));
    }
    const all = Array.from({ length: 18 }, (_, index) => index + 1);
    expect(all.filter((number) => !named.has(number))).toEqual([]);
  });
});
