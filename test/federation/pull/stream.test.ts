/** Pulling from an Enmesh partner: whatever breaks, wherever, each key arrives once. */
import { describe, expect, it } from 'vitest';
import { runExchange } from '../../../src/federation/exchange/run.ts';
import { findPartner } from '../../../src/storage/partners/partners.ts';
import {
  addKeys,
  nextWindow,
  openInstallation,
  openPair,
  pullAll,
  storedKeys,
  type Installation,
} from '../exchange/installation.ts';

async function pullSteps({ deps, database }: Installation, signal = new AbortController().signal) {
  const { id: partnerId } = (await findPartner(database, 'aa'))!;
  return runExchange(deps, { partnerId, direction: 'pull', isAsked: true, signal });
}

/** Everything is there, and was counted once. */
async function expectAll(aa: Installation, bb: Installation): Promise<void> {
  const keys = await storedKeys(aa);
  expect(await storedKeys(bb)).toEqual(keys);
  expect(await bb.state('aa', 'pull')).toMatchObject({
    keys: keys.length,
    refusedKeys: 0,
    failures: 0,
    errorCode: null,
  });
}

describe('a pull by stream', () => {
  it('brings everything that is granted, and counts it', async () => {
    await using pair = await openPair();
    const { aa, bb } = pair;
    await addKeys(aa, 2_345);
    const progress = await bb.run('aa', 'pull');
    expect(progress.map(({ keys, outcome }) => [keys, outcome])).toEqual([
      [1_000, null],
      [2_000, null],
      [2_345, null],
      [2_345, 'done'],
    ]);
    await expectAll(aa, bb);
    expect(await bb.state('aa', 'pull')).toMatchObject({
      pendingKeys: 0,
      isRunning: false,
      caughtUpThrough: new Date('2026-03-15T13:00:00Z'),
      notBefore: new Date('2026-03-15T13:52:30Z'),
    });
  });

  it('asks for what is configured, and begins anew when that changes, so that other keys arrive', async () => {
    await using pair = await openPair({ rules: { pull: { ...pullAll, regions: ['BB'] } } });
    const { aa, bb } = pair;
    await addKeys(aa, 3);
    await addKeys(aa, 2, { from: 3, regions: ['BB'] });
    await bb.run('aa', 'pull', { isAsked: true });
    expect(await storedKeys(bb)).toHaveLength(2);
    await bb.addPartner(aa.asPartner({ pull: pullAll }));
    await bb.run('aa', 'pull', { isAsked: true });
    expect(await storedKeys(bb)).toHaveLength(5);
  });

  it('begins anew when the partner does not know its cursor', async () => {
    await using pair = await openPair();
    const { aa, bb } = pair;
    await addKeys(aa, 10);
    await bb.run('aa', 'pull');
    await bb.database.query(`update partner_exchanges set cursor = '\\x00'`);
    const progress = await bb.run('aa', 'pull', { isAsked: true });
    expect(progress.at(-1)).toMatchObject({ outcome: 'done', keys: 10 });
    expect(await storedKeys(bb)).toEqual(await storedKeys(aa));
  });

  it('stops at the quota of a day without losing a key, and goes on the next day', async () => {
    await using aa = await openInstallation('aa');
    await using bb = await openInstallation('bb', { clock: aa.clock, maxKeysPerDay: 1_500 });
    const serve = { regions: ['AA'], excludeRegions: [], onlyLocal: false, onlyTravelers: false, omitOnset: false };
    await aa.addPartner(bb.asPartner({ serve }));
    await bb.addPartner(aa.asPartner({ pull: pullAll }));
    await addKeys(aa, 3_500);
    await bb.run('aa', 'pull');
    expect(await bb.state('aa', 'pull')).toMatchObject({ errorCode: 'quota_exceeded', keys: 2_000, failures: 1 });
    bb.clock.advance(86_400_000);
    await bb.run('aa', 'pull');
    await expectAll(aa, bb);
  });
});

