/** What operators do with partners: `enmesh federation …` against two authorities that exchange keys over gRPC. */
import { describe, expect, it } from 'vitest';
import { PartnerServiceDefinition } from '../../../src/gen/enmesh/federation/v1/partners.ts';
import { ManualClock } from '../../../src/platform/clock.ts';
import { createGrpcClient } from '../../../src/platform/grpc/client.ts';
import { openNeighbour, type Neighbour } from './neighbour.ts';

const now = new Date('2026-03-20T10:20:00Z');

interface Pair extends AsyncDisposable {
  readonly clock: ManualClock;
  /** Operated by the test. */
  readonly aa: Neighbour;
  readonly bb: Neighbour;
}

const pullsAndPushes = { pull: { regions: ['BB'] }, push: { regions: ['AA'] } };
const allowsBoth = { serve: { regions: ['BB'] }, accept: { regions: ['AA'] } };

/** Two authorities; `aa` drives both directions unless it is said otherwise. */
async function openPair(
  options: { rules?: object; allowed?: object; settings?: Readonly<Record<string, string>> } = {},
): Promise<Pair> {
  const { rules = pullsAndPushes, allowed = allowsBoth, settings } = options;
  const clock = new ManualClock(now);
  await using closing = new AsyncDisposableStack();
  const [aa, bb] = await Promise.all([openNeighbour('aa', clock, settings), openNeighbour('bb', clock)]);
  closing.use(aa);
  closing.use(bb);
  await Promise.all([aa.start([bb.asPartner(rules)]), bb.start([aa.asPartner(allowed)])]);
  const kept = closing.move();
  return { clock, aa, bb, [Symbol.asyncDispose]: async () => await kept.disposeAsync() };
}

/** The first partner that a command with `--json` prints. */
async function partner(operated: Neighbour, ...words: string[]): Promise<Record<string, unknown>> {
  const { partners } = (await operated.json(...words)) as { partners: Record<string, unknown>[] };
  return partners[0]!;
}

describe('federation status', () => {
  it('tells each direction from before its first run to its end', async () => {
    await using pair = await openPair();
    const { aa, bb } = pair;
    await aa.addKeys(3, { firstByte: 1 });
    await bb.addKeys(2, { firstByte: 2 });
    expect(await partner(aa, 'status')).toEqual({
      name: 'bb',
      pull: exchange({ state: 'never' }),
      push: exchange({ state: 'never', lagKeys: 3 }),
      serve: { state: 'off' },
      accept: { state: 'off' },
      storedKeys: 0,
      receivedKeysToday: 0,
      quarantine: [],
    });
    expect(await aa.run('pull')).toMatchObject({ exitCode: 0, stderr: '' });
    expect(await aa.run('push', 'bb')).toMatchObject({ exitCode: 0, stderr: '' });
    const done = {
      state: 'ok',
      lagKeys: 0,
      caughtUpThrough: '2026-03-20T10:00:00.000Z',
      succeededAt: now.toISOString(),
    };
    expect(await partner(aa, 'status', 'bb')).toMatchObject({
      pull: { ...done, keys: 2, refusedKeys: 0, lagSeconds: 20 * 60 },
      push: { ...done, keys: 3, refusedKeys: 0, lagSeconds: 0 },
      storedKeys: 2,
      receivedKeysToday: 2,
    });
    expect(await partner(bb, 'status')).toMatchObject({
      pull: { state: 'off' },
      push: { state: 'off' },
      serve: { state: 'ok', readAt: now.toISOString() },
      accept: { state: 'ok', pushedAt: now.toISOString() },
      storedKeys: 3,
      receivedKeysToday: 3,
    });
    const { stdout } = await aa.run('status');
    expect(stdout).toMatch(/^PARTNER +DIRECTION +STATE +LAG +WAITING +KEYS +REFUSED +CAUGHT UP TO +LAST +NEXT$/m);
    expect(stdout).toMatch(
      /^bb +pull +ok +1200 s +0 +2 +0 +2026-03-20T10:00:00Z +2026-03-20T10:20:00Z +2026-03-21T10:20:00Z$/m,
    );
    expect(stdout).toMatch(/^bb +serve +off/m);
  });

  it('counts what waits for a push, and how far it is behind', async () => {
    await using pair = await openPair();
    const { aa, bb, clock } = pair;
    await aa.addKeys(1, { firstByte: 1 });
    await aa.run('push');
    bb.link.close();
    clock.advance(2 * 3_600_000);
    await aa.database.query('select close_windows($1)', [clock.now()]);
    await aa.addKeys(7, { firstByte: 3 });
    expect(await partner(aa, 'status')).toMatchObject({ push: { state: 'ok', lagSeconds: 2 * 3_600, lagKeys: 7 } });
  });

  it('says that no partner is configured, and which name it does not know', async () => {
    await using aa = await openNeighbour('aa', new ManualClock(now));
    await aa.start([]);
    expect(await aa.run('status')).toMatchObject({ exitCode: 0, stdout: 'no partner is configured\n' });
    expect(await aa.run('pull')).toMatchObject({ exitCode: 0, stdout: 'no partner is pulled from\n' });
    for (const command of ['status', 'pull', 'push', 'check', 'pause', 'resume', 'drain', 'quarantine']) {
      expect(await aa.run(command, 'nobody')).toMatchObject({
        exitCode: 1,
        stderr: 'enmesh: no partner has this name: `enmesh federation status` lists them\n',
      });
    }
    expect(await aa.run('pause')).toMatchObject({ exitCode: 2 });
  });
});

