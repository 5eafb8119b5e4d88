/** What is kept of refused keys, for how long, and how they get out. */
import { describe, expect, it } from 'vitest';
import type { AuthorityId } from '../../../src/domain/federation/authority-id.ts';
import { deletePartnerQuarantine, deletePushedBatches } from '../../../src/storage/cleanup.ts';
import { listQuarantine } from '../../../src/storage/partners/partner-quarantine.ts';
import { authorityOf, currentInterval, now, openIntake, self, sentKey, type Intake } from './intake.ts';

async function rows({ database }: Intake) {
  return (await database.query<Record<string, unknown>>('select * from partner_quarantine order by id')).rows;
}

describe('Federation decision 4: a refused key', () => {
  it('stands in quarantine as it was sent', async () => {
    await using intake = await openIntake();
    const bb = await intake.addPartner('bb');
    const path = [authorityOf('cc'), 'https://id.quoted.example#a"b\\c' as AuthorityId];
    await intake.take(
      bb,
      [sentKey(1, { intervalCount: 145, daysSinceOnset: 99, regions: ['bb', 'DD'], path })],
      'push',
    );
    expect(await rows(intake)).toMatchObject([
      {
        partner_id: bb.id,
        direction: 'push',
        refused_at: now,
        reason: 'rolling_period',
        event: 'published',
        key: sentKey(1).key,
        interval_start: currentInterval - 400,
        interval_count: 145,
        transmission_risk: 3,
        report_type: 2,
        days_since_onset: 99,
        traveler: false,
        regions: ['BB', 'DD'],
        path,
      },
    ]);
  });

  it('is shown without its bytes, the oldest first', async () => {
    await using intake = await openIntake();
    const bb = await intake.addPartner('bb');
    await intake.take(bb, [sentKey(1, { regions: ['DD'] }), sentKey(2, { event: null })]);
    intake.clock.advance(1_000);
    await intake.take(bb, [sentKey(1, { regions: ['DD'] })]);
    const list = await listQuarantine(intake.database, { partnerId: bb.id, reason: null, limit: 10 });
    expect(list).toEqual([
      {
        id: expect.any(String) as string,
        direction: 'pull',
        refusedAt: now,
        reason: 'event',
        event: null,
        intervalStart: currentInterval - 400,
        intervalCount: 144,
        regions: ['BB'],
      },
      {
        id: expect.any(String) as string,
        direction: 'pull',
        refusedAt: new Date(now.getTime() + 1_000),
        reason: 'region',
        event: 'published',
        intervalStart: currentInterval - 400,
        intervalCount: 144,
        regions: ['DD'],
      },
    ]);
    const regions = await listQuarantine(intake.database, { partnerId: bb.id, reason: 'region', limit: 10 });
    expect(regions.map(({ reason }) => reason)).toEqual(['region']);
    expect(await listQuarantine(intake.database, { partnerId: bb.id, reason: null, limit: 1 })).toHaveLength(1);
  });

  it('is taken in when it is judged again under a rule that allows it, each by the rule of its way', async () => {
    await using intake = await openIntake();
    const bb = await intake.addPartner('bb', { pull: { regions: ['BB'] }, accept: { regions: ['BB'] } });
    await intake.take(bb, [sentKey(1, { regions: ['CC'] }), sentKey(3, { path: [self] })]);
    await intake.take(bb, [sentKey(2, { regions: ['CC'] })], 'push');
    expect(await intake.replay(bb)).toEqual({ accepted: 0, refused: 3 });
    await intake.database.query(`update partners set accept = '{"regions": ["CC"]}'`);
    expect(await intake.replay(bb)).toEqual({ accepted: 1, refused: 2 });
    expect(await intake.stored()).toMatchObject([
      { key: sentKey(2).key, regions: ['CC'], provenance: [authorityOf('bb')] },
    ]);
    expect(await intake.quarantine(bb)).toEqual({ loop: 1, region: 1 });
  });

  it('is told why it is refused now', async () => {
    await using intake = await openIntake();
    const bb = await intake.addPartner('bb');
    await intake.take(bb, [sentKey(1, { regions: ['CC'] })]);
    intake.clock.advance(30 * 24 * 3_600_000);
    expect(await intake.replay(bb)).toEqual({ accepted: 0, refused: 1 });
    expect(await intake.quarantine(bb)).toEqual({ too_old: 1 });
  });

  it('may be judged again by its reason alone', async () => {
    await using intake = await openIntake();
    const bb = await intake.addPartner('bb');
    const soon = { intervalStart: currentInterval + 1, intervalCount: 1 };
    await intake.take(bb, [sentKey(1, { regions: ['CC'] }), sentKey(2, soon)]);
    intake.clock.advance(600_000);
    expect(await intake.replay(bb, 'region')).toEqual({ accepted: 0, refused: 1 });
    expect(await intake.replay(bb, 'in_future')).toEqual({ accepted: 1, refused: 0 });
    expect(await intake.quarantine(bb)).toEqual({ region: 1 });
  });

  it('and its changes are taken in together, in more than one transaction where they are many', async () => {
    await using intake = await openIntake({ maxQuarantine: 10_000 });
    const bb = await intake.addPartner('bb');
    const numbers = Array.from({ length: 1_001 }, (_, index) => index);
    const elsewhere = { regions: ['CC'] };
    const revised = { ...elsewhere, event: 'revised', reportType: 'confirmed' } as const;
    for (const part of [numbers.slice(0, 1_000), numbers.slice(1_000)]) {
      await intake.take(
        bb,
        part.map((number) => sentKey(number, revised)),
      );
      await intake.take(
        bb,
        part.map((number) => sentKey(number, elsewhere)),
      );
    }
    await intake.database.query(`update partners set pull = pull || '{"regions": ["CC"]}'`);
    expect(await intake.replay(bb)).toEqual({ accepted: 2_002, refused: 0 });
    const stored = await intake.stored();
    expect(stored).toHaveLength(1_001);
    expect(stored.every((row) => row.revised_report_type === 1)).toBe(true);
    expect(await intake.quarantine(bb)).toEqual({});
  });

  it('leaves the quarantine without being taken in once it is withdrawn', async () => {
    await using intake = await openIntake();
    const [bb, cc] = [await intake.addPartner('bb'), await intake.addPartner('cc')];
    await intake.take(bb, [sentKey(1, { regions: ['CC'] })]);
    await intake.take(cc, [sentKey(1), sentKey(1, { event: 'withdrawn' })]);
    await intake.database.query(`update partners set pull = pull || '{"regions": ["CC"]}'`);
    expect(await intake.replay(bb)).toEqual({ accepted: 0, refused: 1 });
    expect(await rows(intake)).toEqual([]);
    expect(await intake.stored()).toEqual([]);
  });
});

