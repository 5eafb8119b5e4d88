/** Keys of partners, judged and stored in a real database. */
import { describe, expect, it } from 'vitest';
import type { SentKey } from '../../../src/domain/federation/sent-key.ts';
import type { IntakeDirection } from '../../../src/storage/partners/partner-quarantine.ts';
import { authorityOf, currentInterval, now, openIntake, self, sentKey } from './intake.ts';

const revision = (number: number, change: Partial<SentKey> = {}) =>
  sentKey(number, { event: 'revised', reportType: 'confirmed', ...change });
const withdrawal = (number: number) => sentKey(number, { event: 'withdrawn', reportType: 'negative' });

describe('a batch', () => {
  it('is stored in the present window, with all that it says and the way that it came', async () => {
    await using intake = await openIntake();
    const bb = await intake.addPartner('bb', { pull: { regions: ['BB', 'CC'] } });
    const full = sentKey(2, {
      reportType: 'user-report',
      transmissionRisk: 8,
      daysSinceOnset: -14,
      traveler: true,
      regions: ['DD', 'CC', 'BB'],
      path: [authorityOf('zz'), 'https://id.quoted.example#a"b\\c,{d}'],
    });
    const bare = sentKey(1, { reportType: 'none', transmissionRisk: 0, daysSinceOnset: null });
    expect(await intake.take(bb, [full, bare])).toEqual(['stored', 'stored']);
    const common = {
      created_at: new Date('2026-03-15T13:00:00Z'),
      interval_start: currentInterval - 400,
      interval_count: 144,
      partner_id: bb.id,
      import_id: null,
      app_id: null,
      health_authority_id: null,
      adopted: false,
      revised_at: null,
      withdrawn_at: null,
    };
    expect(await intake.stored()).toMatchObject([
      {
        ...common,
        key: bare.key,
        report_type: 0,
        transmission_risk: 0,
        days_since_onset: null,
        traveler: false,
        regions: ['BB'],
        provenance: [authorityOf('bb')],
      },
      {
        ...common,
        key: full.key,
        report_type: 3,
        transmission_risk: 8,
        days_since_onset: -14,
        traveler: true,
        regions: ['BB', 'CC'],
        provenance: [...full.path, authorityOf('bb')],
      },
    ]);
  });

  it('holds a key back that is still valid', async () => {
    await using intake = await openIntake();
    const bb = await intake.addPartner('bb');
    await intake.take(bb, [sentKey(1, { intervalStart: currentInterval - 10 })]);
    expect((await intake.stored())[0]?.created_at).toEqual(new Date('2026-03-16T13:00:00Z'));
  });

  it('may have any number of keys in any order; each is told what became of it', async () => {
    await using intake = await openIntake();
    const bb = await intake.addPartner('bb');
    const numbers = Array.from({ length: 1_000 }, (_, index) => (index * 7_919) % 1_000);
    expect(
      await intake.take(
        bb,
        numbers.map((number) => sentKey(number)),
      ),
    ).toEqual(numbers.map(() => 'stored'));
    const again = [1_000, 5, 1_001, 6].map((number) => sentKey(number));
    expect(await intake.take(bb, again)).toEqual(['stored', 'known', 'stored', 'known']);
    expect(await intake.stored()).toHaveLength(1_002);
  });

  it('may be empty', async () => {
    await using intake = await openIntake();
    expect(await intake.take(await intake.addPartner('bb'), [])).toEqual([]);
  });

  it('may hold a key twice: the first counts', async () => {
    await using intake = await openIntake();
    const bb = await intake.addPartner('bb');
    const batch = [sentKey(1), sentKey(1, { transmissionRisk: 7, reportType: 'confirmed' }), sentKey(2)];
    expect(await intake.take(bb, batch)).toEqual(['stored', 'known', 'stored']);
    expect(await intake.stored()).toMatchObject([{ report_type: 2, transmission_risk: 3 }, { key: sentKey(2).key }]);
  });

  it('may publish, revise and withdraw one key: all of it counts, in whatever order', async () => {
    await using intake = await openIntake();
    const bb = await intake.addPartner('bb');
    expect(await intake.take(bb, [revision(1), sentKey(1), sentKey(2), revision(2), withdrawal(2)])).toEqual([
      'changed',
      'stored',
      'stored',
      'changed',
      'changed',
    ]);
    const window = new Date('2026-03-15T13:00:00Z');
    expect(await intake.stored()).toMatchObject([{ revised_report_type: 1, created_at: window, revised_at: window }]);
    expect(await intake.take(bb, [sentKey(2)])).toEqual(['withdrawn']);
  });
});