function exchange(change: object): object {
  return {
    state: 'ok',
    lagKeys: 0,
    keys: 0,
    refusedKeys: 0,
    failures: 0,
    errorCode: '',
    error: '',
    isRunning: false,
    ...change,
  };
}

describe('Federation decision 7: a partner that is dead', () => {
  it('fails by itself, with its lag and a cure in the status and in the metrics, and slows nobody', async () => {
    const clock = new ManualClock(now);
    await using aa = await openNeighbour('aa', clock);
    await using bb = await openNeighbour('bb', clock);
    await using cc = await openNeighbour('cc', clock);
    await bb.addKeys(2);
    await bb.start([aa.asPartner({ serve: { regions: ['BB'] } })]);
    await cc.start([]);
    // It takes connections and tokens, and knows nothing of us.
    const pull = { pull: { regions: [] } };
    await aa.start([bb.asPartner(pull), cc.asPartner(pull)]);
    const { exitCode, stdout, stderr } = await aa.run('pull');
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: 'enmesh: 1 of 2 partners failed\n' });
    expect(stdout).toMatch(/^bb +pull +ok .* 2 +0 +2026/m);
    expect(stdout).toMatch(/^cc +pull +failing /m);
    expect(stdout).toMatch(/^cc: pull: .*\(identity_unknown; 1 try, next try at 2026-/m);
    expect(stdout).toContain('under `identity` it must name our issuer');
    clock.advance(60_000);
    const { partners } = (await aa.json('status')) as { partners: { name: string; pull: object }[] };
    expect(partners).toMatchObject([
      { name: 'bb', pull: { state: 'ok', lagSeconds: 21 * 60, failures: 0 } },
      { name: 'cc', pull: { state: 'failing', failures: 1, errorCode: 'identity_unknown', keys: 0 } },
    ]);
    const metrics = await aa.metrics();
    expect(metrics).toContain('enmesh_federation_lag_seconds{partner="bb",direction="pull"} 1260');
    expect(metrics).toContain('enmesh_federation_lag_keys{partner="bb",direction="pull"} 0');
    expect(metrics).toContain('enmesh_federation_failures{partner="cc",direction="pull"} 1');
    expect(metrics).toContain('enmesh_federation_quarantined_keys{partner="bb"} 0');
    expect(metrics).toContain('enmesh_federation_paused{partner="cc"} 0');
    expect(metrics).not.toContain('enmesh_federation_lag_seconds{partner="cc"');
  });
});

