/** A withdrawal between two authorities: it follows the keys, and what a partner brought can be taken back whole. */
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../../src/platform/clock.ts';
import { withdraw } from '../../../src/server/operations/withdraw.ts';
import { insertAuthority } from '../../support/authority.ts';
import { countTombstones, withdrawalOf, withdrawDeps, withdrawSampleApp } from '../../support/withdrawal.ts';
import { openNeighbour, type Neighbour } from './neighbour.ts';

const hour = 3_600_000;
const never = new AbortController().signal;

async function withdrawnKeys({ database }: Neighbour): Promise<number> {
  const { rows } = await database.query<{ n: number }>(
    'select count(*)::integer as n from exposures where withdrawn_at is not null',
  );
  return rows[0]!.n;
}

interface Pair extends AsyncDisposable {
  readonly clock: ManualClock;
  /** Pulls. */
  readonly aa: Neighbour;
  /** Its keys are those of the sample app. */
  readonly bb: Neighbour;
}

/** `aa` has pulled three keys of `bb`. */
async function openPair(): Promise<Pair> {
  const clock = new ManualClock(new Date('2026-03-20T10:20:00Z'));
  await using closing = new AsyncDisposableStack();
  const [aa, bb] = await Promise.all([openNeighbour('aa', clock), openNeighbour('bb', clock)]);
  closing.use(aa);
  closing.use(bb);
  await aa.start([bb.asPartner({ pull: { regions: ['BB'] } })]);
  await bb.start([aa.asPartner({ serve: { regions: ['BB'] } })]);
  const { appRowId } = await insertAuthority(bb.database);
  await bb.addKeys(3);
  await bb.database.query('update exposures set app_id = $1', [appRowId]);
  expect(await aa.run('pull')).toMatchObject({ exitCode: 0 });
  expect(await aa.countKeys()).toBe(3);
  const kept = closing.move();
  return { clock, aa, bb, [Symbol.asyncDispose]: async () => await kept.disposeAsync() };
}

describe('Federation decision 8: a withdrawal', () => {
  it('reaches the partners that have the keys as soon as its window is closed', async () => {
    await using pair = await openPair();
    const { aa, bb, clock } = pair;
    clock.advance(hour);
    expect(await withdrawSampleApp({ ...bb, clock })).toMatchObject({ withdrawn: 3, deleted: 0 });
    await aa.run('pull');
    expect(await withdrawnKeys(aa)).toBe(0);
    clock.advance(hour);
    await aa.run('pull');
    expect([await withdrawnKeys(aa), await aa.countKeys()]).toEqual([3, 3]);
  });

  it('of all that a partner brought keeps it away, however often it is pulled again', async () => {
    await using pair = await openPair();
    const { aa, bb, clock } = pair;
    await bb.addKeys(2, { firstByte: 2 });
    await bb.database.query(
      `update exposures set created_at = created_at + interval '1 hour' where get_byte(key, 0) = 2`,
    );
    clock.advance(hour);
    await aa.run('pull');
    const request = withdrawalOf({ scope: 'partner', name: 'bb' });
    expect(await withdraw(withdrawDeps({ ...aa, clock }), request, never)).toMatchObject({ withdrawn: 3, deleted: 2 });
    await aa.database.query('update partner_exchanges set cursor = null');
    expect(await aa.run('pull')).toMatchObject({ exitCode: 0 });
    expect([await withdrawnKeys(aa), await aa.countKeys()]).toEqual([3, 3]);
    expect(await countTombstones(aa.database)).toBe(2);
  });
});
