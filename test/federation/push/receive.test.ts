/** What partners push, over real gRPC. */
import { describe, expect, it } from 'vitest';
import { verdictCodes } from '../../../src/domain/federation/verdict.ts';
import { Verdict, type PushRequest } from '../../../src/gen/enmesh/federation/v1/federation.ts';
import type { KnownPartner } from '../../../src/storage/partners/partners.ts';
import { sentKey } from '../intake/intake.ts';
import { openReceiver, pushRequest, type Receiver } from './receiver.ts';

const keys = (first: number, count: number) => Array.from({ length: count }, (_, index) => sentKey(first + index));

async function pushAll(receiver: Receiver, partner: KnownPartner, batches: readonly PushRequest[]) {
  return await Array.fromAsync(receiver.push(partner, batches));
}

async function recorded({ intake }: Receiver) {
  return (await intake.database.query('select from pushed_batches')).rows.length;
}

describe('a push', () => {
  it('answers each batch in turn with a verdict a key, all of them durable', async () => {
    await using receiver = await openReceiver();
    const bb = await receiver.addPartner('bb');
    const batches = [pushRequest(1, keys(0, 1_000)), pushRequest(2, [sentKey(5), sentKey(2_000, { regions: ['CC'] })])];
    const answers = [];
    for await (const answer of receiver.push(bb, batches)) {
      answers.push(answer);
      expect(await recorded(receiver)).toBeGreaterThanOrEqual(answers.length);
    }
    expect(answers).toEqual([
      { id: Buffer.alloc(16, 1), verdicts: keys(0, 1_000).map(() => Verdict.STORED), isRepeated: false },
      { id: Buffer.alloc(16, 2), verdicts: [Verdict.KNOWN, Verdict.REGION], isRepeated: false },
    ]);
    expect(await receiver.intake.stored()).toHaveLength(1_000);
    expect(await receiver.intake.quarantine(bb)).toEqual({ region: 1 });
    expect((await receiver.intake.database.query('select pushed_at from partners')).rows).toEqual([
      { pushed_at: receiver.intake.clock.now() },
    ]);
  });

  it.each([
    [16, true],
    [64, true],
    [15, false],
    [65, false],
    [0, false],
  ])('of a batch whose id has %i bytes is taken: %s', async (length, isTaken) => {
    await using receiver = await openReceiver();
    const bb = await receiver.addPartner('bb');
    const pushed = pushAll(receiver, bb, [{ ...pushRequest(1, keys(0, 1)), id: Buffer.alloc(length) }]);
    if (isTaken) expect(await pushed).toHaveLength(1);
    else await expect(pushed).rejects.toMatchObject({ kind: 'invalid', code: 'invalid_batch' });
    expect(await receiver.intake.stored()).toHaveLength(isTaken ? 1 : 0);
  });

  it.each<[string, PushRequest]>([
    ['has 1,001 keys', pushRequest(2, keys(0, 1_001))],
    ['has no keys', pushRequest(2, [])],
    ['is not there', { id: Buffer.alloc(16, 2), batch: undefined }],
    [
      'names an origin that is not there',
      { id: Buffer.alloc(16, 2), batch: { origins: [], keys: pushRequest(2, keys(0, 1)).batch!.keys } },
    ],
  ])('ends with a clear cause where a batch %s; those before it are stored, none after it', async (_what, bad) => {
    await using receiver = await openReceiver();
    const bb = await receiver.addPartner('bb');
    const batches = [pushRequest(1, keys(5_000, 1)), bad, pushRequest(3, keys(6_000, 1))];
    await expect(pushAll(receiver, bb, batches)).rejects.toMatchObject({ kind: 'invalid', code: 'invalid_batch' });
    expect((await receiver.intake.stored()).map(({ key }) => key)).toEqual([sentKey(5_000).key]);
  });

  it.each([null, { regions: [] }])('is refused where the partner may push nothing: %j', async (accept) => {
    await using receiver = await openReceiver();
    const bb = await receiver.addPartner('bb', { accept });
    const refusal = { kind: 'forbidden', code: 'push_not_accepted' };
    await expect(pushAll(receiver, bb, [pushRequest(1, keys(0, 1))])).rejects.toMatchObject(refusal);
    expect(await receiver.intake.stored()).toEqual([]);
  });

  it('is held to the grant as it is when the batch comes', async () => {
    await using receiver = await openReceiver();
    const bb = await receiver.addPartner('bb');
    const { database } = receiver.intake;
    const answered = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
    async function* batches() {
      yield pushRequest(1, keys(0, 1));
      await answered[0].promise;
      await database.query(`update partners set accept = '{"regions": ["CC"]}'`);
      yield pushRequest(2, keys(1, 1));
      await answered[1].promise;
      await database.query(`update partners set accept = null`);
      yield pushRequest(3, keys(2, 1));
    }
    const answers = receiver.push(bb, batches());
    expect((await answers.next()).value).toMatchObject({ verdicts: [Verdict.STORED] });
    answered[0].resolve();
    expect((await answers.next()).value).toMatchObject({ verdicts: [Verdict.REGION] });
    answered[1].resolve();
    await expect(answers.next()).rejects.toMatchObject({ code: 'push_not_accepted' });
  });

  it('of more keys than the partner may send on one day ends, and goes on the next day without loss', async () => {
    await using receiver = await openReceiver({ maxKeysPerDay: 2 });
    const bb = await receiver.addPartner('bb');
    const batches = [pushRequest(1, keys(0, 2)), pushRequest(2, keys(2, 2))];
    await expect(pushAll(receiver, bb, batches)).rejects.toMatchObject({ kind: 'exhausted', code: 'quota_exceeded' });
    expect(await receiver.intake.stored()).toHaveLength(2);
    expect(await recorded(receiver)).toBe(1);
    receiver.intake.clock.advance(24 * 3_600_000);
    expect((await pushAll(receiver, bb, batches)).map(({ isRepeated }) => isRepeated)).toEqual([true, false]);
    expect(await receiver.intake.stored()).toHaveLength(4);
  });

  it('on which nothing comes ends soon after the partner is paused', async () => {
    await using receiver = await openReceiver({ readmitEveryMs: 20 });
    const bb = await receiver.addPartner('bb');
    const never = Promise.withResolvers<void>();
    async function* batches() {
      yield pushRequest(1, keys(0, 1));
      await never.promise;
    }
    const answers = receiver.push(bb, batches());
    await answers.next();
    await receiver.intake.database.query('update partners set paused_at = now()');
    await expect(answers.next()).rejects.toMatchObject({ kind: 'forbidden', code: 'partner_paused' });
    never.resolve();
  });

  it('ends when the token has expired', async () => {
    await using receiver = await openReceiver();
    const bb = await receiver.addPartner('bb');
    const answered = Promise.withResolvers<void>();
    async function* batches() {
      yield pushRequest(1, keys(0, 1));
      await answered.promise;
      yield pushRequest(2, keys(1, 1));
    }
    const answers = receiver.push(bb, batches());
    await answers.next();
    // An hour, and the leeway for clocks.
    receiver.intake.clock.advance(3_660_000);
    answered.resolve();
    await expect(answers.next()).rejects.toMatchObject({ kind: 'unauthenticated', code: 'token_expired' });
    expect(await receiver.intake.stored()).toHaveLength(1);
  });
});