describe('Federation decision 6: cursors advance with the data in one transaction', () => {
  it('so a pull that is cut goes on where it was, and fetches nothing twice', async () => {
    await using pair = await openPair();
    const { aa, bb } = pair;
    await addKeys(aa, 22_000);
    const steps = await pullSteps(bb);
    await steps.next();
    aa.link.cut();
    const last = (await Array.fromAsync(steps)).at(-1)!;
    expect(last).toMatchObject({ outcome: 'failed' });
    expect(last.keys).toBeLessThan(22_000);
    expect(await storedKeys(bb)).toHaveLength(last.keys);
    expect(await bb.state('aa', 'pull')).toMatchObject({ errorCode: 'unavailable', failures: 1, keys: last.keys });
    await bb.run('aa', 'pull', { isAsked: true });
    await expectAll(aa, bb);
  });

  it('and an empty run costs one call, and moves the cursor on', async () => {
    await using pair = await openPair();
    const { aa, bb } = pair;
    await addKeys(aa, 10);
    await bb.run('aa', 'pull');
    const before = await bb.state('aa', 'pull');
    await nextWindow(aa);
    expect(aa.calls).toHaveLength(1);
    expect(await bb.run('aa', 'pull')).toMatchObject([
      { keys: 0, outcome: null },
      { keys: 0, outcome: 'done' },
    ]);
    expect(aa.calls).toHaveLength(2);
    const after = await bb.state('aa', 'pull');
    expect(after!.cursor).not.toEqual(before!.cursor);
    expect(after).toMatchObject({ keys: 10, caughtUpThrough: new Date('2026-03-15T14:00:00Z') });
  });

  it('and what is rolled back leaves both as they were', async () => {
    await using pair = await openPair();
    const { aa, bb } = pair;
    await addKeys(aa, 3_000);
    const steps = await pullSteps(bb);
    await steps.next();
    const before = await bb.state('aa', 'pull');
    await bb.database.query('alter table partner_exchanges add check (keys <= 1000)');
    expect((await Array.fromAsync(steps)).at(-1)).toMatchObject({ outcome: 'failed', keys: 1_000 });
    expect(await storedKeys(bb)).toHaveLength(1_000);
    expect((await bb.state('aa', 'pull'))!.cursor).toEqual(before!.cursor);
  });
});

describe('a process that pulls', () => {
  it('and is asked to stop gives the exchange back, not as a failure', async () => {
    await using pair = await openPair();
    const { aa, bb } = pair;
    await addKeys(aa, 22_000);
    const stop = new AbortController();
    const steps = await pullSteps(bb, stop.signal);
    await steps.next();
    stop.abort(new Error('stopping'));
    await expect(Array.fromAsync(steps)).rejects.toThrow('stopping');
    expect(await bb.state('aa', 'pull')).toMatchObject({ failures: 0, errorCode: null, isRunning: false });
    await bb.run('aa', 'pull');
    await expectAll(aa, bb);
  });

  it('keeps others of the same authority from pulling at the same time', async () => {
    await using pair = await openPair();
    const { aa, bb } = pair;
    await addKeys(aa, 2_000);
    await using other = await bb.secondProcess();
    const runs = await Promise.all([bb.run('aa', 'pull'), bb.run('aa', 'pull', { deps: other })]);
    expect(runs.map((run) => run.at(-1)?.outcome).sort()).toEqual(['done', undefined]);
    expect(aa.calls).toHaveLength(1);
    await expectAll(aa, bb);
  });

  it('is waited for by one that somebody asks', async () => {
    await using pair = await openPair();
    const { aa, bb } = pair;
    await addKeys(aa, 2_000);
    await using other = await bb.secondProcess();
    const isAsked = true;
    const runs = await Promise.all([bb.run('aa', 'pull', { isAsked }), bb.run('aa', 'pull', { isAsked, deps: other })]);
    expect(runs.map((run) => run.at(-1)!.keys).sort((a, b) => a - b)).toEqual([0, 2_000]);
    await expectAll(aa, bb);
  });

  it('and is killed leaves the exchange to another one when its lease is over', async () => {
    await using pair = await openPair();
    const { aa, bb } = pair;
    await addKeys(aa, 1_500);
    await bb.run('aa', 'pull');
    await addKeys(aa, 1_500, { from: 1_500, at: new Date('2026-03-15T13:00:00Z') });
    await nextWindow(aa);
    await bb.database.query(
      `update partner_exchanges set lease_owner = gen_random_uuid(), lease_expires = $1::timestamptz + interval '30 s', not_before = null`,
      [bb.clock.now()],
    );
    expect(await bb.run('aa', 'pull')).toEqual([]);
    bb.clock.advance(31_000);
    await bb.run('aa', 'pull');
    await expectAll(aa, bb);
  });

  it('and has lost its lease stores nothing any more', async () => {
    await using pair = await openPair();
    const { aa, bb } = pair;
    await addKeys(aa, 3_000);
    const steps = await pullSteps(bb);
    await steps.next();
    await bb.database.query('update partner_exchanges set lease_owner = gen_random_uuid()');
    expect((await Array.fromAsync(steps)).at(-1)).toMatchObject({ outcome: 'interrupted', keys: 1_000 });
    expect(await storedKeys(bb)).toHaveLength(1_000);
    expect(await bb.state('aa', 'pull')).toMatchObject({ keys: 1_000, failures: 0, isRunning: true });
  });
});

