/** Pulling from a partner that runs the deployed server, as it is. */
import { describe, expect, it } from 'vitest';
import { runExchange } from '../../../src/federation/exchange/run.ts';
import { openInstallation, now, pullAll, storedKeys, type Installation } from '../exchange/installation.ts';
import { currentInterval } from '../intake/intake.ts';
import { startDeployedServer, type DeployedKey, type DeployedServer } from './deployed-server.ts';

const hour = 3_600;
const window = Math.floor(now.getTime() / 1000 / hour) * hour;
const unset = '-62135596800';

/** Keys of one creation time, so many hours before the open window. */
function keysOf(from: number, count: number, change: { hours?: number } & Partial<DeployedKey> = {}): DeployedKey[] {
  const { hours = 1, ...rest } = change;
  return Array.from({ length: count }, (_, index) => {
    const key = Buffer.alloc(16, 9);
    key.writeUInt32BE(from + index);
    return { key, createdAt: window - hours * hour, intervalNumber: currentInterval - 400, regions: ['DD'], ...rest };
  });
}

interface Fixture extends AsyncDisposable {
  readonly dd: DeployedServer;
  readonly bb: Installation;
}

async function openFixture(keys: readonly DeployedKey[], settings = {}): Promise<Fixture> {
  await using opened = new AsyncDisposableStack();
  const dd = opened.use(await startDeployedServer());
  dd.keys = keys;
  dd.window = window;
  const bb = opened.use(await openInstallation('bb', { settings }));
  await bb.addPartner({
    name: 'dd',
    address: `127.0.0.1:${String(dd.port)}`,
    identity: { issuer: 'https://accounts.example', subject: 'dd', audience: 'https://bb.example' },
    requireServerIdentity: false,
    pull: { ...pullAll, regions: ['DD'], protocol: 'fetch' },
  });
  const kept = opened.move();
  return { dd, bb, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

describe('a pull by Fetch', () => {
  it('walks all pages of a deployed server, and asks for as much as deployed clients do', async () => {
    const keys = [3, 2, 1].flatMap((hours, index) => keysOf(index * 400, 400, { hours }));
    await using fixture = await openFixture(keys);
    const { dd, bb } = fixture;
    expect((await bb.run('dd', 'pull')).at(-1)).toMatchObject({ outcome: 'done' });
    expect(await storedKeys(bb)).toEqual(keys.map(({ key }) => key.toString('hex')));
    expect(dd.requests[0]).toEqual({
      includeRegions: ['DD'],
      excludeRegions: [],
      onlyTravelers: false,
      onlyLocalProvenance: true,
      maxExposureKeys: 500,
      state: {
        keyCursor: { timestamp: unset, nextToken: '' },
        revisedKeyCursor: { timestamp: unset, nextToken: '' },
      },
    });
    expect(dd.authorizations[0]).toMatch(/^Bearer ey/);
    const { rows } = await bb.database.query('select distinct provenance, regions, report_type from exposures');
    expect(rows).toEqual([{ provenance: ['https://accounts.example#dd'], regions: ['DD'], report_type: 1 }]);
  });

  it('costs one call when there is nothing new, and goes on with what comes', async () => {
    await using fixture = await openFixture(keysOf(0, 10, { onset: -14 }));
    const { dd, bb } = fixture;
    await bb.run('dd', 'pull');
    const calls = dd.requests.length;
    expect(await bb.run('dd', 'pull', { isAsked: true })).toMatchObject([{ keys: 0 }, { outcome: 'done' }]);
    expect(dd.requests).toHaveLength(calls + 1);
    dd.keys = [...dd.keys, ...keysOf(10, 5, { hours: 0 })];
    dd.window += hour;
    await bb.run('dd', 'pull', { isAsked: true });
    expect(await storedKeys(bb)).toHaveLength(15);
    expect(await bb.state('dd', 'pull')).toMatchObject({ keys: 15, caughtUpThrough: now });
    const { rows } = await bb.database.query(
      'select count(*)::integer as keys from exposures where days_since_onset = -14',
    );
    expect(rows).toEqual([{ keys: 10 }]);
  });

  it('makes a revision once, though the server gives it again and again', async () => {
    await using fixture = await openFixture(keysOf(0, 2, { hours: 5, reportType: 2, revisedAt: window - hour }));
    const { bb } = fixture;
    for (let run = 0; run < 3; run++) await bb.run('dd', 'pull', { isAsked: true });
    const { rows } = await bb.database.query('select distinct revised_report_type, revised_at from exposures');
    expect(rows).toEqual([{ revised_report_type: 5, revised_at: new Date('2026-03-15T13:00:00Z') }]);
    expect(await bb.state('dd', 'pull')).toMatchObject({ refusedKeys: 0, failures: 0 });
  });

  it('takes it for a withdrawal when a key is revoked that no revision may revoke', async () => {
    await using fixture = await openFixture(keysOf(0, 2, { hours: 5, reportType: 1, revisedAt: window - hour }));
    const { bb } = fixture;
    for (let run = 0; run < 2; run++) await bb.run('dd', 'pull', { isAsked: true });
    const { rows } = await bb.database.query(
      'select (select count(*)::integer from exposures) as keys, (select count(*)::integer from tombstones) as buried',
    );
    // Nobody has seen them here yet.
    expect(rows).toEqual([{ keys: 0, buried: 2 }]);
    expect(await bb.state('dd', 'pull')).toMatchObject({ refusedKeys: 0, failures: 0 });
  });

  it('refuses keys of no report type, or of somebody else, one by one', async () => {
    const bad = [
      ...keysOf(0, 1, { reportType: 0 }),
      ...keysOf(1, 1, { reportType: 4 }),
      ...keysOf(2, 1, { regions: [] }),
      ...keysOf(3, 1, { key: Buffer.alloc(15) }),
    ];
    await using fixture = await openFixture([...bad, ...keysOf(10, 3)]);
    const { dd, bb } = fixture;
    // As a server does that serves more than was asked for.
    await bb.addPartner({
      name: 'dd',
      address: `127.0.0.1:${String(dd.port)}`,
      identity: { issuer: 'https://accounts.example', subject: 'dd', audience: 'https://bb.example' },
      requireServerIdentity: false,
      pull: { ...pullAll, regions: ['DD', 'EE'], protocol: 'fetch' },
    });
    await bb.run('dd', 'pull');
    expect(await storedKeys(bb)).toHaveLength(3);
    const { rows } = await bb.database.query('select reason from partner_quarantine order by reason');
    expect(rows.map(({ reason }: { reason?: string }) => reason)).toEqual([
      'key_length',
      'region',
      'report_type',
      'report_type',
    ]);
  });

  it('goes on after a break where it was, page by page', async () => {
    const keys = [3, 2, 1].flatMap((hours, index) => keysOf(index * 450, 450, { hours }));
    await using fixture = await openFixture(keys);
    const { dd, bb } = fixture;
    const partnerId = (await bb.database.query<{ id: number }>('select id from partners')).rows[0]!.id;
    const { signal } = new AbortController();
    const steps = runExchange(bb.deps, { partnerId, direction: 'pull', isAsked: true, signal });
    await steps.next();
    dd.answerWith = () => {
      throw new Error('down');
    };
    await steps.return();
    expect(await storedKeys(bb)).toHaveLength(500);
    dd.answerWith = undefined;
    await bb.run('dd', 'pull', { isAsked: true });
    expect(await storedKeys(bb)).toHaveLength(keys.length);
    expect(dd.requests[1]!.state!.keyCursor!.timestamp).toBe(String(window - 2 * hour));
  });

  it('ends where more keys than a page have one time, with what the server gives of them', async () => {
    await using fixture = await openFixture(keysOf(0, 1_260));
    const { dd, bb } = fixture;
    expect((await bb.run('dd', 'pull')).at(-1)).toMatchObject({ outcome: 'failed' });
    expect(await storedKeys(bb)).toHaveLength(500);
    expect(dd.requests).toHaveLength(2);
    expect(await bb.state('dd', 'pull')).toMatchObject({ errorCode: 'partner_livelock', failures: 1 });
    // The next try finds out at once.
    await bb.run('dd', 'pull', { isAsked: true });
    expect(dd.requests).toHaveLength(3);
  });

  it('takes it that a server gives no state, or half of one', async () => {
    await using fixture = await openFixture([]);
    const { dd, bb } = fixture;
    dd.answerWith = () => ({ partialResponse: false });
    await bb.run('dd', 'pull');
    dd.answerWith = () => ({ nextFetchState: { keyCursor: { timestamp: 7, nextToken: 'x' } } });
    await bb.run('dd', 'pull', { isAsked: true });
    dd.answerWith = undefined;
    await bb.run('dd', 'pull', { isAsked: true });
    expect(dd.requests.map(({ state }) => [state?.keyCursor, state?.revisedKeyCursor?.timestamp])).toEqual([
      [{ timestamp: unset, nextToken: '' }, unset],
      [{ timestamp: unset, nextToken: '' }, unset],
      [{ timestamp: '7', nextToken: 'x' }, unset],
    ]);
    expect(await bb.state('dd', 'pull')).toMatchObject({ failures: 0, errorCode: null });
  });

  it('refuses a page of more keys than there can be, and a state that is too long', async () => {
    await using fixture = await openFixture([]);
    const { dd, bb } = fixture;
    for (const bad of [
      { keys: Array.from({ length: 1_001 }, () => ({})) },
      { nextFetchState: { keyCursor: { timestamp: 1, nextToken: 'x'.repeat(2_000) } } },
    ]) {
      dd.answerWith = () => bad;
      await bb.run('dd', 'pull', { isAsked: true });
      expect(await bb.state('dd', 'pull')).toMatchObject({ errorCode: 'bad_partner_answer', cursor: null });
    }
  });

  it('also works with an Enmesh server, whatever share one time', async () => {
    await using aa = await openInstallation('aa');
    await using bb = await openInstallation('bb', { clock: aa.clock });
    const serve = { regions: ['AA'], excludeRegions: [], onlyLocal: false, onlyTravelers: false, omitOnset: false };
    await aa.addPartner(bb.asPartner({ serve }));
    await bb.addPartner(aa.asPartner({ requireServerIdentity: false, pull: { ...pullAll, protocol: 'fetch' } }));
    await aa.database.query(
      `insert into exposures (key, created_at, interval_start, interval_count, transmission_risk, report_type, traveler, regions)
       select decode(md5(i::text), 'hex'), '2026-03-15T11:00:00Z', $1, 144, 3, 1, false, '{AA}' from generate_series(1, 1260) as i`,
      [currentInterval - 400],
    );
    await bb.run('aa', 'pull');
    expect(await storedKeys(bb)).toEqual(await storedKeys(aa));
  });
});