describe('Federation decision 4: a bad key', () => {
  it('is refused by itself, with its reason in quarantine, and the good ones are stored', async () => {
    await using intake = await openIntake();
    const bb = await intake.addPartner('bb', { pull: { regions: [], excludeRegions: ['XX'] } });
    const poisoned = [
      sentKey(1, { key: Buffer.alloc(15) }),
      sentKey(2, { intervalCount: 145 }),
      sentKey(3),
      sentKey(4, { regions: ['BB', 'XX'] }),
      sentKey(5, { path: [self] }),
      sentKey(6, { reportType: null }),
      sentKey(7, { event: null }),
      sentKey(8, { transmissionRisk: 2_147_483_647, intervalStart: -2_147_483_648, daysSinceOnset: -2_147_483_648 }),
      sentKey(9, { reportType: 'negative' }),
      sentKey(10, { key: Buffer.alloc(0) }),
      sentKey(11, { key: Buffer.alloc(100_000) }),
      sentKey(12),
      revision(13),
    ];
    const refusals = [
      'key_length',
      'rolling_period',
      'stored',
      'region',
      'loop',
      'report_type',
      'event',
      'transmission_risk',
      'report_type',
      'key_length',
      'key_length',
      'stored',
      'unknown_key',
    ];
    expect(await intake.take(bb, poisoned)).toEqual(refusals);
    expect((await intake.stored()).map(({ key }) => key)).toEqual([sentKey(3).key, sentKey(12).key]);
    expect(await intake.quarantine(bb)).toEqual({
      event: 1,
      key_length: 3,
      loop: 1,
      region: 1,
      report_type: 2,
      rolling_period: 1,
      transmission_risk: 1,
      unknown_key: 1,
    });
  });

  it('changes nothing of a key that is here', async () => {
    await using intake = await openIntake();
    const [bb, cc] = [await intake.addPartner('bb'), await intake.addPartner('cc')];
    await intake.take(bb, [sentKey(1)]);
    const before = await intake.stored();
    expect(await intake.take(cc, [sentKey(1, { reportType: 'confirmed', transmissionRisk: 8 })])).toEqual(['known']);
    expect(await intake.stored()).toEqual(before);
    expect(await intake.quarantine(cc)).toEqual({});
  });
});

describe('Federation decision 5: a revision', () => {
  it('is made once, where it comes from whom the key came from, and reaches everybody who got the key', async () => {
    await using intake = await openIntake();
    const bb = await intake.addPartner('bb', { pull: { regions: ['BB', 'CC', 'DD'] } });
    await intake.take(bb, [sentKey(1, { regions: ['DD', 'BB'], traveler: true })]);
    await intake.nextWindow();
    const sent = { regions: ['CC', 'BB', 'EE'], transmissionRisk: 5, daysSinceOnset: -3 };
    expect(await intake.take(bb, [revision(1, sent)])).toEqual(['changed']);
    const expected = {
      report_type: 2,
      transmission_risk: 3,
      days_since_onset: 2,
      regions: ['BB', 'DD'],
      created_at: new Date('2026-03-15T13:00:00Z'),
      revised_at: new Date('2026-03-15T14:00:00Z'),
      revised_report_type: 1,
      revised_transmission_risk: 5,
      revised_days_since_onset: -3,
      revised_regions: ['BB', 'CC', 'DD'],
      revised_traveler: true,
    };
    expect(await intake.stored()).toMatchObject([expected]);
    expect(await intake.take(bb, [revision(1, { ...sent, daysSinceOnset: 1 })])).toEqual(['known']);
    expect(await intake.take(bb, [revision(1, { reportType: 'negative' })])).toEqual(['revision']);
    expect(await intake.stored()).toMatchObject([expected]);
  });

  it('is refused where the key came from another partner, an import or a phone', async () => {
    await using intake = await openIntake();
    const [bb, cc] = [await intake.addPartner('bb'), await intake.addPartner('cc')];
    await intake.take(bb, [sentKey(1)]);
    await intake.database.query(
      `insert into exposures (key, created_at, interval_start, interval_count, transmission_risk, report_type, traveler,
                              regions, import_id, provenance)
       values ($1, $3, $4, 144, 3, 2, false, '{BB}', 1, '{import:zz}'), ($2, $3, $4, 144, 3, 2, false, '{BB}', null, null)`,
      [sentKey(2).key, sentKey(3).key, now, currentInterval - 400],
    );
    const before = await intake.stored();
    const changes = [1, 2, 3].flatMap((number) => [revision(number), withdrawal(number)]);
    expect(await intake.take(cc, changes)).toEqual(changes.map(() => 'not_from_sender'));
    expect(await intake.stored()).toEqual(before);
    expect(await intake.take(bb, [revision(1)])).toEqual(['changed']);
  });

  it('of a key with another place in time is refused', async () => {
    await using intake = await openIntake();
    const bb = await intake.addPartner('bb');
    await intake.take(bb, [sentKey(1)]);
    const other = revision(1, { intervalStart: currentInterval - 399 });
    expect(await intake.take(bb, [other])).toEqual(['interval_mismatch']);
  });

  it('of a key that is held back goes out when the key does, not before', async () => {
    await using intake = await openIntake();
    const bb = await intake.addPartner('bb');
    const valid = { intervalStart: currentInterval - 10 };
    await intake.take(bb, [sentKey(1, valid), revision(1, valid)]);
    const [row] = await intake.stored();
    expect(row?.revised_at).toEqual(new Date('2026-03-16T13:00:00Z'));
  });

  it('that comes before its key waits for it, and for nobody else who brings it', async () => {
    await using intake = await openIntake();
    const [bb, cc] = [await intake.addPartner('bb'), await intake.addPartner('cc')];
    expect(await intake.take(bb, [revision(1), revision(2)])).toEqual(['unknown_key', 'unknown_key']);
    expect(await intake.take(cc, [sentKey(2), sentKey(3)])).toEqual(['stored', 'stored']);
    expect(await intake.take(bb, [sentKey(1), sentKey(2)])).toEqual(['stored', 'known']);
    expect((await intake.stored()).map((row) => row.revised_report_type)).toEqual([1, null, null]);
    expect(await intake.quarantine(bb)).toEqual({ unknown_key: 1 });
  });

  it('and a withdrawal that come before their key are both made', async () => {
    await using intake = await openIntake();
    const bb = await intake.addPartner('bb');
    await intake.take(bb, [withdrawal(1), revision(1)]);
    expect(await intake.take(bb, [sentKey(1)])).toEqual(['stored']);
    expect(await intake.stored()).toEqual([]);
    expect(await intake.quarantine(bb)).toEqual({});
    expect(await intake.take(bb, [sentKey(1)])).toEqual(['withdrawn']);
  });
});