describe('a partner that sends nothing but bad keys', () => {
  it('fills its quarantine up to the limit and no further, and keeps no other from its own', async () => {
    await using intake = await openIntake({ maxQuarantine: 3 });
    const [bb, cc] = [await intake.addPartner('bb'), await intake.addPartner('cc')];
    const bad = [1, 2, 3, 4, 5].map((number) => sentKey(number, { regions: [] }));
    expect(await intake.take(bb, bad.slice(0, 2))).toEqual(['region', 'region']);
    expect(await intake.take(bb, bad.slice(2))).toEqual(['region', 'region', 'region']);
    expect(await intake.take(cc, bad.slice(0, 1))).toEqual(['region']);
    expect(await intake.quarantine(bb)).toEqual({ region: 3 });
    expect(await intake.quarantine(cc)).toEqual({ region: 1 });
  });

  it('leaves no more than some kilobytes of each, whatever their size', async () => {
    await using intake = await openIntake();
    const bb = await intake.addPartner('bb');
    const regions = Array.from({ length: 10_000 }, (_, index) => `R${String(index)}`);
    const path = Array.from({ length: 1_000 }, (_, index) => `https://${String(index)}.example#s\0` as AuthorityId);
    await intake.take(bb, [sentKey(1, { key: Buffer.alloc(1_000_000), regions, path })]);
    const [row] = await rows(intake);
    expect(row?.['key']).toEqual(Buffer.alloc(64));
    expect((row?.['regions'] as string[]).join('').length).toBeLessThanOrEqual(2_048);
    expect((row?.['regions'] as string[]).at(-1)).toMatch(/^R\d+$/);
    expect(row?.['path']).toEqual(['…']);
  });

  it.each<[string, readonly AuthorityId[]]>([
    ['is too long', Array.from({ length: 30 }, () => `https://${'x'.repeat(200)}.example#s` as const)],
    ['has what no row can hold', ['https://id.example#\0']],
  ])('does not get a key in by judging it again whose path %s', async (_what, path) => {
    await using intake = await openIntake();
    const bb = await intake.addPartner('bb');
    expect(await intake.take(bb, [sentKey(1, { path })])).toEqual(['loop']);
    expect(await intake.replay(bb)).toEqual({ accepted: 0, refused: 1 });
    expect(await intake.quarantine(bb)).toEqual({ loop: 1 });
  });
});

it('what nobody knows the event or the report type of stays so when it is judged again', async () => {
  await using intake = await openIntake();
  const bb = await intake.addPartner('bb');
  await intake.take(bb, [sentKey(1, { reportType: null }), sentKey(2, { event: null })]);
  expect(await intake.replay(bb)).toEqual({ accepted: 0, refused: 1 });
  expect(await intake.quarantine(bb)).toEqual({ event: 1, report_type: 1 });
});

it('what is kept of a partner goes when it is older than the retention, and not a second earlier', async () => {
  await using intake = await openIntake();
  const bb = await intake.addPartner('bb');
  await intake.take(bb, [sentKey(1, { regions: [] })]);
  await intake.database.query(
    `insert into pushed_batches (partner_id, id, content_hash, verdicts, received_at) values ($1, $2, '', '', $3)`,
    [bb.id, Buffer.alloc(16), now],
  );
  const { signal } = new AbortController();
  for (const [before, gone] of [
    [now, 0],
    [new Date(now.getTime() + 1_000), 1],
  ] as const) {
    const limits = { before, chunkRows: 10, signal };
    expect(await deletePartnerQuarantine(intake.database, limits)).toBe(gone);
    expect(await deletePushedBatches(intake.database, limits)).toBe(gone);
  }
});