describe('a partner that is paused, or configured anew, while it is pulled from', () => {
  it.each(['paused_at = now()', `our_audience = 'https://other.example'`])('ends the run: %s', async (change) => {
    await using pair = await openPair({ settings: { leaseSeconds: 0.3 } });
    const { aa, bb } = pair;
    await addKeys(aa, 22_000);
    const steps = await pullSteps(bb);
    await steps.next();
    await bb.database.query(`update partners set ${change}`);
    let last = await steps.next();
    for (let next = last; next.done !== true; next = await steps.next()) last = next;
    expect(last.value).toMatchObject({ outcome: 'interrupted' });
    expect(await bb.state('aa', 'pull')).toMatchObject({ failures: 0, errorCode: null, isRunning: false });
    expect((await storedKeys(bb)).length).toBeLessThan(22_000);
  });
});

describe('Federation decision 5: attributes and revisions cross the border', () => {
  it('as they are; a self report travels as such', async () => {
    await using pair = await openPair();
    const { aa, bb } = pair;
    await addKeys(aa, 1, { regions: ['AA', 'BB'] });
    await aa.database.query('update exposures set report_type = 3, days_since_onset = -3, traveler = true');
    await bb.run('aa', 'pull');
    const { rows } = await bb.database.query('select * from exposures');
    expect(rows).toMatchObject([
      {
        provenance: [aa.id],
        regions: ['AA', 'BB'],
        report_type: 3,
        days_since_onset: -3,
        traveler: true,
        transmission_risk: 3,
        created_at: new Date('2026-03-15T13:00:00Z'),
      },
    ]);
  });

  it('a revision follows its key, and one from another partner than the key does not count', async () => {
    await using pair = await openPair();
    const { aa, bb } = pair;
    await using cc = await openInstallation('cc', { clock: aa.clock });
    const serve = { regions: ['AA'], excludeRegions: [], onlyLocal: false, onlyTravelers: false, omitOnset: false };
    await cc.addPartner(bb.asPartner({ serve }));
    await bb.addPartner(cc.asPartner({ pull: pullAll }));
    const revise = `update exposures set revised_at = $1, revised_report_type = 5, revised_transmission_risk = 4,
                           revised_traveler = false, revised_regions = regions`;
    const revisedAt = [new Date('2026-03-15T12:00:00Z')];
    await addKeys(aa, 1);
    await addKeys(cc, 1);
    await bb.run('aa', 'pull');
    await cc.database.query(revise, revisedAt);
    await bb.run('cc', 'pull');
    expect(await bb.state('cc', 'pull')).toMatchObject({ keys: 2, refusedKeys: 1 });
    const refused = await bb.database.query('select reason from partner_quarantine');
    expect(refused.rows).toEqual([{ reason: 'not_from_sender' }]);
    await aa.database.query(revise, [new Date('2026-03-15T13:00:00Z')]);
    await nextWindow(aa);
    await bb.run('aa', 'pull');
    const { rows } = await bb.database.query('select revised_report_type, revised_transmission_risk from exposures');
    expect(rows).toEqual([{ revised_report_type: 5, revised_transmission_risk: 4 }]);
  });
});