describe('Federation decision 8: a withdrawal', () => {
  it('takes a key back that nobody has got yet: it is gone, and never comes again from anybody', async () => {
    await using intake = await openIntake();
    const [bb, cc] = [await intake.addPartner('bb'), await intake.addPartner('cc')];
    await intake.take(bb, [sentKey(1), sentKey(2)]);
    expect(await intake.take(bb, [withdrawal(1)])).toEqual(['changed']);
    expect((await intake.stored()).map(({ key }) => key)).toEqual([sentKey(2).key]);
    expect(await intake.take(bb, [sentKey(1), sentKey(3)])).toEqual(['withdrawn', 'stored']);
    expect(await intake.take(cc, [sentKey(1)])).toEqual(['withdrawn']);
    expect(await intake.take(bb, [revision(1), withdrawal(1)])).toEqual(['withdrawn', 'known']);
    expect(await intake.stored()).toHaveLength(2);
    expect(await intake.quarantine(bb)).toEqual({});
  });

  it('of a published key lets it go out once more, and is never undone', async () => {
    await using intake = await openIntake();
    const bb = await intake.addPartner('bb');
    await intake.take(bb, [sentKey(1)]);
    await intake.nextWindow();
    expect(await intake.take(bb, [withdrawal(1)])).toEqual(['changed']);
    expect(await intake.stored()).toMatchObject([{ withdrawn_at: new Date('2026-03-15T14:00:00Z'), revised_at: null }]);
    expect(await intake.take(bb, [sentKey(1), revision(1), withdrawal(1)])).toEqual([
      'withdrawn',
      'withdrawn',
      'known',
    ]);
    expect(await intake.stored()).toMatchObject([{ withdrawn_at: new Date('2026-03-15T14:00:00Z'), revised_at: null }]);
  });
});

it.each<IntakeDirection>(['pull', 'push'])('a %s is held to its own rule', async (direction) => {
  await using intake = await openIntake();
  const bb = await intake.addPartner('bb', { pull: { regions: ['BB'] }, accept: { regions: ['CC'] } });
  const verdicts = { pull: ['stored', 'region'], push: ['region', 'stored'] };
  expect(await intake.take(bb, [sentKey(1), sentKey(2, { regions: ['CC'] })], direction)).toEqual(verdicts[direction]);
});

it('a partner that has sent as many keys as it may is refused, and nothing of its batch is stored', async () => {
  await using intake = await openIntake({ maxKeysPerDay: 2 });
  const [bb, cc] = [await intake.addPartner('bb'), await intake.addPartner('cc')];
  await intake.take(bb, [sentKey(1), sentKey(2, { regions: [] })]);
  await expect(intake.take(bb, [sentKey(3), sentKey(4, { regions: [] })])).rejects.toMatchObject({
    kind: 'exhausted',
    code: 'quota_exceeded',
  });
  expect(await intake.stored()).toHaveLength(1);
  expect(await intake.quarantine(bb)).toEqual({ region: 1 });
  expect(await intake.take(cc, [sentKey(3)])).toEqual(['stored']);
  intake.clock.advance(24 * 3_600_000);
  expect(await intake.take(bb, [sentKey(4)])).toEqual(['stored']);
});
