/** Which exchanges are run when, and that none waits for another. */
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { scopeHash } from '../../../src/domain/federation/scope.ts';
import { dueExchanges, exchangeJobs, exchangeSchedules } from '../../../src/federation/exchange/jobs.ts';
import { pushScopeOf } from '../../../src/federation/push/send.ts';
import { advanceExchange, giveBackExchange, leaseExchange } from '../../../src/storage/partners/partner-exchanges.ts';
import { findPartner } from '../../../src/storage/partners/partners.ts';
import { addKeys, openInstallation, openPair, pullAll, storedKeys, type Installation } from './installation.ts';

interface Enqueued {
  readonly job: string;
  readonly payload: unknown;
  readonly options: object | undefined;
}

/** The jobs, and what they put into the queue. */
function jobsOf(bb: Installation) {
  const enqueued: Enqueued[] = [];
  const jobs = exchangeJobs({
    ...bb.deps,
    jobQueue: {
      enqueue: (job, payload, options) => {
        enqueued.push({ job, payload, options });
        return Promise.resolve();
      },
    },
  });
  const { signal } = new AbortController();
  const run = async (name: string, payload?: unknown): Promise<void> => {
    await jobs.find((job) => job.name === name)!.run(payload, { signal, logger: bb.deps.logger });
  };
  return {
    run,
    /** What one look puts into the queue. */
    tick: async (): Promise<readonly string[]> => {
      enqueued.length = 0;
      await run('federation.tick');
      return enqueued.map(({ job }) => job);
    },
    enqueued,
  };
}

describe('federation.tick', () => {
  it('puts a job for each exchange that is due into the queue, under a key of its own', async () => {
    await using pair = await openPair();
    const { bb } = pair;
    const jobs = jobsOf(bb);
    expect(await jobs.tick()).toEqual(['federation.pull', 'federation.push']);
    expect(jobs.enqueued[0]).toEqual({
      job: 'federation.pull',
      payload: { partnerId: 1, hasFailed: false },
      options: { key: '1', maxAttempts: 1 },
    });
    for (const { job, payload } of [...jobs.enqueued]) await jobs.run(job, payload);
    expect(await jobs.tick()).toEqual([]);
  });

  it('wants a pull again after the interval, and a push as soon as a window has closed', async () => {
    await using pair = await openPair();
    const { aa, bb } = pair;
    const jobs = jobsOf(bb);
    await bb.run('aa', 'pull');
    await bb.run('aa', 'push');
    bb.clock.advance(299_000);
    expect(await jobs.tick()).toEqual([]);
    bb.clock.advance(1_000);
    expect(await jobs.tick()).toEqual(['federation.pull']);
    await bb.run('aa', 'pull');
    await addKeys(bb, 3, { at: new Date('2026-03-15T13:00:00Z') });
    // The window ends at 14:00, 12 minutes and 30 seconds after the tests' present; the look itself closes it.
    bb.clock.advance(450_000 - 1);
    expect((await jobs.tick()).filter((job) => job === 'federation.push')).toEqual([]);
    bb.clock.advance(1);
    expect((await jobs.tick()).filter((job) => job === 'federation.push')).toEqual(['federation.push']);
    await jobs.run('federation.push', { partnerId: 1 });
    expect(await storedKeys(aa)).toHaveLength(3);
  });

  it('wants a push again when its rule has changed', async () => {
    await using pair = await openPair();
    const { aa, bb } = pair;
    await bb.run('aa', 'push');
    await bb.addPartner(aa.asPartner({ push: { regions: ['CC'], onlyLocal: true } }));
    expect(await jobsOf(bb).tick()).toEqual(['federation.push']);
  });

  it('wants a push again whose run under a new rule ended on the way, though all had crossed under the old one', async () => {
    await using pair = await openPair();
    const { aa, bb } = pair;
    await bb.run('aa', 'push');
    await bb.addPartner(aa.asPartner({ push: { regions: ['CC'], onlyLocal: true } }));
    const { database, clock } = bb;
    const partner = (await findPartner(database, 'aa'))!;
    const holder = { partnerId: partner.id, direction: 'push', owner: randomUUID() } as const;
    await leaseExchange(database, holder, { clock, leaseSeconds: 30, ignoreBackOff: false });
    await advanceExchange(database, holder, {
      cursor: null,
      ruleHash: scopeHash(pushScopeOf(partner)),
      caughtUpThrough: null,
      pendingKeys: 1,
      keys: 1,
      refusedKeys: 0,
    });
    await giveBackExchange(database, holder, { clock, end: { outcome: 'interrupted' } });
    expect(await jobsOf(bb).tick()).toEqual(['federation.push']);
    expect(await bb.state('aa', 'push')).toMatchObject({ caughtUpThrough: null });
  });

  it('leaves a partner alone that is paused, and one that another process has in hand', async () => {
    await using pair = await openPair();
    const { bb } = pair;
    await bb.database.query('update partners set paused_at = now()');
    expect(await jobsOf(bb).tick()).toEqual([]);
    expect(await bb.run('aa', 'pull')).toEqual([]);
    await bb.database.query('update partners set paused_at = null');
    await bb.database.query(`update partner_exchanges set lease_owner = gen_random_uuid(), lease_expires = $1`, [
      new Date(bb.clock.now().getTime() + 1_000),
    ]);
    expect(await jobsOf(bb).tick()).toEqual(['federation.push']);
  });

  it('is looked for every four seconds, or as often as partners are pulled from', () => {
    const seconds = (intervalSeconds: number) =>
      exchangeSchedules({ settings: { intervalSeconds } as Installation['deps']['settings'] });
    expect(seconds(300)).toEqual([{ job: 'federation.tick', everySeconds: 4 }]);
    expect(seconds(1)).toEqual([{ job: 'federation.tick', everySeconds: 1 }]);
  });
});

