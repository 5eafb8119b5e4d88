/** Many write the same keys at once: none waits for another in a circle, and of a cut connection nothing remains. */
import { describe, expect, it } from 'vitest';
import type { SentKey } from '../../../src/domain/federation/sent-key.ts';
import type { IntakeDeps } from '../../../src/federation/intake/settings.ts';
import { createLogger } from '../../../src/platform/logger.ts';
import { makePublisher, type Publisher } from '../../server/publish/publisher.ts';
import type { PhoneKey } from '../../support/phone.ts';
import { addPartner, intakeSettings, openIntake, self, sentKey, takeBatch, type Intake } from './intake.ts';

function intakeOf({ database, clock, metrics }: Publisher): IntakeDeps {
  const logger = createLogger({ level: 'silent', pretty: false });
  return { database, clock, metrics, logger, settings: intakeSettings, self };
}

function asSent({ key, rollingStartNumber, rollingPeriod }: PhoneKey): SentKey {
  const place = { intervalStart: rollingStartNumber, intervalCount: rollingPeriod };
  return sentKey(0, { key: Buffer.from(key, 'base64'), ...place });
}

/** In an order that differs from number to number. */
function shuffled<T>(values: readonly T[], number: number): T[] {
  const place = (index: number) => ((index + 1) * (2 * number + 7) * 7_919) % 10_007;
  return values
    .map((value, index) => [place(index), value] as const)
    .sort(([a], [b]) => a - b)
    .map(([, value]) => value);
}

describe('two partners and a phone with the same keys at once', () => {
  it('each key is stored once, by one of them', async () => {
    await using publisher = await makePublisher();
    const deps = intakeOf(publisher);
    const [bb, cc] = [await addPartner(publisher.database, 'bb'), await addPartner(publisher.database, 'cc')];
    for (let round = 0; round < 5; round++) {
      const body = publisher.body();
      const keys = body.temporaryExposureKeys.map(asSent);
      const [published, ...verdicts] = await Promise.all([
        publisher.publish(body).then(
          ({ inserted }) => inserted,
          () => 0,
        ),
        takeBatch(deps, { partner: bb, keys: shuffled(keys, round), direction: 'pull' }),
        takeBatch(deps, { partner: cc, keys: shuffled(keys, round + 50), direction: 'push' }),
        takeBatch(deps, { partner: cc, keys: shuffled(keys.slice(3, 9), round + 9), direction: 'pull' }),
      ]);
      const told = verdicts.flat();
      const stored = told.filter((verdict) => verdict === 'stored').length;
      expect(stored + published).toBe(keys.length);
      expect(told.filter((verdict) => verdict !== 'stored' && verdict !== 'known')).toEqual([]);
    }
  });
});

describe('a batch that changes one key and publishes another', () => {
  it('takes both in key order: it holds no later key while it waits for an earlier one', async () => {
    await using intake = await openIntake();
    const bb = await intake.addPartner('bb');
    await intake.take(bb, [sentKey(1)]);
    await intake.database.transaction(async (publish) => {
      await publish.query('select from exposures where key = $1 for update', [sentKey(1).key]);
      const taken = intake.take(bb, [sentKey(2), sentKey(1, { event: 'revised', reportType: 'confirmed' })]);
      await somebodyWaits(intake);
      // Would wait for the batch, and the batch for it.
      await publish.query(
        `insert into exposures (key, created_at, interval_start, interval_count, transmission_risk, report_type, traveler,
                                regions)
         select $1, created_at, interval_start, interval_count, 8, report_type, traveler, regions from exposures limit 1`,
        [sentKey(2).key],
      );
      await publish.query('commit');
      expect(await taken).toEqual(['known', 'changed']);
    });
    expect(await intake.stored()).toMatchObject([{ revised_report_type: 1 }, { transmission_risk: 8 }]);
  });
});

/** Until a transaction waits for another one. */
async function somebodyWaits({ database }: Intake): Promise<void> {
  for (;;) {
    const { rows } = await database.query(`select from pg_locks where locktype = 'transactionid' and not granted`);
    if (rows.length > 0) return;
  }
}

/** The connection that gets so far is cut, by the database itself. */
const cuts: readonly (readonly [string, string])[] = [
  ['while keys are stored', 'create trigger cut after insert on exposures for each row execute function cut()'],
  ['while refused keys are kept', 'create trigger cut after insert on partner_quarantine execute function cut()'],
  [
    'at the commit',
    `create constraint trigger cut after insert on exposures deferrable initially deferred
       for each row execute function cut()`,
  ],
];

describe('Federation decision 6: a connection that is cut', () => {
  it.each(cuts)('%s leaves nothing, and the batch can come again', async (_when, trigger) => {
    await using intake = await openIntake();
    const bb = await intake.addPartner('bb');
    await intake.take(bb, [sentKey(1, { event: 'revised', reportType: 'confirmed' })]);
    await intake.database.query(`
      create function cut() returns trigger language plpgsql as $$
      begin
        perform pg_terminate_backend(pg_backend_pid());
        return new;
      end $$;
      ${trigger}`);
    const keys = [sentKey(1), sentKey(2), sentKey(3, { regions: [] })];
    await expect(intake.take(bb, keys)).rejects.toMatchObject({ kind: 'unavailable' });
    expect(await intake.stored()).toEqual([]);
    expect(await intake.quarantine(bb)).toEqual({ unknown_key: 1 });
    await intake.database.query('drop function cut() cascade');
    expect(await intake.take(bb, keys)).toEqual(['stored', 'stored', 'region']);
    expect((await intake.stored()).map((row) => row.revised_report_type)).toEqual([1, null]);
    expect(await intake.quarantine(bb)).toEqual({ region: 1 });
  });
});