describe('Federation decision 8: a partner that is paused', () => {
  it('is neither pulled from nor pushed to, and neither reads nor brings anything, until it is resumed', async () => {
    await using pair = await openPair({ rules: { ...pullsAndPushes, serve: { regions: ['AA'] } } });
    const { aa, bb } = pair;
    await bb.start([aa.asPartner({ ...allowsBoth, pull: { regions: ['AA'] } })]);
    await aa.addKeys(1, { firstByte: 1 });
    await bb.addKeys(1, { firstByte: 2 });
    expect(await bb.run('pause', 'aa')).toMatchObject({
      exitCode: 0,
      stdout: 'aa is paused since 2026-03-20T10:20:00Z\n',
    });
    expect(await bb.run('pause', 'aa')).toMatchObject({ exitCode: 0 });
    expect(await bb.run('pull', 'aa')).toMatchObject({
      exitCode: 1,
      stderr: 'enmesh: the partner is paused: `enmesh federation resume` lets it go on\n',
    });
    expect(await bb.run('pull')).toMatchObject({ exitCode: 0, stdout: 'no partner is pulled from\n' });
    expect(await bb.run('drain', 'aa')).toMatchObject({ exitCode: 1 });
    for (const command of ['pull', 'push']) {
      const refused = await aa.run(command);
      expect(refused.exitCode).toBe(1);
      expect(refused.stdout).toContain('(partner_paused; ');
      expect(refused.stdout).toContain('the partner has paused the exchange with us; ask it');
    }
    expect((await aa.run('check', 'bb')).exitCode).toBe(1);
    expect([await aa.countKeys(), await bb.countKeys()]).toEqual([1, 1]);
    expect((await bb.run('status')).stdout).toMatch(/^aa +pull +paused /m);
    // What the file says changes nothing of it.
    await bb.start([
      aa.asPartner({ ...allowsBoth, pull: { regions: ['AA'] }, ourAudience: 'https://partners.example' }),
    ]);
    expect(await partner(bb, 'status')).toMatchObject({ pausedAt: now.toISOString(), serve: { state: 'paused' } });

    expect(await bb.run('resume', 'aa')).toMatchObject({ exitCode: 0, stdout: 'aa is not paused\n' });
    for (const command of ['pull', 'push']) expect((await aa.run(command)).exitCode).toBe(0);
    expect([await aa.countKeys(), await bb.countKeys()]).toEqual([2, 2]);
    const { rows } = await bb.database.query(
      `select actor, action, subject from audit where action in ('pause', 'resume') order by id`,
    );
    expect(rows).toEqual([
      { actor: 'local', action: 'pause', subject: 'partners/aa' },
      { actor: 'local', action: 'resume', subject: 'partners/aa' },
    ]);
  });
});

describe('federation pull and push', () => {
  it('refuse a direction that the partner does not have', async () => {
    await using pair = await openPair({ rules: { serve: { regions: ['AA'] } } });
    expect(await pair.aa.run('pull', 'bb')).toMatchObject({
      exitCode: 1,
      stderr: "enmesh: this partner's configuration has no `pull`\n",
    });
    expect(await pair.aa.run('push')).toMatchObject({ exitCode: 0, stdout: 'no partner is pushed to\n' });
  });

  it('stop at the quota of the day, and go on the next day without a loss', async () => {
    await using pair = await openPair({ settings: { ENMESH_FEDERATION_MAX_KEYS_PER_DAY: '1500' } });
    const { aa, bb, clock } = pair;
    await bb.addKeys(2_500);
    const stopped = await aa.run('pull');
    expect(stopped.exitCode).toBe(1);
    expect(stopped.stdout).toContain('quota_exceeded');
    expect(await aa.countKeys()).toBe(2_000);
    expect((await aa.run('pull')).exitCode).toBe(1);
    expect(await aa.countKeys()).toBe(2_000);
    clock.advance(86_400_000);
    expect((await aa.run('pull')).exitCode).toBe(0);
    expect(await aa.countKeys()).toBe(2_500);
  });
});

describe('federation drain', () => {
  it('exchanges what there is in both directions, and pauses', async () => {
    await using pair = await openPair();
    const { aa, bb } = pair;
    await aa.addKeys(1_200, { firstByte: 1 });
    await bb.addKeys(1_100, { firstByte: 2 });
    const { exitCode, stdout, stderr } = await aa.run('drain', 'bb');
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toContain('bb is drained and paused\n');
    expect([await aa.countKeys(), await bb.countKeys()]).toEqual([2_300, 2_300]);
    expect(await partner(aa, 'status')).toMatchObject({
      pausedAt: now.toISOString(),
      push: { state: 'paused', lagKeys: 0 },
    });
  });

  it('does not pause a partner that it could not drain', async () => {
    await using pair = await openPair({ allowed: { serve: { regions: ['BB'] } } });
    const { aa } = pair;
    await aa.addKeys(1);
    const { exitCode, stdout, stderr } = await aa.run('drain', 'bb');
    expect({ exitCode, stderr }).toEqual({
      exitCode: 1,
      stderr: 'enmesh: bb could not be drained, and is not paused\n',
    });
    expect(stdout).toContain('push_not_accepted');
    expect(await partner(aa, 'status')).not.toHaveProperty('pausedAt');
  });
});