describe('Federation decision 7: one dead partner slows nobody', () => {
  it('it waits longer after each failure, and is due again when the pause is over', async () => {
    await using aa = await openInstallation('aa');
    await using bb = await openInstallation('bb', { clock: aa.clock });
    // It does not know us.
    await bb.addPartner(aa.asPartner({ pull: pullAll }));
    // The pauses with the middle of the dice: 1, 2, 4, 8 s; with the open breaker 24 s.
    for (const pause of [1, 2, 4, 8, 24]) {
      await bb.run('aa', 'pull');
      expect((await bb.state('aa', 'pull'))!.notBefore!.getTime() - bb.clock.now().getTime()).toBe(pause * 1000);
      expect(await bb.run('aa', 'pull')).toEqual([]);
      bb.clock.advance(pause * 1000 - 1);
      expect(await dueExchanges(bb.deps)).toEqual([]);
      bb.clock.advance(1);
      expect(await dueExchanges(bb.deps)).toHaveLength(1);
    }
    expect(await bb.state('aa', 'pull')).toMatchObject({
      failures: 5,
      errorCode: 'identity_unknown',
      succeededAt: null,
    });
  });

  it('and one success closes the breaker', async () => {
    await using pair = await openPair();
    const { bb } = pair;
    await bb.run('aa', 'pull');
    await bb.database.query(
      `update partner_exchanges set failures = 7, error_code = 'x', last_error = 'y', not_before = null`,
    );
    await bb.run('aa', 'pull');
    expect(await bb.state('aa', 'pull')).toMatchObject({ failures: 0, errorCode: null, lastError: null });
  });

  it('while it is waited for, others are pulled from', async () => {
    await using pair = await openPair({ settings: { idleSeconds: 2 } });
    const { aa, bb } = pair;
    await addKeys(aa, 10);
    const jobs = jobsOf(bb);
    const dead = await bb.addPartner({ ...aa.asPartner({ pull: pullAll }), name: 'xx', address: 'localhost:1' });
    const ended: string[] = [];
    const pull = async (name: string, partnerId: number): Promise<void> => {
      await jobs.run('federation.pull', { partnerId });
      ended.push(name);
    };
    await Promise.all([pull('dead', dead), pull('alive', 1)]);
    expect(ended).toEqual(['alive', 'dead']);
    expect(await storedKeys(bb)).toHaveLength(10);
  });

  it('a process takes as many at a time as it may, each direction for itself, and leaves the others to the next look', async () => {
    await using pair = await openPair({ settings: { concurrency: 1 } });
    const { aa, bb } = pair;
    await addKeys(aa, 10);
    await addKeys(bb, 10, { from: 10 });
    await bb.addPartner({
      name: 'dd',
      address: '127.0.0.1:1',
      identity: { issuer: 'https://id.dd.example', subject: 'federation', audience: 'https://bb.example' },
      pull: { regions: [], excludeRegions: [], onlyTravelers: false, protocol: 'stream' },
    });
    const jobs = jobsOf(bb);
    await Promise.all([
      jobs.run('federation.pull', { partnerId: 1 }),
      jobs.run('federation.pull', { partnerId: 2 }),
      jobs.run('federation.push', { partnerId: 1 }),
    ]);
    expect(await storedKeys(bb)).toHaveLength(20);
    expect(await storedKeys(aa)).toHaveLength(20);
    expect(await jobs.tick()).toEqual(['federation.pull']);
  });

  it('a run whose place another one wants leaves it after its turn, and goes on later from where it was', async () => {
    await using pair = await openPair({ settings: { concurrency: 1, turnSeconds: 0 } });
    const { aa, bb } = pair;
    await addKeys(aa, 2_500);
    const jobs = jobsOf(bb);
    await Promise.all([jobs.run('federation.pull', { partnerId: 1 }), jobs.run('federation.pull', { partnerId: 2 })]);
    expect(await storedKeys(bb)).toHaveLength(1_000);
    expect(await bb.state('aa', 'pull')).toMatchObject({ failures: 0, caughtUpThrough: null });
    expect((await jobs.tick()).filter((job) => job === 'federation.pull')).toHaveLength(1);
    await jobs.run('federation.pull', { partnerId: 1 });
    expect(await storedKeys(bb)).toHaveLength(2_500);
  });

  it('a look says of each whether its last run failed: those get half of the places', async () => {
    await using aa = await openInstallation('aa');
    await using bb = await openInstallation('bb', { clock: aa.clock });
    // It does not know us.
    await bb.addPartner(aa.asPartner({ pull: pullAll }));
    const jobs = jobsOf(bb);
    await jobs.tick();
    expect(jobs.enqueued.map(({ payload }) => payload)).toEqual([{ partnerId: 1, hasFailed: false }]);
    await jobs.run('federation.pull', jobs.enqueued[0]!.payload);
    bb.clock.advance(1_000);
    await jobs.tick();
    expect(jobs.enqueued.map(({ payload }) => payload)).toEqual([{ partnerId: 1, hasFailed: true }]);
  });

  it('a job without a partner fails', async () => {
    await using bb = await openInstallation('bb');
    await expect(jobsOf(bb).run('federation.pull', {})).rejects.toMatchObject({ code: 'bad_payload' });
  });
});