describe('Federation decision 6: a batch that comes again', () => {
  it('is answered as it was, and stores nothing, whatever has become of its keys', async () => {
    await using receiver = await openReceiver();
    const bb = await receiver.addPartner('bb');
    const batch = pushRequest(1, [...keys(0, 2), sentKey(9, { regions: [] })]);
    const [first] = await pushAll(receiver, bb, [batch]);
    await receiver.intake.database.query('delete from exposures');
    await receiver.intake.database.query(`update partners set accept = '{"regions": ["CC"]}'`);
    const [second, third] = await pushAll(receiver, bb, [batch, batch]);
    expect(first).toMatchObject({ verdicts: [Verdict.STORED, Verdict.STORED, Verdict.REGION], isRepeated: false });
    expect(second).toEqual({ ...first, isRepeated: true });
    expect(third).toEqual(second);
    expect(await receiver.intake.stored()).toEqual([]);
  });

  it('with other content under its id is refused, and nothing of it is stored', async () => {
    await using receiver = await openReceiver();
    const bb = await receiver.addPartner('bb');
    await pushAll(receiver, bb, [pushRequest(1, keys(0, 1))]);
    const other = pushRequest(1, [sentKey(0, { transmissionRisk: 4 })]);
    await expect(pushAll(receiver, bb, [other])).rejects.toMatchObject({ kind: 'conflict', code: 'batch_conflict' });
    expect(await receiver.intake.stored()).toMatchObject([{ transmission_risk: 3 }]);
  });

  it('from another partner under the same id is another batch', async () => {
    await using receiver = await openReceiver();
    const [bb, cc] = [await receiver.addPartner('bb'), await receiver.addPartner('cc')];
    await pushAll(receiver, bb, [pushRequest(1, keys(0, 1))]);
    const answers = await pushAll(receiver, cc, [pushRequest(1, keys(0, 2))]);
    expect(answers).toMatchObject([{ verdicts: [Verdict.KNOWN, Verdict.STORED], isRepeated: false }]);
  });

  it('because its connection to the database was cut is stored then, keys and answer together', async () => {
    await using receiver = await openReceiver();
    const bb = await receiver.addPartner('bb');
    const { database } = receiver.intake;
    await database.query(`
      create function cut() returns trigger language plpgsql as $$
      begin
        perform pg_terminate_backend(pg_backend_pid());
        return new;
      end $$;
      create trigger cut after insert on pushed_batches execute function cut()`);
    const batch = pushRequest(1, keys(0, 2));
    await expect(pushAll(receiver, bb, [batch])).rejects.toMatchObject({ kind: 'unavailable' });
    expect(await receiver.intake.stored()).toEqual([]);
    await database.query('drop function cut() cascade');
    expect(await pushAll(receiver, bb, [batch])).toMatchObject([
      { verdicts: [Verdict.STORED, Verdict.STORED], isRepeated: false },
    ]);
  });

  it('on several streams at once is stored by one; the others wait for it and get its answer', async () => {
    await using receiver = await openReceiver();
    const bb = await receiver.addPartner('bb');
    const batch = pushRequest(1, keys(0, 500));
    const streams = Array.from({ length: 6 }, () => pushAll(receiver, bb, [batch]));
    const answers = (await Promise.all(streams)).flat();
    expect(answers.filter(({ isRepeated }) => !isRepeated)).toHaveLength(1);
    expect(answers.flatMap(({ verdicts }) => verdicts).every((verdict) => verdict === Verdict.STORED)).toBe(true);
    expect(await recorded(receiver)).toBe(1);
  });

  it('on several streams at once with different content is taken from one, and refused to the others', async () => {
    await using receiver = await openReceiver();
    const bb = await receiver.addPartner('bb');
    const streams = [1, 2, 3].map((number) => pushAll(receiver, bb, [pushRequest(1, keys(number * 100, 50))]));
    const outcomes = await Promise.allSettled(streams);
    const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
    expect(refused).toMatchObject([{ code: 'batch_conflict' }, { code: 'batch_conflict' }]);
    expect(await receiver.intake.stored()).toHaveLength(50);
  });
});

it('verdicts have on the wire the numbers that are stored', () => {
  const wire = Object.fromEntries(Object.entries(Verdict).map(([name, code]) => [name.toLowerCase(), code] as const));
  delete wire['unspecified'];
  delete wire['unrecognized'];
  expect(wire).toEqual(verdictCodes);
});