describe('federation check', () => {
  it('tells who answered, and what it allows', async () => {
    await using pair = await openPair();
    const { exitCode, stdout } = await pair.aa.run('check', 'bb');
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^bb answers in \d+ ms, protocol v1; its server proved who it is$/m);
    expect(stdout).toContain('it lets us read BB\nit takes from us AA\n');
    expect(await pair.aa.json('check', 'bb')).toEqual({
      isServerVerified: true,
      version: 'v1',
      grants: { offeredRegions: ['BB'], acceptedRegions: ['AA'] },
      roundTripMs: expect.any(Number) as number,
    });
  });

  it('tries a partner of the deployed protocol with a Fetch that gives no key', async () => {
    const rules = { pull: { regions: ['BB'], protocol: 'fetch' }, requireServerIdentity: false };
    await using pair = await openPair({ rules });
    await pair.bb.addKeys(1);
    expect(await pair.aa.json('check', 'bb')).toMatchObject({ isServerVerified: false, version: 'fetch' });
    expect(await pair.aa.countKeys()).toBe(0);
  });

  it('fails with the reason where the server proves to be somebody else', async () => {
    await using pair = await openPair();
    const { aa, bb } = pair;
    const other = { identity: { issuer: aa.issuer, subject: 'other', audience: 'https://partners.example' } };
    await aa.start([bb.asPartner({ ...pullsAndPushes, ...other })]);
    const { exitCode, stderr } = await aa.run('check', 'bb');
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^enmesh: bb: .* does not prove to be the partner: .* \(server_identity\)$/m);
    expect(stderr).toContain('compare `identity`');
  });
});

describe('federation quarantine', () => {
  it('lists refused keys without their bytes, and takes in those that are acceptable by now', async () => {
    await using pair = await openPair();
    const { aa, bb, clock } = pair;
    await bb.addKeys(2);
    await bb.database.query('update exposures set interval_start = interval_start + 400');
    await aa.run('pull');
    expect(await aa.countKeys()).toBe(0);
    const { stdout } = await aa.run('quarantine', 'bb');
    expect(stdout).toMatch(/^ID +REFUSED +WAY +REASON +EVENT +INTERVAL +COUNT +REGIONS$/m);
    expect(stdout).toMatch(/^ *\d+ +2026-03-20T10:20:00Z +pull +in_future +published +\d+ +144 +BB$/m);
    expect((await aa.run('status')).stdout).toContain('bb: 2 keys in quarantine: in_future\n');
    const { keys } = (await aa.json('quarantine', 'bb', '--reason', 'in_future', '--limit', '1')) as { keys: object[] };
    expect(keys).toHaveLength(1);
    expect(keys[0]).not.toHaveProperty('key');
    expect((await aa.run('quarantine', 'bb', '--reason', 'loop')).stdout).toBe('nothing is in quarantine\n');
    const unknown = await aa.run('quarantine', 'bb', '--reason', 'bad');
    expect(unknown).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('in_future') as string });

    using stack = new DisposableStack();
    const { client, close } = createGrpcClient(PartnerServiceDefinition, aa.target, {});
    stack.defer(close);
    const refused = { kind: 'invalid', code: 'unknown_reason' };
    await expect(client.listQuarantine({ name: 'bb', reason: 'bad' })).rejects.toMatchObject(refused);
    await expect(client.replayQuarantine({ name: 'bb', reason: 'bad' })).rejects.toMatchObject(refused);

    const replay = async () => (await aa.run('quarantine', 'bb', '--replay')).stdout;
    expect(await replay()).toBe('0 keys left the quarantine, 2 are still refused\n');
    clock.advance(2 * 86_400_000);
    expect(await aa.json('quarantine', 'bb', '--replay', '--reason', 'loop')).toEqual({
      acceptedKeys: 0,
      refusedKeys: 0,
    });
    expect(await replay()).toBe('2 keys left the quarantine, 0 are still refused\n');
    expect(await aa.countKeys()).toBe(2);
  });
});
